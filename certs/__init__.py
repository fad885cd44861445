"""TLS certificates: issue, load, reload, check."""
