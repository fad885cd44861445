"""A message as IMAP shows it: scanned and rendered once, at delivery (RFC 5322, 2045-2047, 2231; RFC 9051 7.5.2)."""
