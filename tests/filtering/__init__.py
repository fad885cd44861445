"""Tests of the checks of what comes in and goes out."""
