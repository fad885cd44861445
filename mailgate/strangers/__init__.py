"""What is found out about a server that nobody knows, before it may write to somebody here."""
