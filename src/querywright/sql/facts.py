"""What is known about a qualified query from its text and its schema: the ground every transform's soundness stands on.

Every answer that rests on a key, a NOT NULL or a foreign key names those as premises. ``None`` always means "not known",
never "no". Facts read one tree and are valid as long as it is not changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count as counting
from typing import TypeVar, cast

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from querywright.sql import dependencies, nullability
from querywright.sql.predicates import ColumnKey
from querywright.sql.qualify import complete_types, table_of
from querywright.sql.schema import Schema, Table
from querywright.sql.trees import Twins, copied
from querywright.sql.volatility import deterministic
from querywright.values import Premise

Found = TypeVar("Found")
Premises = frozenset[Premise]
NONE_NEEDED: Premises = frozenset()


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of a FROM clause.

    Exactly one of ``table`` (a base table) and ``query`` (the body of a derived table or of the CTE that ``node`` names) is set;
    both are None for table functions, VALUES, UNNEST and recursive CTEs. ``join`` is None for the first entry.
    ``nullable`` says that an outer join may fill its columns with NULLs.
    """

    alias: str
    node: exp.Expr
    table: Table | None
    query: exp.Query | None
    join: exp.Join | None
    nullable: bool

    @property
    def outer(self) -> bool:
        """Joined by LEFT, RIGHT or FULL."""
        return self.join is not None and self.join.side in ("LEFT", "RIGHT", "FULL")

    @property
    def common(self) -> bool:
        """Reads a common table expression by name."""
        return isinstance(self.node, exp.Table) and self.query is not None


def _twin(source: Source, twins: Twins) -> Source:
    """A FROM entry of a tree in the copy of the tree."""
    query = None if source.query is None else cast(exp.Query, twins[id(source.query)])
    join = None if source.join is None else cast(exp.Join, twins[id(source.join)])
    return Source(source.alias, twins[id(source.node)], source.table, query, join, source.nullable)


def _calm(facts: Facts) -> bool:
    return deterministic(facts.tree)


def _homeless(facts: Facts) -> list[exp.Column]:
    return [column for column in facts.tree.find_all(exp.Column) if column.table and facts.home(column) is None]


def _within(node: exp.Expr, block: exp.Expr) -> bool:
    current: exp.Expr | None = node
    while current is not None and current is not block:
        current = current.parent
    return current is block


class Facts:
    """Facts about one qualified tree; computed when asked for and kept.

    ``dialect`` is the engine's sqlglot dialect. ``typed`` are the nodes, by ``id``, that have types although the tree has none.
    """

    def __init__(self, tree: exp.Query, schema: Schema, dialect: str) -> None:
        self.tree = tree
        self.schema = schema
        self.dialect = dialect
        self.typed: Mapping[int, exp.Expr] = {}
        self._sources: dict[int, dict[str, Source]] = {}
        self._unique: dict[tuple[int, frozenset[str]], Premises | None] = {}
        self._pending: set[tuple[int, frozenset[str]]] = set()
        self._changing = False
        self._found: dict[Callable[[Facts], object], object] = {}
        self._local: dict[tuple[int, int], tuple[exp.Expr, list[exp.Column]]] = {}

    def during_changes(self) -> Facts:
        """Facts about the tree while a rewrite changes it: what its structure told before stays known, all else is not kept."""
        facts = Facts(self.tree, self.schema, self.dialect)
        facts._keep(self._selects, self._homes, {id(select): self.sources(select) for select in self._selects})
        return facts

    def of_copy(self) -> tuple[Facts, Twins]:
        """Like `during_changes`, about a copy of the tree, and the copy of each node."""
        twins: Twins = {}
        facts = Facts(copied(self.tree, positions=False, twins=twins), self.schema, self.dialect)
        facts._keep(
            tuple(cast(exp.Select, twins[id(select)]) for select in self._selects),
            {id(twins[column]): cast(exp.Select, twins[id(home)]) for column, home in self._homes.items()},
            {
                id(twins[id(select)]): {alias: _twin(source, twins) for alias, source in self.sources(select).items()}
                for select in self._selects
            },
        )
        return facts, twins

    def _keep(self, selects: tuple[exp.Select, ...], homes: dict[int, exp.Select], sources: dict[int, dict[str, Source]]) -> None:
        self._selects, self._homes, self._sources, self.scopes = selects, homes, sources, {}
        self._changing = True

    def once(self, find: Callable[[Facts], Found]) -> Found:
        """``find(facts)``, which several transforms ask for, found once as long as the tree is not changed."""
        if self._changing:
            return find(self)
        if find not in self._found:
            self._found[find] = find(self)
        return cast(Found, self._found[find])

    # ------------------------------------------------------------------ structure

    @cached_property
    def traversal(self) -> list[Scope]:
        """sqlglot's scopes, inner blocks first."""
        return traverse_scope(self.tree)

    @cached_property
    def scopes(self) -> dict[int, Scope]:
        """sqlglot's scope of each query block, by ``id`` of the block."""
        return {id(scope.expression): scope for scope in self.traversal}

    def complete_types(self) -> None:
        """Give the expressions of a tree that has no types their types."""
        if self.tree.type is None:
            complete_types(self.tree, self.traversal, self.schema, self.dialect, self.typed)

    def scope(self, block: exp.Query) -> Scope | None:
        """The scope of a SELECT or set operation of the tree."""
        return self.scopes.get(id(block))

    def selects(self) -> Iterator[exp.Select]:
        """Every SELECT block of the tree, outer blocks first, in the order of the text."""
        return iter(self._selects)

    @cached_property
    def _selects(self) -> tuple[exp.Select, ...]:
        return tuple(self.tree.find_all(exp.Select, bfs=False))

    def sources(self, select: exp.Select) -> dict[str, Source]:
        """The FROM clause of ``select`` by alias, in order."""
        known = self._sources.get(id(select))
        if known is None:
            known = self._sources[id(select)] = self._find_sources(select)
        return known

    def _find_sources(self, select: exp.Select) -> dict[str, Source]:
        scope = self.scope(select)
        start = select.args.get("from_")
        if start is None or scope is None:
            return {}
        joins: list[exp.Join] = select.args.get("joins") or []
        entries: list[tuple[exp.Expr, exp.Join | None]] = [
            (start.this, None),
            *((join.this, join) for join in joins),
        ]
        # A RIGHT or FULL join fills everything before it with NULLs, a LEFT or FULL join fills its own side.
        last_right = max((i for i, (_, join) in enumerate(entries) if join and join.side in ("RIGHT", "FULL")), default=0)
        found: dict[str, Source] = {}
        for position, (node, join) in enumerate(entries):
            nullable = position < last_right or (join is not None and join.side in ("LEFT", "FULL"))
            table, query = self._resolve(node, scope)
            found[node.alias_or_name] = Source(node.alias_or_name, node, table, query, join, nullable)
        return found

    def _resolve(self, node: exp.Expr, scope: Scope) -> tuple[Table | None, exp.Query | None]:
        if isinstance(node, exp.Subquery) and not node.args.get("pivots"):
            body = node.unnest()
            return None, body if isinstance(body, exp.Query) else None
        if not isinstance(node, exp.Table) or node.args.get("pivots") or node.args.get("joins"):
            return None, None
        resolved = scope.sources.get(node.alias_or_name)
        if isinstance(resolved, Scope):
            body = resolved.expression
            recursive = any(table.name == node.name for table in body.find_all(exp.Table)) if not node.db else False
            return None, None if recursive or not isinstance(body, exp.Query) else body
        if isinstance(resolved, exp.Table) and isinstance(node.this, exp.Identifier):
            sampled = node.args.get("sample") or node.args.get("hints")
            return (None if sampled else table_of(node, self.schema)), None
        return None, None

    def correlated_columns(self, block: exp.Query) -> list[exp.Column]:
        """Columns within ``block`` (nested queries included) that belong to a query outside of it."""
        inside = {id(query) for query in block.find_all(exp.Query)}
        homes = self._homes
        return [
            column
            for column in block.find_all(exp.Column)
            if (home := homes.get(id(column))) is not None and id(home) not in inside and column.table
        ]

    @cached_property
    def _homes(self) -> dict[int, exp.Select]:
        homes: dict[int, exp.Select] = {}
        for scope in self.scopes.values():
            if not isinstance(scope.expression, exp.Select):
                continue
            names = scope.selected_sources
            for column in scope.columns:
                if column.table in names and id(column) not in homes:
                    homes[id(column)] = scope.expression
        return homes

    def home(self, column: exp.Column) -> exp.Select | None:
        """The SELECT block whose FROM clause a column belongs to; None for references to output aliases."""
        return self._homes.get(id(column))

    def references(self, select: exp.Select, alias: str) -> list[exp.Column]:
        """Every column in the tree that belongs to source ``alias`` of ``select``, correlated uses in nested queries included."""
        if self._changing:
            homes = self._homes
            return [column for column in select.find_all(exp.Column) if homes.get(id(column)) is select and column.table == alias]
        return list(self._columns.get((id(select), alias), ()))

    def possible_references(self, select: exp.Select, alias: str) -> list[exp.Column]:
        """`references`, and the columns in ``select`` of a table of that name of which it is not known where they belong."""
        unknown = [column for column in self.once(_homeless) if column.table == alias and _within(column, select)]
        return [*self.references(select, alias), *unknown]

    @cached_property
    def _columns(self) -> dict[tuple[int, str], list[exp.Column]]:
        found: dict[tuple[int, str], list[exp.Column]] = {}
        for column in self.tree.find_all(exp.Column):
            home = self._homes.get(id(column))
            if home is not None:
                found.setdefault((id(home), column.table), []).append(column)
        return found

    def local_columns(self, node: exp.Expr, select: exp.Select) -> list[exp.Column]:
        """Columns under ``node`` that belong to the FROM clause of ``select``."""
        homes = self._homes
        key = id(node), id(select)
        if self._changing or key not in self._local:
            # The node is kept with its columns, so that no other one can have its id.
            self._local[key] = node, [column for column in node.find_all(exp.Column) if homes.get(id(column)) is select]
        return list(self._local[key][1])

    def fresh_name(self, stem: str) -> str:
        """A name that no table, alias or column of the tree has: ``stem`` itself or ``stem_2``, ``stem_3``, …"""
        taken = {node.name.lower() for node in self.tree.find_all(exp.Identifier)}
        taken.update(self.schema.by_name)
        if stem.lower() not in taken:
            return stem
        return next(f"{stem}_{number}" for number in counting(2) if f"{stem}_{number}".lower() not in taken)

    def deterministic(self, node: exp.Expr) -> bool:
        """Whether ``node`` gives the same value whenever it is evaluated within one statement."""
        return (not self._changing and self.once(_calm) and node.root() is self.tree) or deterministic(node)

    # ------------------------------------------------------------------ keys, dependencies, order

    def unique(self, query: exp.Query, columns: Collection[str]) -> Premises | None:
        """Premises under which no two rows of ``query`` agree in the output ``columns``, NULLs equal; None if not known."""
        key = (id(query), frozenset(columns))
        if key in self._unique:
            return self._unique[key]
        if key in self._pending:
            return None  # a recursive definition proves nothing about itself
        self._pending.add(key)
        try:
            answer = dependencies.unique(self, query, key[1])
        finally:
            self._pending.discard(key)
        self._unique[key] = answer
        return answer

    def unique_source(self, source: Source, columns: Collection[str]) -> Premises | None:
        """Premises under which no two rows of a FROM entry agree in ``columns``, NULLs counted as equal; None if not known."""
        return dependencies.unique_source(self, source, frozenset(columns))

    def at_most_one(self, source: Source, columns: Collection[str]) -> Premises | None:
        """Premises under which ``columns = constants`` selects at most one row of a FROM entry (NULL keys never match)."""
        return dependencies.at_most_one(self, source, frozenset(columns))

    def at_most_one_match(self, select: exp.Select, source: Source) -> Premises | None:
        """Premises under which the ON of a LEFT JOIN matches at most one row of ``source`` for each row of its left side."""
        return dependencies.at_most_one_match(self, select, source)

    def duplicate_free(self, query: exp.Query) -> Premises | None:
        """Premises under which no two rows of ``query`` are equal; None if not known."""
        return self.unique(query, [name for name in query.named_selects])

    def duplicate_free_before_distinct(self, select: exp.Select) -> Premises | None:
        """Premises under which no two rows of ``select`` would be equal even without its own DISTINCT; None if not known."""
        return dependencies.unique_before_distinct(self, select, frozenset(select.named_selects))

    def identifying(self, select: exp.Select, columns: Collection[ColumnKey]) -> Premises | None:
        """Premises under which no two joined rows of ``select`` (before grouping) agree in ``columns``; None if not known."""
        return dependencies.identifying(self, select, frozenset(columns))

    def determined(self, select: exp.Select, columns: Collection[ColumnKey]) -> tuple[frozenset[ColumnKey], Premises]:
        """Columns of the joined rows of ``select`` (before grouping) that ``columns`` determine, and the premises used."""
        return dependencies.closure(self, select, frozenset(columns))

    def total_order(self, query: exp.Query) -> Premises | None:
        """Premises under which the ORDER BY of ``query`` leaves no ties between different rows; None if not known."""
        return dependencies.total_order(self, query)

    # ------------------------------------------------------------------ NULLs

    def not_null(self, node: exp.Expr, select: exp.Select) -> Premises | None:
        """Premises under which ``node`` is never NULL on the rows of ``select`` that pass its WHERE; None if not known."""
        return nullability.not_null(self, node, select)

    def not_null_output(self, query: exp.Query, column: str) -> Premises | None:
        """Premises under which output ``column`` of ``query`` is never NULL; None if not known."""
        return nullability.not_null_output(self, query, column)
