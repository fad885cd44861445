"""SMTP server engine: submission, and the message as it arrives; it knows no database and no school."""
