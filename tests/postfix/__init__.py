"""A real Postfix, with names of its own on loopback, sends to the gateway and takes from it."""
