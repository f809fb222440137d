"""The query graph: every block of a query as a node, with what it reads, filters, joins and who consumes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Literal

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import conjuncts, where_conjuncts
from querywright.sql.trees import printed

NodeKind = Literal["main", "cte", "derived", "subquery", "branch"]


@dataclass(frozen=True, slots=True)
class Node:
    """One block.

    ``reads`` names tables and other nodes; ``consumers`` the nodes that read this one; ``marks`` are ``GROUP_BY``,
    ``CORRELATED``, ``WINDOW``, ``DISTINCT``, ``LIMIT``, ``ORDER_BY``, ``SET_OPERATION``; ``rows`` is the sum of row
    counts of the base tables read, if known.
    """

    name: str
    kind: NodeKind
    columns: tuple[str, ...]
    filters: tuple[str, ...]
    joins: tuple[str, ...]
    reads: tuple[str, ...]
    consumers: tuple[str, ...]
    marks: tuple[str, ...]
    rows: int | None


@dataclass(frozen=True, slots=True)
class QueryGraph:
    """Nodes of a query, definitions before their consumers."""

    nodes: tuple[Node, ...]


def query_graph(facts: Facts) -> QueryGraph:
    """The graph of a qualified query."""
    names = dict(_named_blocks(facts.tree))
    blocks = [node for node in facts.tree.find_all(exp.Query, bfs=False) if id(node) in names]
    readers: dict[str, list[str]] = {}
    reads = {id(block): _reads(block, names) for block in blocks}
    for block in blocks:
        for read in reads[id(block)]:
            readers.setdefault(read, []).append(names[id(block)][0])
    nodes = []
    for block in reversed(blocks):
        name, kind = names[id(block)]
        nodes.append(
            Node(
                name,
                kind,
                tuple(block.named_selects),
                tuple(_filters(block, facts.dialect)),
                tuple(_joins(block, facts.dialect)),
                tuple(reads[id(block)]),
                tuple(dict.fromkeys(readers.get(name, []))),
                tuple(_marks(block, facts)),
                _rows(block, facts),
            )
        )
    return QueryGraph(tuple(nodes))


def named_blocks(tree: exp.Query) -> dict[str, exp.Query]:
    """The blocks of a query by the names of their nodes, in the order of the text."""
    names = dict(_named_blocks(tree))
    return {names[id(block)][0]: block for block in tree.find_all(exp.Select, exp.SetOperation, bfs=False)}


def _named_blocks(tree: exp.Query) -> Iterator[tuple[int, tuple[str, NodeKind]]]:
    """Names are unique: of blocks that share an alias, the second gets it with _2."""
    taken = {"main_query"}

    def free(names: Iterable[str]) -> str:
        name = next(name for name in names if name not in taken)
        taken.add(name)
        return name

    def numbered(stem: str) -> str:
        return free(f"{stem}_{number}" for number in count(1))

    def aliased(alias: str) -> str:
        return free(alias if number == 1 else f"{alias}_{number}" for number in count(1))

    for block in tree.find_all(exp.Select, exp.SetOperation, bfs=False):
        parent = block.parent
        if block is tree:
            yield id(block), ("main_query", "main")
        elif isinstance(parent, exp.CTE):
            yield id(block), (aliased(parent.alias), "cte")
        elif isinstance(parent, exp.SetOperation):
            yield id(block), (numbered("branch"), "branch")
        elif isinstance(parent, exp.Subquery) and isinstance(parent.parent, (exp.From, exp.Join)):
            yield id(block), (aliased(parent.alias) if parent.alias else numbered("derived"), "derived")
        else:
            yield id(block), (numbered("subquery"), "subquery")


def _reads(block: exp.Expr, names: dict[int, tuple[str, NodeKind]]) -> list[str]:
    found: list[str] = []
    for node in block.walk(bfs=False, prune=lambda below: below is not block and id(below) in names):
        if node is block:
            continue
        if id(node) in names and not isinstance(node.parent, exp.CTE):
            found.append(names[id(node)][0])
        elif isinstance(node, exp.Table):
            found.append(node.name)
    return list(dict.fromkeys(found))


def _filters(block: exp.Expr, dialect: str) -> list[str]:
    if not isinstance(block, exp.Select):
        return []
    having = block.args.get("having")
    predicates = [*where_conjuncts(block), *conjuncts(having.this if having else None)]
    return [printed(predicate, dialect, comments=False) for predicate in predicates]


def _joins(block: exp.Expr, dialect: str) -> list[str]:
    described = []
    for join in block.args.get("joins") or []:
        on = join.args.get("on")
        kind = " ".join(part for part in (join.side, join.kind) if part) or "INNER"
        condition = f" ON {printed(on, dialect, comments=False)}" if on is not None else ""
        described.append(f"{kind} {join.alias_or_name}{condition}")
    return described


def _marks(block: exp.Expr, facts: Facts) -> Iterator[str]:
    if isinstance(block, exp.SetOperation):
        yield "SET_OPERATION"
    if isinstance(block, exp.Select):
        if block.args.get("group") is not None:
            yield "GROUPING_SETS" if has_grouping_sets(block) else "GROUP_BY"
        if block.args.get("distinct") is not None:
            yield "DISTINCT"
        if any(window.parent_select is block for window in block.find_all(exp.Window)):
            yield "WINDOW"
        if facts.correlated_columns(block):
            yield "CORRELATED"
    if block.args.get("limit") is not None:
        yield "LIMIT"
    if block.args.get("order") is not None:
        yield "ORDER_BY"


def _rows(block: exp.Expr, facts: Facts) -> int | None:
    if not isinstance(block, exp.Select):
        return None
    counts = [source.table.rows for source in facts.sources(block).values() if source.table is not None]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
