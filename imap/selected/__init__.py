"""Mailboxes that sessions have selected: one shared state per mailbox and process, one view per session."""
