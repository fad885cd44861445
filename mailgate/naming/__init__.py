"""What the world has to know of a school's domain by DNS and HTTPS, and what it does know."""
