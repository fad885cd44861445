"""Who a message is from, as far as other servers can tell: what comes in is verified, what leaves is signed."""
