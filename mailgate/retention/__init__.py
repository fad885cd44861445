"""Leavers: a grace in which they go on reading, a time for which their mail is kept, and its end with proof."""
