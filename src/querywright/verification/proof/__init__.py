"""Symbolic proof that two queries give the same answer on every database that obeys the schema."""

from querywright.verification.proof.prove import Proof, Unproved, prove

__all__ = ["Proof", "Unproved", "prove"]
