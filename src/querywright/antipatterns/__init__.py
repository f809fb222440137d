"""Bad habits of written SQL, one a file: each finds where it occurs, and puts itself into a query that lacks it."""
