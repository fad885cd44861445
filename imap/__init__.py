"""IMAP4rev2 and IMAP4rev1 server engine: pure protocol, it knows no database and no school."""
