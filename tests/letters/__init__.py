"""Letters with activation codes."""
