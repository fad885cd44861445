"""Who may write to whom."""
