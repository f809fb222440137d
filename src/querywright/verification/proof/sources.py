"""Translates FROM clauses: inner joins are products, outer joins are the matches plus the rows without a match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.sql.qualify import table_of
from querywright.verification.proof.appearance import of_two_looks
from querywright.verification.proof.kinds import Unsupported, common_kind, kind_of_type
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.simplify import existence, negation, never
from querywright.verification.proof.terms import Atom, Bag, Branch, Column, Stored, Term, fresh_row, null, opened

if TYPE_CHECKING:
    from querywright.verification.proof.translate import Translation

_MOST_ALTERNATIVES = 64
_MODIFIERS = ("pivots", "sample", "hints", "version", "when", "ordinality", "only", "partition", "rows_from", "changes")

Names = dict[tuple[str, str], Term]


@dataclass(frozen=True)
class Alternative:
    """One way to make joined rows: atoms, conditions, and what each (alias, column) is."""

    atoms: tuple[Atom, ...]
    conditions: tuple[Term, ...]
    columns: Names

    def joined(self, other: Alternative, conditions: Sequence[Term] = ()) -> Alternative:
        """Both together."""
        atoms = (*self.atoms, *other.atoms)
        return Alternative(atoms, (*self.conditions, *other.conditions, *conditions), {**self.columns, **other.columns})

    def also(self, conditions: Sequence[Term]) -> Alternative:
        """With further conditions."""
        return Alternative(self.atoms, (*self.conditions, *conditions), self.columns)

    def branch(self, conditions: Sequence[Term], outputs: Sequence[Term] = ()) -> Branch:
        """As a branch with fresh rows."""
        return opened(Branch(self.atoms, (*self.conditions, *conditions), tuple(outputs)))


def alternatives(translation: Translation, select: exp.Select, scope: Scope) -> list[Alternative]:
    """The joined rows of the FROM clause of ``select``."""
    start = select.args.get("from_")
    found = [Alternative((), (), {})] if start is None else _item(translation, start.this, scope)
    found = _joins(translation, found, select.args.get("joins") or [], scope)
    for lateral in select.args.get("laterals") or []:
        found = [one.joined(right) for one in found for right in _item(translation, lateral, _inside(one, scope))]
    return found


def _joins(translation: Translation, left: list[Alternative], joins: list[exp.Join], scope: Scope) -> list[Alternative]:
    comma = False
    for join in joins:
        comma = comma or not (join.args.get("on") or join.side or join.kind)
        if comma and join.side in ("RIGHT", "FULL"):
            raise Unsupported(f"{join.side} JOIN after a comma")
        left = [one for one in _join(translation, left, join, scope) if not never(one.conditions)]
        if len(left) > _MOST_ALTERNATIVES:
            raise Unsupported("too many outer joins or unions")
    return left


def _join(translation: Translation, left: list[Alternative], join: exp.Join, scope: Scope) -> list[Alternative]:
    if join.method or join.args.get("using") or join.args.get("match_condition"):
        raise Unsupported(f"{join.method or 'USING'} JOIN")
    filtering = join.kind in ("SEMI", "ANTI")
    if join.kind not in ("", "INNER", "CROSS", "OUTER", "SEMI", "ANTI") or (filtering and join.side == "RIGHT"):
        raise Unsupported(f"{join.side} {join.kind} JOIN")
    condition = join.args.get("on")

    def on(one: Alternative, right: Alternative) -> tuple[Term, ...]:
        inside = _inside(one.joined(right), scope)
        return translation.scalars.predicate(condition, inside) if condition is not None else ()

    if join.side in ("RIGHT", "FULL"):
        if isinstance(join.this, exp.Lateral):
            raise Unsupported(f"{join.side} JOIN LATERAL")
        rights = _item(translation, join.this, scope)
        found = [one.joined(right, on(one, right)) for right in rights for one in left]
        found += [_unmatched(right, left, lambda right, one: on(one, right)) for right in rights]
        return found + ([_unmatched(one, rights, on) for one in left] if join.side == "FULL" else [])
    found = []
    for one in left:
        rights = _item(translation, join.this, _inside(one, scope) if isinstance(join.this, exp.Lateral) else scope)
        if filtering:
            exists = existence(Bag(tuple(right.branch(on(one, right)) for right in rights)))
            found.append(one.also([exists if join.kind == "SEMI" else negation(exists)]))
            continue
        found += [one.joined(right, on(one, right)) for right in rights]
        if join.side == "LEFT":
            found.append(_unmatched(one, rights, on))
    return found


Condition = Callable[[Alternative, Alternative], tuple[Term, ...]]


def _unmatched(one: Alternative, others: Sequence[Alternative], on: Condition) -> Alternative:
    """Rows of ``one`` without a match, the columns of the other side NULL."""
    matches = existence(Bag(tuple(other.branch(on(one, other)) for other in others)))
    empty = {key: null(term.kind) for other in others[:1] for key, term in other.columns.items()}
    return Alternative(one.atoms, (*one.conditions, negation(matches)), {**empty, **one.columns})


def _inside(one: Alternative, scope: Scope) -> Scope:
    return Scope(columns=one.columns, outer=scope, common=scope.common)


def _item(translation: Translation, node: exp.Expr, scope: Scope) -> list[Alternative]:
    """One entry of a FROM clause."""
    if any(node.args.get(name) for name in _MODIFIERS):
        raise Unsupported("a modifier of a table, such as a sample")
    if isinstance(node, exp.Paren):
        return _item(translation, node.this, scope)
    if isinstance(node, exp.Subquery) and isinstance(node.this, (exp.Table, exp.Subquery)) and not node.alias:
        found = _item(translation, node.this, scope)
    elif isinstance(node, exp.Subquery):
        body = node.unnest()
        if not isinstance(body, exp.Query):
            raise Unsupported("an aliased parenthesized join")
        found = _derived(translation, body, node, scope)
    elif isinstance(node, exp.Lateral):
        body = node.this.unnest() if isinstance(node.this, exp.Subquery) else node.this
        if not isinstance(body, exp.Query):
            raise Unsupported("a lateral table function")
        found = _derived(translation, body, node, scope)
    elif isinstance(node, exp.Values):
        found = _values(translation, node, scope)
    elif isinstance(node, exp.Table):
        found = _table(translation, node, scope)
    else:
        raise Unsupported(f"{node.key} in FROM")
    return _joins(translation, found, node.args.get("joins") or [], scope)


def _column_aliases(node: exp.Expr) -> list[str]:
    alias = node.args.get("alias")
    return [column.name.lower() for column in alias.args.get("columns") or []] if isinstance(alias, exp.TableAlias) else []


def _derived(translation: Translation, body: exp.Query, node: exp.Expr, scope: Scope) -> list[Alternative]:
    result = translation.query(body, scope)
    given = _column_aliases(node)
    names = [*given, *result.names[len(given) :]]
    alias = node.alias_or_name.lower()
    if len(names) != len(result.names):
        raise Unsupported("a list of column names that does not fit")
    shared = {name for name in names if names.count(name) > 1}  # what such a name means depends on the engine
    return [
        Alternative(
            one.atoms,
            one.conditions,
            {(alias, name): term for name, term in zip(names, one.outputs, strict=True) if name not in shared},
        )
        for one in (opened(branch) for branch in result.bag.branches)
    ] or [
        Alternative((), (null("boolean"),), {(alias, name): null(kind) for name, kind in zip(names, result.kinds, strict=True)})
    ]


def _values(translation: Translation, node: exp.Values, scope: Scope) -> list[Alternative]:
    alias = node.alias_or_name.lower()
    rows = [
        [translation.scalars.term(cell, scope) for cell in (row.expressions if isinstance(row, exp.Tuple) else [row])]
        for row in node.expressions
    ]
    names = _column_aliases(node) or [f"_col_{position}" for position in range(len(rows[0]))]
    if any(len(row) != len(names) for row in rows):
        raise Unsupported("VALUES with another number of column names")
    for column in zip(*rows, strict=True):
        if common_kind([cell.kind for cell in column]) == "other" and {cell.kind for cell in column} != {"other"}:
            raise Unsupported("VALUES of different types")
    return [Alternative((), (), {(alias, name): cell for name, cell in zip(names, row, strict=True)}) for row in rows]


def _table(translation: Translation, node: exp.Table, scope: Scope) -> list[Alternative]:
    place: Scope | None = scope
    while place is not None and not node.db:
        if node.name.lower() in place.common:
            body, home = place.common[node.name.lower()]
            return _derived(translation, body, node, home)
        place = place.outer
    table = table_of(node, translation.schema) if isinstance(node.this, exp.Identifier) else None
    if table is None:
        raise Unsupported("a table function or an unknown table")
    row = fresh_row()
    alias = node.alias_or_name.lower()
    names = [column.name.lower() for column in table.columns]
    shown = [*(given := _column_aliases(node)), *names[len(given) :]]
    columns: Names = {}
    for column, name in zip(table.columns, shown, strict=True):
        declared = translation.types[table.name.lower(), column.name.lower()]
        if column.collated or of_two_looks(declared):
            continue  # equal values may differ there
        columns[alias, name] = Column(row, column.name.lower(), kind_of_type(declared, translation.dialect))
    return [Alternative((Atom(row, Stored(table.name.lower())),), (), columns)]
