"""Checks of what a message is, whoever it is for: one small interface, one file for each."""
