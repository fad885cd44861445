"""The one way a message takes into mailboxes: who may send it, whom it reaches, one copy for each."""
