"""Records of a domain, and what the world sees of them."""
