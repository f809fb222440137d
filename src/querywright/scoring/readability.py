"""How well a query reads, from 0 to 1, as stated below and by nothing else: no model is asked.

The score is the mean of five parts, each between 0 and 1, weighted as in `WEIGHTS`:

- ``size``: 1 up to `EASY_NODES` nodes of the syntax tree, falling with the logarithm to 0 at `HARD_NODES`.
- ``nesting``: 1 for one block, half of that at `HALF_DEPTH` levels of blocks below it. A WITH clause is no level: it has a name.
- ``plainness``: how few of its columns, tables and joins are written in a way that a reader has to complete: a star, a join by
  a comma, ORDER BY 2, an output column without a name.
- ``repetition``: the share of the blocks that do not repeat another block word by word.
- ``directness``: the share of the blocks that run on their own, without columns of an enclosing query.

Layout and comments do not count: they are what a formatter makes of a query.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

WEIGHTS = {"size": 0.3, "nesting": 0.25, "plainness": 0.15, "repetition": 0.15, "directness": 0.15}
EASY_NODES = 60
HARD_NODES = 1500
HALF_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Readability:
    """The parts of a score, each between 0 and 1."""

    size: float
    nesting: float
    plainness: float
    repetition: float
    directness: float

    @property
    def score(self) -> float:
        """The weighted mean."""
        return sum(weight * float(getattr(self, part)) for part, weight in WEIGHTS.items())


def readability(tree: exp.Expr) -> Readability:
    """The readability of a parsed query, which need not be qualified; the tree stays as it is."""
    blocks = list(tree.find_all(exp.Select))
    nodes = sum(1 for _ in tree.walk())
    deepest = max((_depth(block) for block in blocks), default=0)
    written = [block.sql(comments=False) for block in blocks]
    dependent = sum(1 for block in blocks if _depends(block))
    return Readability(
        size=_falling(nodes),
        nesting=1 / (1 + deepest / HALF_DEPTH),
        plainness=_share(_plain(tree)),
        repetition=len(set(written)) / len(written) if written else 1.0,
        directness=1 - dependent / len(blocks) if blocks else 1.0,
    )


def _falling(nodes: int) -> float:
    beyond = math.log(max(nodes, EASY_NODES) / EASY_NODES) / math.log(HARD_NODES / EASY_NODES)
    return max(0.0, 1.0 - beyond)


def _depth(block: exp.Expr) -> int:
    """How many blocks enclose this one, up to the named query of the WITH clause that it belongs to."""
    depth, node = 0, block.parent
    while node is not None and not isinstance(node, exp.CTE):
        depth += isinstance(node, exp.Select)
        node = node.parent
    return depth


def _depends(block: exp.Select) -> bool:
    """Whether the block uses a table of an enclosing one, as far as its qualified columns tell."""
    if block.find_ancestor(exp.Select) is None:
        return False
    inside = {source.alias_or_name.lower() for source in block.find_all(exp.Table, exp.Subquery, exp.CTE)}
    return any(column.table and column.table.lower() not in inside for column in block.find_all(exp.Column))


def _plain(tree: exp.Expr) -> Iterator[bool]:
    """For each thing that may be written plainly or not: whether it is."""
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            yield False
    for join in tree.find_all(exp.Join):
        yield bool(join.args.get("on") or join.args.get("using") or join.kind == "CROSS" or join.method)
    for ordered in tree.find_all(exp.Ordered):
        yield not isinstance(ordered.this, exp.Literal)
    for block in tree.find_all(exp.Select):
        if block.parent is None or isinstance(block.parent, exp.CTE):
            yield from (bool(item.alias_or_name) for item in block.expressions)


def _share(judged: Iterator[bool]) -> float:
    seen = list(judged)
    return sum(seen) / len(seen) if seen else 1.0
