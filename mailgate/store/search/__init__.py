"""The index of texts: what SEARCH finds without reading messages, on both engines."""
