"""Sending: names resolved to servers (RFC 5321 section 5.1), and transactions with them."""
