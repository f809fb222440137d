"""Trained rankers of hints, one module each; other distributions add theirs as entry point ``querywright.analyze.rankers``."""
