"""Estimates what nested-loop joins cost in an order, from row counts, keys and indexes alone: no statistics of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log2, prod

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjuncts, constant, disjuncts, equated_columns, pinned_column, unwrap
from querywright.transforms._from_clause import aliases, components
from querywright.transforms._key_joins import inner_filters

_UNKNOWN_ROWS = 1000
_MOST_ENTRIES = 10
_EQUAL, _RANGE, _MATCH, _OTHER = 0.1, 1 / 3, 0.1, 0.5
_GROUPS, _INDEX_BUILD = 0.3, 2.5
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)


@dataclass(frozen=True)
class Plan:
    """``order`` of the first FROM entries, what joining them costs (in rows read), and how many rows that gives."""

    cost: float
    rows: float
    order: tuple[str, ...]


@dataclass(frozen=True)
class _Equality:
    """``alias.column = other``, with the number of different values that its side of the join may have."""

    predicate: exp.Expr
    alias: str
    column: str
    other: exp.Column


class JoinCosts:
    """Costs of the inner joins of ``select``. Every entry is read by a loop: a lookup by index, a temporary index, or a scan."""

    def __init__(self, select: exp.Select, facts: Facts) -> None:
        self._facts = facts
        self._sources = facts.sources(select)
        self._sizes: dict[str, float] = {}
        self._predicates = [(predicate, aliases(predicate, select, facts)) for predicate in inner_filters(select)]

    def cheapest_order(self) -> tuple[str, ...]:
        """The aliases of the cheapest plan."""
        return self.cheapest.order

    @cached_property
    def connected(self) -> bool:
        """Whether equalities connect all entries but those of which a constant key selects one row."""
        single = {alias for alias in self._sources if self._is_key(alias, self._pinned(alias))}
        parts = components(self._sources, [frozenset([each.alias, each.other.table]) for each in self._equalities])
        return sum(not part <= single for part in parts) < 2

    @cached_property
    def cheapest(self) -> Plan:
        """The cheapest of all orders, by dynamic programming over sets of entries (Selinger et al., SIGMOD 1979)."""
        plans = {frozenset[str](): Plan(0, 1, ())}
        for _ in self._sources:
            longer: dict[frozenset[str], Plan] = {}
            for done, plan in plans.items():
                for alias in self._next(done):
                    known, joined = longer.get(done | {alias}), self._join(plan, alias)
                    if known is None or joined.cost < known.cost:
                        longer[done | {alias}] = joined
            plans = longer
        return next(iter(plans.values()))

    def _next(self, done: frozenset[str]) -> list[str]:
        """The entries that may follow: those that an equality or a constant key connects, others only if there are none."""
        waiting = [alias for alias in self._sources if alias not in done]
        linked = {equality.alias for equality in self._equalities if equality.other.table in done}
        linked |= {alias for alias in waiting if self._is_key(alias, self._pinned(alias))}
        return [alias for alias in waiting if alias in linked or not done] or waiting

    def _pinned(self, alias: str) -> set[str]:
        """The columns that equal a constant."""
        columns = [pinned_column(predicate) for predicate, used in self._predicates if used == {alias}]
        return {column.name.lower() for column in columns if column is not None}

    def _join(self, plan: Plan, alias: str) -> Plan:
        """``plan`` with one more entry."""
        before = frozenset(plan.order)
        size = self._size(self._sources[alias])
        equalities = [equality for equality in self._equalities if equality.alias == alias and equality.other.table in before]
        ready = [p for p, used in self._predicates if alias in used and used <= before | {alias} and not _equates(p, equalities)]
        matching = prod(1 / self._different(equality) for equality in equalities)
        kept = size * matching * prod(self._share(predicate, alias, size) for predicate in ready)
        bound = {equality.column.lower() for equality in equalities} | self._pinned(alias)
        lookup = 1 + log2(size) / 4
        if self._is_key(alias, bound):
            kept = min(1.0, kept * size if not equalities else prod(self._share(p, alias, size) for p in ready))
            cost = plan.rows * lookup
        elif self._indexed(alias, bound):
            cost = plan.rows * (lookup + size * matching)
        elif equalities:
            cost = size * lookup * _INDEX_BUILD + plan.rows * (lookup + size * matching)
        else:
            cost = plan.rows * size
        return Plan(plan.cost + cost, max(plan.rows * kept, 0.01), (*plan.order, alias))

    @cached_property
    def _equalities(self) -> list[_Equality]:
        found = []
        for predicate, used in self._predicates:
            pair = equated_columns(predicate)
            if pair is not None and len(used) == 2:
                found += [_Equality(predicate, own.table, own.name, other) for own, other in (pair, pair[::-1])]
        return found

    def _size(self, source: Source) -> float:
        if source.table is not None:
            return max(1, source.table.rows if source.table.rows is not None else _UNKNOWN_ROWS)
        known = self._sizes.get(source.alias)
        if known is None:
            known = self._sizes[source.alias] = max(1.0, self._derived_size(source.query))
        return known

    def _derived_size(self, query: exp.Query | None) -> float:
        if isinstance(query, exp.SetOperation):
            return self._derived_size(query.left) + self._derived_size(query.right)
        entries = self._facts.sources(query) if isinstance(query, exp.Select) else {}
        if not isinstance(query, exp.Select) or not 0 < len(entries) <= _MOST_ENTRIES:
            return _UNKNOWN_ROWS
        rows = JoinCosts(query, self._facts).cheapest.rows
        return rows * _GROUPS if query.args.get("group") is not None or query.args.get("distinct") is not None else rows

    def _different(self, equality: _Equality) -> float:
        """How many values the two sides of an equality have: the more, the fewer rows match."""
        own = self._values(self._sources[equality.alias], equality.column)
        return max(1.0, own, self._values(self._sources[equality.other.table], equality.other.name))

    def _values(self, source: Source, column: str) -> float:
        """How many different values a column has: a row of its own each for a key, as many as a foreign key may refer to."""
        size = self._size(source)
        if self._is_key(source.alias, {column.lower()}):
            return size
        for key in source.table.foreign_keys if source.table is not None else ():
            target = self._facts.schema.table(key.references)
            if [name.lower() for name in key.columns] == [column.lower()] and target is not None and target.rows:
                return min(size, target.rows)
        return max(1.0, size * _EQUAL)

    def _is_key(self, alias: str, columns: set[str]) -> bool:
        return bool(columns) and self._facts.at_most_one(self._sources[alias], columns) is not None

    def _indexed(self, alias: str, columns: set[str]) -> bool:
        table = self._sources[alias].table
        paths = [index.columns for index in table.indexes] + [key.columns for key in table.keys] if table is not None else []
        return any(path and path[0].lower() in columns for path in paths)

    def _share(self, predicate: exp.Expr, alias: str, size: float) -> float:
        """The share of rows for which a predicate is true."""
        node = unwrap(predicate)
        if isinstance(node, exp.And):
            return prod(self._share(part, alias, size) for part in conjuncts(node))
        if isinstance(node, exp.Or):
            return min(1.0, sum(self._share(part, alias, size) for part in disjuncts(node)))
        if isinstance(node, exp.Not):
            return max(0.1, 1 - self._share(node.this, alias, size))
        pinned = pinned_column(node)
        if pinned is not None:
            return 1 / size if self._is_key(pinned.table, {pinned.name.lower()}) else max(_EQUAL, 1 / size)
        if isinstance(node, exp.In) and node.args.get("query") is not None:
            return self._share_of_keys(node.args["query"].unnest())
        if isinstance(node, exp.In) and node.expressions:
            return min(_OTHER, len(node.expressions) * max(_EQUAL, 1 / size))
        if isinstance(node, _RANGES) and (constant(node.this) or constant(node.expression)):
            return _RANGE
        if isinstance(node, exp.Between):
            return _RANGE
        if isinstance(node, (exp.Like, exp.Is)):
            return _MATCH
        return _OTHER

    def _share_of_keys(self, body: exp.Expr) -> float:
        """The share of the rows of a table that a subquery keeps: what IN keeps of the rows that refer to it."""
        sources = self._facts.sources(body) if isinstance(body, exp.Select) else {}
        if not isinstance(body, exp.Select) or not 0 < len(sources) <= _MOST_ENTRIES or body.args.get("group") is not None:
            return _OTHER
        inside = JoinCosts(body, self._facts)
        largest = max(inside._size(source) for source in sources.values())
        return min(_OTHER, inside.cheapest.rows / largest)


def _equates(predicate: exp.Expr, equalities: Sequence[_Equality]) -> bool:
    return any(equality.predicate is predicate for equality in equalities)
