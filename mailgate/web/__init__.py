"""Pages over HTTPS: those of links that people get by mail."""
