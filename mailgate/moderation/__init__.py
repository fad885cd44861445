"""Messages that wait: for a moderator, or for the minutes in which their writer may take them back."""
