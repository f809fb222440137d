"""Keys and functional dependencies of query results.

The question asked is always "are rows that agree in these columns the same row?", answered by a closure of functional
dependencies over the FROM clause (Darwen 1988; Paulley and Larson, "Exploiting uniqueness in query optimization", 1994), with
NULLs counted as equal, as GROUP BY and DISTINCT count them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import (
    ColumnKey,
    column_key,
    conjuncts,
    equality_identifies,
    equated_columns,
    null_rejected_columns,
    pinned_column,
    unwrap,
    where_conjuncts,
)
from querywright.sql.trees import printed
from querywright.values import Premise

if TYPE_CHECKING:
    from querywright.sql.facts import Facts, Premises, Source

_FILTERING_KINDS = ("SEMI", "ANTI")


def unique(facts: Facts, query: exp.Query, columns: frozenset[str]) -> Premises | None:
    """See `Facts.unique`."""
    if isinstance(query, exp.Subquery):
        inner = query.unnest()
        return facts.unique(inner, columns) if isinstance(inner, exp.Query) else None
    if _single_row(query):
        return frozenset()
    if isinstance(query, exp.SetOperation):
        return _unique_set_operation(facts, query, columns)
    if not isinstance(query, exp.Select):
        return None
    if query.args.get("distinct") and columns >= set(query.named_selects) and not query.args["distinct"].args.get("on"):
        return frozenset()
    return unique_before_distinct(facts, query, columns)


def unique_before_distinct(facts: Facts, query: exp.Select, columns: frozenset[str]) -> Premises | None:
    """Like `unique` for the rows of ``query`` without its own DISTINCT."""
    outputs = {projection.alias_or_name: _bare(projection) for projection in query.expressions}
    if any(isinstance(node, exp.Unnest | exp.Explode) for node in query.expressions for node in node.walk()):
        return None
    chosen = [outputs[name] for name in columns if name in outputs]
    group = query.args.get("group")
    if group is not None:
        return _unique_groups(facts, query, group, chosen)
    if any(_aggregates(projection, query) for projection in query.expressions):
        return frozenset()  # a global aggregate is one row
    keys = frozenset(column_key(node) for node in chosen if isinstance(node, exp.Column))
    return identifying(facts, query, keys)


def identifying(facts: Facts, select: exp.Select, keys: frozenset[ColumnKey]) -> Premises | None:
    """See `Facts.identifying`."""
    sources = facts.sources(select)
    if not sources or select.args.get("laterals"):
        return None
    known, premises = closure(facts, select, keys)
    for source in sources.values():
        if source.join is not None and (source.join.side in ("RIGHT", "FULL")):
            return None
        if source.join is not None and source.join.kind in _FILTERING_KINDS:
            continue
        proof = at_most_one_match(facts, select, source)
        if proof is None:
            proof = _row_key(facts, source, known, _not_null_columns(facts, select))
        if proof is None:
            return None
        premises |= proof
    return premises


def at_most_one_match(facts: Facts, select: exp.Select, source: Source) -> Premises | None:
    """See `Facts.at_most_one_match`."""
    join = source.join
    if join is None or join.side != "LEFT" or join.kind not in ("", "OUTER") or join.method:
        return None
    pinned = {
        own.name
        for predicate in conjuncts(join.args.get("on"))
        if isinstance(bare := unwrap(predicate), exp.EQ)
        for own, given in ((unwrap(bare.this), unwrap(bare.expression)), (unwrap(bare.expression), unwrap(bare.this)))
        if isinstance(own, exp.Column) and own.table == source.alias and facts.home(own) is select
        if _fixed(facts, given, source.alias) and equality_identifies(own, given)
    }
    return facts.at_most_one(source, pinned)


def _fixed(facts: Facts, node: exp.Expr, alias: str) -> bool:
    """Whether ``node`` has one value for a row of the left side of a join with ``alias``."""
    tables = {column.table for column in node.find_all(exp.Column)}
    return alias not in tables and node.find(exp.Query) is None and facts.deterministic(node)


def _row_key(facts: Facts, source: Source, known: frozenset[ColumnKey], not_null: frozenset[ColumnKey]) -> Premises | None:
    """Premises under which the known columns of ``source`` identify one of its rows; ``not_null`` columns hold no NULL."""
    own = {name for alias, name in known if alias == source.alias}
    proof = unique_source(facts, source, frozenset(own))
    if proof is None and source.table is not None:
        proof = _table_key(source, frozenset(name for name in own if (source.alias, name) in not_null), needs_not_null=False)
    return proof


def _not_null_columns(facts: Facts, select: exp.Select) -> frozenset[ColumnKey]:
    """Columns that are never NULL because the WHERE or an inner join rejects NULLs."""
    joins: list[exp.Join] = select.args.get("joins") or []
    if any(join.side in ("RIGHT", "FULL") for join in joins):
        return frozenset()
    on = [join.args.get("on") for join in joins if join.side == "" and join.kind in ("", "INNER", "CROSS") and not join.method]
    filters = [*where_conjuncts(select), *(part for condition in on for part in conjuncts(condition))]
    return frozenset(key for predicate in filters for key in null_rejected_columns(predicate))


def closure(facts: Facts, select: exp.Select, start: frozenset[ColumnKey]) -> tuple[frozenset[ColumnKey], Premises]:
    """See `Facts.determined`."""
    sources = facts.sources(select)
    known: set[ColumnKey] = set(start)
    premises: set[Premise] = set()
    filters = list(where_conjuncts(select))
    outer: list[tuple[Source, list[exp.Expr]]] = []
    not_null = _not_null_columns(facts, select)
    plain = not any(source.join is not None and source.join.side in ("RIGHT", "FULL") for source in sources.values())
    for source in sources.values():
        on = source.join.args.get("on") if source.join is not None else None
        if on is None or source.join is None or not plain:
            continue
        if source.join.side == "LEFT":
            outer.append((source, conjuncts(on)))
        elif source.join.kind in ("", "INNER", "CROSS"):
            filters += conjuncts(on)
    equalities = [pair for predicate in filters if (pair := equated_columns(predicate))]
    for predicate in filters:
        pinned = pinned_column(predicate)
        if pinned is not None and facts.home(pinned) is select:
            known.add(column_key(pinned))
        for column in _pinned_by_outside(facts, predicate, select):
            known.add(column_key(column))
    changed = True
    while changed:
        before = len(known)
        for left, right in equalities:
            if facts.home(left) is not select or facts.home(right) is not select:
                continue
            for given, other in ((left, right), (right, left)):
                if column_key(given) in known and equality_identifies(other, given):
                    known.add(column_key(other))
        for source, predicates in outer:
            if _left_side_known(facts, select, source, predicates, known):
                known |= _determined_by_outer_join(source.alias, predicates)
                proof = at_most_one_match(facts, select, source)
                if proof is not None:
                    known |= {(source.alias, name) for name in _column_names(source)}
                    premises |= proof
        for source in sources.values():
            names = frozenset(name for alias, name in known if alias == source.alias)
            proof = _row_key(facts, source, frozenset(known), not_null)
            if proof is not None and source.nullable:
                # the NULLs of a row without a match must differ from every row of the source
                present = _never_null(facts, source, names)
                proof = None if present is None else proof | present
            if proof is not None:
                everything = {(source.alias, name) for name in _column_names(source)}
                if not everything <= known:
                    known |= everything
                    premises |= proof
        changed = len(known) > before
    return frozenset(known), frozenset(premises)


def _pinned_by_outside(facts: Facts, predicate: exp.Expr, select: exp.Select) -> list[exp.Column]:
    """Columns of ``select`` that equal a column of an enclosing query: constants while the subquery runs once."""
    pair = equated_columns(predicate)
    if pair is None:
        return []
    homes = [facts.home(column) for column in pair]
    return [
        column
        for column, given, home, other in zip(pair, reversed(pair), homes, reversed(homes), strict=True)
        if home is select and other is not None and other is not select and equality_identifies(column, given)
    ]


def _left_side_known(facts: Facts, select: exp.Select, source: Source, predicates: list[exp.Expr], known: set[ColumnKey]) -> bool:
    """Whether ``known`` columns decide what the ON of a LEFT JOIN matches, and so whether it matches at all."""
    local = [column for predicate in predicates for column in facts.local_columns(predicate, select)]
    left = {column_key(column) for column in local if column.table != source.alias}
    return left <= known and all(predicate.find(exp.Query) is None and facts.deterministic(predicate) for predicate in predicates)


def _determined_by_outer_join(alias: str, predicates: list[exp.Expr]) -> set[ColumnKey]:
    """Right-hand columns of a LEFT JOIN that its ON equates with left-hand columns or constants; NULL in rows without a match."""
    found: set[ColumnKey] = set()
    for predicate in predicates:
        pair = equated_columns(predicate)
        pinned = pinned_column(predicate)
        if pair is not None:
            found |= {
                column_key(column)
                for column, given in (pair, pair[::-1])
                if column.table == alias and given.table != alias and equality_identifies(column, given)
            }
        elif pinned is not None and pinned.table == alias:
            found.add(column_key(pinned))
    return found


def _never_null(facts: Facts, source: Source, names: frozenset[str]) -> Premises | None:
    """Premises under which one of these columns of a FROM entry holds no NULL of its own; None if not known."""
    for name in sorted(names):
        if source.query is not None:
            premises = facts.not_null_output(source.query, name)
            if premises is not None:
                return premises
        elif source.table is not None:
            column = source.table.column(name)
            if column is not None and column.not_null is not None:
                return frozenset([Premise("not_null", source.table.name, (column.name,), column.not_null)])
    return None


def _column_names(source: Source) -> list[str]:
    if source.table is not None:
        return [column.name.lower() for column in source.table.columns]
    return list(source.query.named_selects) if source.query is not None else []


def unique_source(facts: Facts, source: Source, columns: frozenset[str]) -> Premises | None:
    """See `Facts.unique_source`: table keys count only where their columns cannot be NULL."""
    if source.query is not None:
        return facts.unique(source.query, columns)
    return _table_key(source, columns, needs_not_null=True)


def at_most_one(facts: Facts, source: Source, columns: frozenset[str]) -> Premises | None:
    """See `Facts.at_most_one`: equality never selects NULL keys, so a nullable unique key serves."""
    if source.query is not None:
        return facts.unique(source.query, columns)
    return _table_key(source, columns, needs_not_null=False)


def _table_key(source: Source, columns: frozenset[str], *, needs_not_null: bool) -> Premises | None:
    table = source.table
    if table is None:
        return None
    names = {name.lower() for name in columns}
    best: Premises | None = None
    for key in table.keys:
        if not {name.lower() for name in key.columns} <= names:
            continue
        premises = {Premise("unique", table.name, key.columns, key.basis)}
        if needs_not_null:
            stored = [table.column(name) for name in key.columns]
            if any(column is None or column.not_null is None for column in stored):
                continue
            premises |= {
                Premise("not_null", table.name, (column.name,), column.not_null)
                for column in stored
                if column is not None and column.not_null is not None
            }
        if best is None or _weakness(premises) < _weakness(best):
            best = frozenset(premises)
    return best


def _weakness(premises: Premises | set[Premise]) -> int:
    """Enforced keys first, assumed ones last."""
    order = ("enforced", "declared", "checked", "assumed")
    return max(order.index(premise.basis) for premise in premises)


def _unique_groups(facts: Facts, select: exp.Select, group: exp.Group, chosen: list[exp.Expr]) -> Premises | None:
    """Groups are unique in their grouping expressions; columns that determine those serve as well."""
    if has_grouping_sets(select):
        return None
    columns = frozenset(column_key(node) for node in chosen if isinstance(node, exp.Column))
    known, premises = closure(facts, select, columns)
    texts = {printed(node, facts.dialect) for node in chosen}
    used: set[Premise] = set()
    for expression in group.expressions:
        bare = unwrap(expression)
        if printed(bare, facts.dialect) in texts:
            continue
        if isinstance(bare, exp.Column) and column_key(bare) in known:
            used |= premises
            continue
        if isinstance(bare, exp.Literal) or not list(bare.find_all(exp.Column)):
            continue
        return None
    return frozenset(used)


def _unique_set_operation(facts: Facts, query: exp.SetOperation, columns: frozenset[str]) -> Premises | None:
    names = query.named_selects
    if query.args.get("distinct") and columns >= set(names):
        return frozenset()
    if isinstance(query, (exp.Except, exp.Intersect)):
        left = query.left
        positions = [names.index(name) for name in columns if name in names]
        return facts.unique(left, [left.named_selects[position] for position in positions])
    return None


def total_order(facts: Facts, query: exp.Query) -> Premises | None:
    """See `Facts.total_order`."""
    if _single_row(query):
        return frozenset()
    order = query.args.get("order")
    if order is None:
        return None
    names = query.named_selects
    if not isinstance(query, exp.Select):
        positions = [_order_name(ordered.this, names) for ordered in order.expressions]
        return facts.unique(query, [name for name in positions if name])
    chosen: set[str] = set()
    hidden: list[exp.Expr] = []
    outputs = {projection.alias_or_name: _bare(projection) for projection in query.expressions}
    for ordered in order.expressions:
        name = _order_name(ordered.this, names)
        if name is not None:
            chosen.add(name)
        else:
            hidden.append(ordered.this)
    proof = facts.unique(query, chosen)
    if proof is not None or query.args.get("group") or query.args.get("distinct"):
        return proof
    keys = {column_key(node) for node in hidden if isinstance(node, exp.Column) and node.table}
    keys |= {column_key(node) for name in chosen if isinstance(node := outputs.get(name), exp.Column)}
    return identifying(facts, query, frozenset(keys))


def _order_name(node: exp.Expr, names: list[str]) -> str | None:
    bare = unwrap(node)
    if isinstance(bare, exp.Literal) and not bare.is_string and bare.name.isdigit():
        return names[int(bare.name) - 1] if 0 < int(bare.name) <= len(names) else None
    return bare.name if isinstance(bare, exp.Column) and not bare.table and bare.name in names else None


def _single_row(query: exp.Query) -> bool:
    limit = query.args.get("limit")
    if isinstance(limit, exp.Limit) and isinstance(limit.expression, exp.Literal) and limit.expression.name in ("0", "1"):
        return True
    if not isinstance(query, exp.Select) or query.args.get("group") is not None:
        return False
    if any(projection.find(exp.Unnest, exp.Explode) for projection in query.expressions):
        return False  # they make rows
    return query.args.get("from_") is None or any(_aggregates(projection, query) for projection in query.expressions)


def _aggregates(node: exp.Expr, select: exp.Select) -> bool:
    """Whether ``node`` holds an aggregate call of this block (not of a nested query, not a window function's)."""
    return any(call.parent_select is select and not _windowed(call) for call in node.find_all(exp.AggFunc))


def _windowed(call: exp.Expr) -> bool:
    parent = call.parent
    while isinstance(parent, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter, exp.WithinGroup)):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def _bare(projection: exp.Expr) -> exp.Expr:
    return unwrap(projection.this if isinstance(projection, exp.Alias) else projection)
