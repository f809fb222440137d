"""``qw factory``: verified training data by the ten thousand."""
