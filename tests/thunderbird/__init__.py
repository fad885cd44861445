"""Thunderbird itself against a gateway, on a screen of its own: `./run thunderbird`. Not part of the test suite."""
