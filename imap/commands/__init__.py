"""What each command does: one module per command family, and one table that names them all."""
