"""The factory: slow queries with verified faster ones, by the ten thousand, with their questions, labels and rewards."""
