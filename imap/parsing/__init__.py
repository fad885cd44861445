"""The grammar of IMAP: commands from the wire to values, and values to the wire."""
