"""What a verified example is worth: how much faster it is, and how well it reads."""
