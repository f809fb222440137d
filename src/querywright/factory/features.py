"""What a query makes use of, and how hard that makes it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.transforms.driver import transforms

INDEXING = "indexing"
"""The pattern of solutions that create an index."""

FEATURES = (
    "3+-table join",
    "window",
    "CTE",
    "set operation",
    "subquery",
    "correlated subquery",
    "grouping",
    "top-N",
    "distinct",
)


def features(facts: Facts) -> tuple[str, ...]:
    """Those of `FEATURES` that the qualified query has, in that order."""
    tree = facts.tree
    blocks = list(facts.selects())
    nested = [block for block in blocks if block is not tree and isinstance(block.parent, (exp.Subquery, exp.In, exp.Exists))]
    present = {
        "3+-table join": any(len(block.args.get("joins") or ()) >= 2 for block in blocks),
        "window": tree.find(exp.Window) is not None,
        "CTE": tree.find(exp.CTE) is not None,
        "set operation": tree.find(exp.SetOperation) is not None,
        "subquery": bool(nested),
        "correlated subquery": any(facts.correlated_columns(block) for block in nested),
        "grouping": any(block.args.get("group") for block in blocks),
        "top-N": any(block.args.get("limit") for block in blocks),
        "distinct": any(block.args.get("distinct") for block in blocks),
    }
    return tuple(name for name in FEATURES if present[name])


def table_count(facts: Facts) -> int:
    """How many times the query reads a table of the schema."""
    return sum(source.table is not None for block in facts.selects() for source in facts.sources(block).values())


def difficulty(used: Iterable[str], tables: int, habits: int) -> str:
    """``easy``, ``medium`` or ``hard``: by the number of features and of tables read, and of the habits to be cured."""
    points = len(tuple(used)) + tables + habits
    return "easy" if points <= 4 else "medium" if points <= 8 else "hard"


def pattern_of(applied: Iterable[str], indexes: bool) -> str:
    """The kinds of optimization of a solution, such as ``decorrelate|indexing``: the families of its transforms."""
    known = transforms()
    kinds = {known[name].FAMILY for name in applied if name in known}
    return "|".join(sorted({*kinds, *([INDEXING] if indexes else [])})) or "semantic_rewrite"


def with_indexing(pattern: str) -> str:
    """The pattern of a solution that creates an index as well."""
    return "|".join(sorted({*pattern.split("|"), INDEXING}))
