"""Who a query is: its task id, its family of near-duplicates, and the split that they belong to.

The gym and the factory share these, so that what one trains on the other never examines.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from sqlglot import exp

from querywright.sql.fingerprint import normalized
from querywright.sql.trees import copied

Split = Literal["train", "validation", "test"]

HELD_OUT = {"shop": "test", "social": "test", "content": "validation"}
"""Schemas that are never trained on, by the split that they serve."""

_SHARE = 10
_NEUTRAL = "duckdb"
"""The dialect of skeletons: a question that is asked of two engines belongs to one split."""


def task_id(fingerprint: str, schema: str, seed: int) -> str:
    """The id of the task of a query on a schema; 16 hexadecimal digits."""
    return hashlib.sha256(f"{fingerprint}:{schema}:{seed}".encode()).hexdigest()[:16]


def skeleton(qualified: exp.Query) -> str:
    """Equal for queries that differ in constants only, on whatever engine; 16 hexadecimal digits."""
    tree = copied(qualified, typed=False, positions=False)
    for node in list(tree.find_all(exp.Literal)):
        node.replace(exp.Literal.string("?"))
    return hashlib.sha256(normalized(tree, _NEUTRAL).encode()).hexdigest()[:16]


def split_of(schema: str, family: str) -> Split:
    """The split of a family of queries over a schema: some schemas are held out whole, and a tenth of the families of the others
    for each of validation and test."""
    held = HELD_OUT.get(schema)
    if held is not None:
        return "test" if held == "test" else "validation"
    drawn = int(hashlib.sha256(f"{schema}:{family}".encode()).hexdigest()[:8], 16) % _SHARE
    return {0: "test", 1: "validation"}.get(drawn, "train")  # type: ignore[return-value]
