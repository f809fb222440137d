"""Shapes of queries: one module a shape, which draws a clean query and the question that it answers."""
