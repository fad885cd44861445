"""Readers: one module per format, each giving the records of `directory.model`."""
