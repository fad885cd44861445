"""Mail moves in and out: a whole account copied from an IMAP server, exported to and imported from Maildir and mbox."""
