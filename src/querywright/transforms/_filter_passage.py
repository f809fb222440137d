"""Whether and how a filter on a query's output can be applied to its input."""

from __future__ import annotations

from sqlglot import exp

from querywright.sql.correlation import grouped, one_group_matches
from querywright.sql.facts import NONE_NEEDED, Facts, Premises
from querywright.sql.failures import may_fail
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import collated, column_key, constant, set_where, unwrap, where_conjuncts
from querywright.sql.trees import printed

_ROW_COUNTING = ("limit", "offset", "fetch", "sample", "laterals", "windows", "pivots", "connect", "match")


def premises_inside(query: exp.Query, predicate: exp.Expr, facts: Facts) -> Premises | str:
    """Premises under which ``predicate`` on output columns of ``query`` may be applied inside of it; else a sentence why not."""
    names = {column.name for column in predicate.find_all(exp.Column)}
    if not names <= set(query.named_selects):
        return "the filter mentions columns that the inner query does not name"
    if any(query.args.get(clause) for clause in _ROW_COUNTING):
        return "the inner query has a LIMIT, OFFSET, sample or named window"
    if isinstance(query, exp.SetOperation):
        return _premises_in_branches(query, predicate, names, facts)
    if isinstance(query, exp.Subquery):
        inner = query.unnest()
        return premises_inside(inner, predicate, facts) if isinstance(inner, exp.Query) else "the inner query is not a SELECT"
    return _premises_in_select(query, names, facts) if isinstance(query, exp.Select) else "the inner query is not a SELECT"


def _premises_in_branches(query: exp.SetOperation, predicate: exp.Expr, names: set[str], facts: Facts) -> Premises | str:
    if any(query.args.get(clause) for clause in ("by_name", "side", "on")):
        return "the branches are matched by name"
    left, right = query.left, query.right
    for name in names:
        place = query.named_selects.index(name)
        sides = [_first_select(branch).expressions[place] for branch in (left, right)]
        if not one_group_matches(*sides):
            return "the branches have columns of types that are unknown or convert"
    first = premises_inside(left, predicate, facts)
    if isinstance(first, str) or isinstance(query, exp.Except):
        return first
    second = premises_inside(right, _for_right(query, predicate), facts)
    return second if isinstance(second, str) else first | second


def _premises_in_select(select: exp.Select, names: set[str], facts: Facts) -> Premises | str:
    distinct = select.args.get("distinct")
    if distinct is not None and distinct.args.get("on"):
        return "the inner query has DISTINCT ON"
    if not facts.deterministic(select) or any(p.find(exp.Unnest, exp.Explode) for p in select.expressions):
        return "the inner query is not deterministic or makes rows in its SELECT list"
    used = [node for node in _projections(select, names) if not constant(node)]
    texts = {printed(unwrap(node), facts.dialect) for node in used}
    group = select.args.get("group")
    if group is None and grouped(select):
        return "the inner query is a global aggregate, which gives a row for no input"
    if group is not None and (has_grouping_sets(select) or not texts <= _texts(group.expressions, facts)):
        return "the filter is not on grouping columns alone"
    windowed = any(window.parent_select is select for window in select.find_all(exp.Window))
    if (group or distinct or windowed) and any(map(collated, used)):
        return "values that the filter tells apart may be equal under a collation"
    premises = NONE_NEEDED
    for window in select.find_all(exp.Window):
        if window.parent_select is select:
            proof = _whole_partitions(window.args.get("partition_by") or [], used, select, facts)
            if proof is None:
                return "the filter is not on columns that every window partitions by, or that those determine"
            premises |= proof
    if any(node.find(exp.Query, exp.AggFunc, exp.Window) or may_fail(node, facts.dialect) for node in used):
        return "the filter is on a subquery, an aggregate or an expression that may fail"
    return premises


def _whole_partitions(keys: list[exp.Expr], used: list[exp.Expr], select: exp.Select, facts: Facts) -> Premises | None:
    """Premises under which rows that agree in ``keys`` agree in the values ``used``, so that a filter on them keeps or drops
    whole partitions; None if not known."""
    texts = _texts(keys, facts)

    def is_key(node: exp.Expr) -> bool:
        return printed(node, facts.dialect) in texts

    rest = [node for value in used for node in value.walk(prune=is_key) if isinstance(node, exp.Column) and not is_key(node)]
    if not rest:
        return NONE_NEEDED
    columns = [bare for key in keys if isinstance(bare := unwrap(key), exp.Column) and facts.home(bare) is select]
    known, premises = facts.determined(select, [column_key(column) for column in columns])
    return premises if all(facts.home(column) is select and column_key(column) in known for column in rest) else None


def _texts(nodes: list[exp.Expr], facts: Facts) -> set[str]:
    return {printed(unwrap(node), facts.dialect) for node in nodes}


def _first_select(query: exp.Query) -> exp.Select:
    while not isinstance(query, exp.Select):
        query = query.this
    return query


def _projections(select: exp.Select, names: set[str]) -> list[exp.Expr]:
    return [projection.unalias() for projection in select.expressions if projection.alias_or_name in names]


def push_inside(query: exp.Query, predicate: exp.Expr) -> None:
    """Apply ``predicate`` (copied) inside ``query``; only where `premises_inside` gives premises for it."""
    if isinstance(query, exp.SetOperation):
        push_inside(query.left, predicate)
        if not isinstance(query, exp.Except):
            push_inside(query.right, _for_right(query, predicate))
    elif isinstance(query, exp.Select):
        set_where(query, [*where_conjuncts(query), _inside(query, predicate)])
    elif isinstance(inner := query.unnest(), exp.Query):
        push_inside(inner, predicate)


def holds_inside(query: exp.Query, predicate: exp.Expr, facts: Facts) -> bool:
    """Whether ``predicate`` is applied inside ``query`` already, at any depth."""
    if isinstance(query, exp.SetOperation):
        right = isinstance(query, exp.Except) or holds_inside(query.right, _for_right(query, predicate), facts)
        return right and holds_inside(query.left, predicate, facts)
    if not isinstance(query, exp.Select):
        inner = query.unnest()
        return isinstance(inner, exp.Query) and holds_inside(inner, predicate, facts)
    inside = _inside(query, predicate)
    if inside.sql(facts.dialect) in {conjunct.sql(facts.dialect) for conjunct in where_conjuncts(query)}:
        return True
    tables = {column.table for column in inside.find_all(exp.Column)}
    source = facts.sources(query).get(next(iter(tables))) if len(tables) == 1 else None
    return source is not None and source.query is not None and holds_inside(source.query, inside, facts)


def _inside(select: exp.Select, predicate: exp.Expr) -> exp.Expr:
    """The predicate in terms of the input of ``select``."""
    projections = {projection.alias_or_name: projection.unalias() for projection in select.expressions}
    holder = exp.Paren(this=predicate.copy())
    for column in list(holder.find_all(exp.Column)):
        value = projections[column.name].copy()
        column.replace(value if isinstance(value, (exp.Column, exp.Func, exp.Literal)) else exp.Paren(this=unwrap(value)))
    return unwrap(holder)


def _for_right(query: exp.SetOperation, predicate: exp.Expr) -> exp.Expr:
    """The predicate under the column names of the right branch."""
    names = dict(zip(query.named_selects, query.right.named_selects, strict=True))
    holder = exp.Paren(this=predicate.copy())
    for column in list(holder.find_all(exp.Column)):
        column.replace(exp.column(exp.to_identifier(names[column.name]), column.args.get("table")))
    return unwrap(holder)
