"""Letters on paper: to each person an activation code, where to use it, and what to enter into a mail program."""
