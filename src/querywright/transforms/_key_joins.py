"""Inner joins that only look up a row which is known to exist: along a foreign key, or of a table with itself on its key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts, Premises, Source
from querywright.sql.predicates import comparison_type, conjuncts, equated_columns, where_conjuncts
from querywright.sql.schema import Table
from querywright.values import Premise


@dataclass(frozen=True)
class KeyJoin:
    """Each row of ``survivor`` whose ``required`` columns are not NULL meets exactly one row of ``removed``.

    ``columns`` maps lower-case column names of ``removed`` to columns of ``survivor`` with the same value and type,
    ``equalities`` are the predicates that join the two, ``required`` holds the columns not known to be NOT NULL.
    """

    removed: Source
    survivor: Source
    columns: dict[str, str]
    equalities: tuple[exp.Expr, ...]
    required: tuple[str, ...]
    premises: Premises


@dataclass(frozen=True)
class _Equality:
    """``predicate`` equates a column of the removed table with one of the survivor."""

    own: exp.Column
    other: exp.Column
    predicate: exp.Expr


def inner(join: exp.Join | None) -> bool:
    """Whether a FROM entry is first or joined by an inner join, a cross join or a comma."""
    return join is None or (join.side == "" and join.kind in ("", "INNER", "CROSS") and not join.method)


def inner_filters(select: exp.Select) -> list[exp.Expr]:
    """Conjuncts of WHERE and of the ON of inner joins."""
    joins: list[exp.Join] = select.args.get("joins") or []
    return [*where_conjuncts(select), *(part for join in joins if inner(join) for part in conjuncts(join.args.get("on")))]


def key_joins(facts: Facts, select: exp.Select, removed: Source) -> Iterator[KeyJoin]:
    """Every way in which another FROM entry makes the row of ``removed`` certain."""
    if removed.table is None:
        return
    sources = facts.sources(select)
    found: dict[str, list[_Equality]] = {}
    for predicate in inner_filters(select):
        pair = equated_columns(predicate)
        if pair is None or any(facts.home(column) is not select for column in pair):
            continue
        for own, other in (pair, pair[::-1]):
            if own.table == removed.alias != other.table and _same_kind(own, other):
                found.setdefault(other.table, []).append(_Equality(own, other, predicate))
    for alias, equalities in found.items():
        yield from _along_foreign_key(facts, removed, sources[alias], equalities)
        yield from _with_itself(facts, removed, sources[alias], equalities)


def _same_kind(first: exp.Expr, second: exp.Expr) -> bool:
    integers = all(node.type is not None and node.type.is_type(*exp.DataType.INTEGER_TYPES) for node in (first, second))
    return integers or (first.type == second.type and None not in (comparison_type(first), comparison_type(second)))


def _along_foreign_key(facts: Facts, removed: Source, survivor: Source, equalities: list[_Equality]) -> Iterator[KeyJoin]:
    assert removed.table is not None
    origins = [_origin(facts, survivor, equality.other.name) for equality in equalities]
    for child, path in dict.fromkeys((origin[0], origin[2]) for origin in origins if origin is not None):
        for key in child.foreign_keys:
            if key.references.lower() != removed.table.name.lower():
                continue
            wanted = dict(zip(map(str.lower, key.references_columns), map(str.lower, key.columns), strict=True))
            used = {
                equality.own.name.lower(): equality
                for equality, origin in zip(equalities, origins, strict=True)
                if origin == (child, wanted.get(equality.own.name.lower()), path)
            }
            unique = facts.at_most_one(removed, used)
            if used.keys() != wanted.keys() or unique is None:
                continue
            # under MySQL's collations equal texts need not be the same text
            columns = {
                name: equality.other.name
                for name, equality in used.items()
                if equality.own.type == equality.other.type and not (facts.dialect == "mysql" and _text(equality.own))
            }
            reference = (key.references, key.references_columns)
            premise = Premise("foreign_key", child.name, key.columns, key.basis, reference)
            yield _key_join(facts, removed, survivor, columns, list(used.values()), unique | {premise})


def _text(node: exp.Expr) -> bool:
    return node.type is not None and node.type.is_type(*exp.DataType.TEXT_TYPES)


def _with_itself(facts: Facts, removed: Source, survivor: Source, equalities: list[_Equality]) -> Iterator[KeyJoin]:
    if removed.table is None or removed.table is not survivor.table:
        return
    used = [equality for equality in equalities if equality.own.name == equality.other.name]
    unique = facts.at_most_one(removed, {equality.own.name for equality in used})
    if used and unique is not None:
        columns = {column.name.lower(): column.name for column in removed.table.columns}
        yield _key_join(facts, removed, survivor, columns, used, unique)


def _key_join(
    facts: Facts, removed: Source, survivor: Source, columns: dict[str, str], used: list[_Equality], premises: Premises
) -> KeyJoin:
    required: list[str] = []
    for name in dict.fromkeys(equality.other.name for equality in used):
        present = _never_null(facts, survivor, name)
        if present is None:
            required.append(name)
        else:
            premises |= present
    return KeyJoin(removed, survivor, columns, tuple(equality.predicate for equality in used), tuple(required), premises)


def _never_null(facts: Facts, source: Source, name: str) -> Premises | None:
    """Like `Facts.not_null`, but without the filters of the block: the join that goes may be the one that rejects NULLs."""
    if source.nullable:
        return None
    if source.query is not None:
        return facts.not_null_output(source.query, name)
    column = source.table.column(name) if source.table is not None else None
    if source.table is None or column is None or column.not_null is None:
        return None
    return frozenset([Premise("not_null", source.table.name, (column.name,), column.not_null)])


def _origin(facts: Facts, source: Source, name: str) -> tuple[Table, str, tuple[str, ...]] | None:
    """The table, its column, and the way through nested blocks from which a column's values (or NULL) come."""
    if source.table is not None:
        return source.table, name.lower(), ()
    if not isinstance(source.query, exp.Select):
        return None
    for projection in source.query.selects:
        column = projection.unalias()
        if projection.alias_or_name.lower() == name.lower() and isinstance(column, exp.Column):
            inside = facts.sources(source.query).get(column.table)
            below = _origin(facts, inside, column.name) if inside and facts.home(column) is source.query else None
            return below and (below[0], below[1], (column.table, *below[2]))
    return None
