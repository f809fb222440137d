"""Slow queries without a model: typed queries over any schema, each with its question, and bad habits put into them."""
