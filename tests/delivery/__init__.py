"""What becomes of a message between its writer and its readers."""
