"""Bounded proof: two queries give the same answer on every database with at most k rows a table, whatever the values."""

from querywright.verification.bounded.check import Bounded, Suspect, Unbounded, bounded

__all__ = ["Bounded", "Suspect", "Unbounded", "bounded"]
