"""The school year turns over: prepared beside the current one, looked at, switched to at once, undone within a day."""
