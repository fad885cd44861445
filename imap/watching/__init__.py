"""News of mailboxes that are not selected (RFC 5465): one watch for each account, one listener for each session."""
