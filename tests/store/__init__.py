"""The message store, on both engines."""
