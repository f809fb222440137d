"""Proposes indexes for a query from its conditions, joins, groups and orders.

A table that a block reads gets an index on the columns that are compared with equal values first, then one on those that it is
joined by, then the column of a range or the columns that it is grouped or sorted by. That is the order in which a
B-tree can serve them (T. J. Lahdenmäki and M. Leach, Relational Database Index Design and the Optimizers, 2005, chapter 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import conjuncts, equated_columns, unwrap
from querywright.sql.schema import Table

MOST_COLUMNS = 4
"""An index on more columns costs more than it gains."""

_RANGES = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between)


@dataclass(frozen=True, slots=True)
class IndexCandidate:
    """An index on ``columns`` of ``table``; ``reason`` says what it would serve."""

    table: str
    columns: tuple[str, ...]
    reason: str = field(compare=False)

    @property
    def name(self) -> str:
        """A name that tells what the index holds."""
        return "_".join(["idx", self.table.replace(".", "_"), *self.columns]).lower()

    @property
    def statement(self) -> str:
        """The CREATE INDEX statement, without a semicolon."""
        columns = ", ".join(_spelled(column) for column in self.columns)
        return f"CREATE INDEX {_spelled(self.name)} ON {_spelled(self.table)} ({columns})"


@dataclass
class _Uses:
    """The columns of one source by what its block does with them."""

    table: Table
    equal: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    ranged: list[str] = field(default_factory=list)
    grouped: list[str] = field(default_factory=list)
    ordered: list[str] = field(default_factory=list)


def propose_indexes(facts: Facts, most: int = 3) -> tuple[IndexCandidate, ...]:
    """At most so many candidates for the qualified query of ``facts``, those for large tables first; none that exists already."""
    found: dict[tuple[str, tuple[str, ...]], tuple[int, IndexCandidate]] = {}
    for select in facts.selects():
        for uses in _uses(facts, select):
            for rank, (columns, reason) in enumerate(_wanted(uses)):
                kept = tuple(dict.fromkeys(columns))[:MOST_COLUMNS]
                key = (uses.table.name.lower(), tuple(name.lower() for name in kept))
                if kept and key not in found and not served(uses.table, key[1]):
                    found[key] = (rank, IndexCandidate(uses.table.name, kept, f"{reason} {', '.join(kept)}"))
    tables = {table.name: table.rows or 0 for table in facts.schema.tables}
    ordered = sorted(found.values(), key=lambda item: (item[0], -tables.get(item[1].table, 0)))
    return tuple(candidate for _, candidate in ordered)[:most]


def _uses(facts: Facts, select: exp.Select) -> Iterator[_Uses]:
    found = {alias: _Uses(source.table) for alias, source in facts.sources(select).items() if source.table is not None}
    for predicate in _predicates(select):
        _note_predicate(facts, select, found, unwrap(predicate))
    group = select.args.get("group")
    for node in group.expressions if group else ():
        _note(facts, select, found, node, "grouped")
    order = select.args.get("order")
    for node in order.expressions if order else ():
        _note(facts, select, found, node.this, "ordered")
    yield from found.values()


def _predicates(select: exp.Select) -> Iterator[exp.Expr]:
    where = select.args.get("where")
    yield from conjuncts(where.this if where else None)
    for join in select.args.get("joins") or ():
        yield from conjuncts(join.args.get("on"))


def _note_predicate(facts: Facts, select: exp.Select, found: dict[str, _Uses], predicate: exp.Expr) -> None:
    pair = equated_columns(predicate)
    if pair is not None:
        for column in pair:
            _note(facts, select, found, column, "joined")
    elif isinstance(predicate, (exp.EQ, exp.In)):
        for side in (predicate.this, predicate.args.get("expression")):
            _note(facts, select, found, side, "joined" if predicate.args.get("query") else "equal")
    elif isinstance(predicate, _RANGES):
        for side in (predicate.this, predicate.args.get("expression")):
            _note(facts, select, found, side, "ranged")


def _note(facts: Facts, select: exp.Select, found: dict[str, _Uses], node: exp.Expr | None, use: str) -> None:
    """Columns of this block's own tables count; those of enclosing blocks are values here."""
    bare = unwrap(node) if node is not None else None
    if isinstance(bare, exp.Column) and bare.table in found and facts.home(bare) is select:
        column = found[bare.table].table.column(bare.name)
        if column is not None:
            getattr(found[bare.table], use).append(column.name)


def _wanted(uses: _Uses) -> Iterator[tuple[Sequence[str], str]]:
    """Columns in the order of an index, and what they serve; the most promising first."""
    if uses.equal or uses.ranged:
        yield [*uses.equal, *uses.ranged[:1]], "serves the conditions on"
    if uses.joined:
        yield [*uses.joined[:1], *uses.equal, *uses.ranged[:1]], "serves the join and the conditions on"
        yield uses.joined[:1], "serves the join on"
    if uses.grouped:
        yield [*uses.equal, *uses.grouped], "serves the groups of"
    if uses.ordered:
        yield [*uses.equal, *uses.ordered], "serves the order by"


def served(table: Table, columns: tuple[str, ...]) -> bool:
    """Whether an index or a key that is there begins with these columns, or is a key that they begin with."""
    keys = [_lower(key.columns) for key in table.keys]
    paths = [*keys, *(_lower(index.columns) for index in table.indexes)]
    return any(path[: len(columns)] == columns for path in paths) or any(columns[: len(key)] == key for key in keys)


def _lower(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _spelled(name: str) -> str:
    plain = name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()
    return name if plain else '"' + name.replace('"', '""') + '"'
