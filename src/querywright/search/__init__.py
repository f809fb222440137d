"""Search modes: which queries to expand, in what order, and when to stop. One mode a file."""
