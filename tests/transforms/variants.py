"""Small random changes of a query, which tend to break one precondition of a transform and to leave the others."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from sqlglot import exp

from querywright.sql.schema import Schema

Change = Callable[[exp.Query, Schema, Random], None]
_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_AGGREGATES = (exp.Sum, exp.Count, exp.Min, exp.Max, exp.Avg)


def variant(query: exp.Query, schema: Schema, random: Random) -> exp.Query:
    """A copy of a qualified ``query`` with one to three changes; it need not be valid."""
    copy = query.copy()
    for _ in range(random.choice([1, 1, 2, 3])):
        random.choice(_CHANGES)(copy, schema, random)
    return copy


def _any(query: exp.Query, random: Random, *kinds: type[exp.Expr]) -> exp.Expr | None:
    found = list(query.find_all(*kinds))
    return random.choice(found) if found else None


def _join_otherwise(query: exp.Query, schema: Schema, random: Random) -> None:
    join = _any(query, random, exp.Join)
    if join is not None and join.args.get("on") is not None:
        join.set("kind", None)
        join.set("side", random.choice([None, "LEFT", "RIGHT", "FULL"]))


def _repeat_or_not(query: exp.Query, schema: Schema, random: Random) -> None:
    select = _any(query, random, exp.Select)
    if select is not None:
        select.set("distinct", None if select.args.get("distinct") else exp.Distinct())


def _compare_otherwise(query: exp.Query, schema: Schema, random: Random) -> None:
    comparison = _any(query, random, *_COMPARISONS)
    if comparison is not None:
        sides = [comparison.this, comparison.expression]
        random.shuffle(sides)
        comparison.replace(random.choice(_COMPARISONS)(this=sides[0], expression=sides[1]))


def _negate(query: exp.Query, schema: Schema, random: Random) -> None:
    predicate = _any(query, random, exp.Predicate)
    if predicate is not None:
        predicate.replace(exp.Not(this=exp.Paren(this=predicate.copy())))


def _aggregate_otherwise(query: exp.Query, schema: Schema, random: Random) -> None:
    call = _any(query, random, *_AGGREGATES)
    if call is not None and isinstance(call.this, exp.Column):
        argument = exp.Distinct(expressions=[call.this.copy()]) if random.random() < 0.2 else call.this.copy()
        call.replace(random.choice(_AGGREGATES)(this=argument))


def _count_rows(query: exp.Query, schema: Schema, random: Random) -> None:
    call = _any(query, random, *_AGGREGATES)
    if call is not None:
        call.replace(exp.Count(this=exp.Star()))


def _lose_a_conjunct(query: exp.Query, schema: Schema, random: Random) -> None:
    both = _any(query, random, exp.And)
    if both is not None:
        both.replace(random.choice([both.this, both.expression]))


def _and_to_or(query: exp.Query, schema: Schema, random: Random) -> None:
    both = _any(query, random, exp.And)
    if both is not None:
        both.replace(exp.Paren(this=exp.Or(this=both.this, expression=both.expression)))


def _read_another_column(query: exp.Query, schema: Schema, random: Random) -> None:
    column = _any(query, random, exp.Column)
    tables = {node.alias_or_name: schema.table(node.name) for node in query.find_all(exp.Table)}
    table = tables.get(column.table) if isinstance(column, exp.Column) else None
    if column is not None and table is not None:
        column.set("this", exp.to_identifier(random.choice(table.columns).name))


def _lose_a_clause(query: exp.Query, schema: Schema, random: Random) -> None:
    clause = _any(query, random, exp.Where, exp.Having, exp.Order, exp.Group, exp.Limit)
    if clause is not None:
        clause.pop()


def _filter_more(query: exp.Query, schema: Schema, random: Random) -> None:
    select = _any(query, random, exp.Select)
    columns = list(select.find_all(exp.Column)) if select is not None else []
    if isinstance(select, exp.Select) and columns:
        first, second = random.choice(columns).copy(), random.choice(columns).copy()
        present = exp.Is(this=first, expression=exp.Null())
        compared = random.choice(_COMPARISONS)(this=first.copy(), expression=second)
        select.where(random.choice([present, exp.Not(this=present.copy()), compared]), copy=False)


def _match_more(query: exp.Query, schema: Schema, random: Random) -> None:
    join, columns = _any(query, random, exp.Join), list(query.find_all(exp.Column))
    if join is not None and join.args.get("on") is not None:
        compared = random.choice(_COMPARISONS)(this=random.choice(columns).copy(), expression=random.choice(columns).copy())
        join.set("on", exp.And(this=exp.Paren(this=join.args["on"]), expression=compared))


def _group_otherwise(query: exp.Query, schema: Schema, random: Random) -> None:
    group = _any(query, random, exp.Group)
    if isinstance(group, exp.Group) and isinstance(group.parent, exp.Select):
        if len(group.expressions) > 1 and random.random() < 0.5:
            random.choice(group.expressions).pop()
        else:
            group.append("expressions", random.choice(list(group.parent.find_all(exp.Column))).copy())


def _show_otherwise(query: exp.Query, schema: Schema, random: Random) -> None:
    select = _any(query, random, exp.Select)
    columns = list(select.find_all(exp.Column)) if select is not None else []
    if select is not None and len(select.expressions) > 1 and random.random() < 0.5:
        random.choice(select.expressions).pop()
    elif select is not None and columns:
        select.append("expressions", exp.alias_(random.choice(columns).copy(), "shown"))


def _shadow(query: exp.Query, schema: Schema, random: Random) -> None:
    """Give a table in a nested block the alias of one outside of it."""
    nested = _any(query, random, exp.Subquery, exp.Exists)
    inner = nested.find(exp.Table) if nested is not None else None
    outer = _any(query, random, exp.Table)
    if inner is None or outer is None or inner.parent_select is outer.parent_select or inner.parent_select is None:
        return
    old, new = inner.alias, outer.alias_or_name
    for column in inner.parent_select.find_all(exp.Column):
        if column.table == old:
            column.set("table", exp.to_identifier(new))
    inner.set("alias", exp.TableAlias(this=exp.to_identifier(new)))


_CHANGES: tuple[Change, ...] = (
    _join_otherwise,
    _repeat_or_not,
    _compare_otherwise,
    _compare_otherwise,
    _negate,
    _aggregate_otherwise,
    _count_rows,
    _lose_a_conjunct,
    _and_to_or,
    _read_another_column,
    _read_another_column,
    _lose_a_clause,
    _filter_more,
    _match_more,
    _group_otherwise,
    _show_otherwise,
    _shadow,
)
