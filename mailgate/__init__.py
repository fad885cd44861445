"""The gateway: wires the IMAP and SMTP engines, the directory and the certificates to one message store."""
