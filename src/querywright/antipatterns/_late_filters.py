"""Filters on the output of a derived table or common table expression that its input could have had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from querywright.antipatterns._blocks import fills_earlier_sources
from querywright.sql.disjointness import branches
from querywright.sql.facts import Facts, Source
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import column_key, set_where, where_conjuncts

_ROW_COUNTING = ("limit", "offset", "fetch", "sample", "laterals", "qualify")


@dataclass(frozen=True)
class LateFilter:
    """``predicates`` of a WHERE stand outside of ``source`` and could stand inside."""

    predicates: tuple[exp.Expr, ...]
    source: Source


def late_filters(facts: Facts, windowed: bool) -> Iterator[LateFilter]:
    """Filters on columns by which a derived table, or a CTE that all readers filter, groups or (``windowed``) partitions."""
    found: dict[int, list[LateFilter]] = defaultdict(list)
    for select in facts.selects():
        for source in _sources(select, facts, windowed):
            if predicates := tuple(_late(select, source, facts)):
                found[id(source.query)].append(LateFilter(predicates, source))
    for readers in found.values():
        if len(readers) == _readers(readers[0].source, facts):
            yield from readers


def filter_late(facts: Facts, windowed: bool) -> bool:
    """Move one conjunct out of such a derived table or CTE, if only one block reads it; False where there is none."""
    for select in facts.selects():
        for source in _sources(select, facts, windowed):
            body = source.query
            if not isinstance(body, exp.Select) or _readers(source, facts) > 1:
                continue
            passing = {name: node for name, node in _passing_outputs(body, facts).items() if isinstance(node, exp.Column)}
            outputs = {node.sql(facts.dialect): exp.column(name, source.alias) for name, node in passing.items()}
            for predicate in where_conjuncts(body):
                columns = list(predicate.find_all(exp.Column))
                if (
                    not columns
                    or not all(column.sql(facts.dialect) in outputs for column in columns)
                    or predicate.find(exp.Query)
                ):
                    continue
                set_where(body, [part for part in where_conjuncts(body) if part is not predicate])
                outside = predicate.transform(lambda node, outputs=outputs: _replacement(node, outputs, facts))
                set_where(select, [*where_conjuncts(select), outside])
                return True
    return False


def _late(select: exp.Select, source: Source, facts: Facts) -> Iterator[exp.Expr]:
    """Conjuncts of WHERE that the branches of a source could apply, and not all of them do."""
    if source.query is None:
        return
    blocks = [block for block in branches(source.query) if isinstance(block, exp.Select)]
    passing = [dict(zip(source.query.named_selects, _in_order(block, facts), strict=True)) for block in blocks]
    for predicate in where_conjuncts(select):
        columns = list(predicate.find_all(exp.Column))
        own = all(column.table == source.alias and all(outputs.get(column.name) for outputs in passing) for column in columns)
        if columns and own and not predicate.find(exp.Query) and facts.deterministic(predicate):
            translated = [_translated(predicate, outputs) for outputs in passing]
            if not all(inside in where_conjuncts(block) for inside, block in zip(translated, blocks, strict=True)):
                yield predicate


def _readers(source: Source, facts: Facts) -> int:
    """How many FROM entries read the rows of a derived table or CTE."""
    name = source.node.name
    return sum(1 for table in facts.tree.find_all(exp.Table) if table.name == name) if source.common else 1


def _replacement(node: exp.Expr, outputs: dict[str, exp.Column], facts: Facts) -> exp.Expr:
    return outputs[node.sql(facts.dialect)].copy() if isinstance(node, exp.Column) else node


def _sources(select: exp.Select, facts: Facts, windowed: bool) -> Iterator[Source]:
    """Sources that work on their rows, by grouping, DISTINCT or windows, in each branch of a UNION ALL."""
    for source in facts.sources(select).values():
        body = source.query
        if body is None or source.nullable or fills_earlier_sources(select) or not facts.deterministic(body):
            continue
        if all(isinstance(block, exp.Select) and _works(block, windowed) for block in branches(body)):
            yield source


def _works(body: exp.Select, windowed: bool) -> bool:
    distinct = body.args.get("distinct")
    if any(body.args.get(clause) for clause in _ROW_COUNTING) or (distinct is not None and distinct.args.get("on")):
        return False
    windows = any(node.parent_select is body for node in body.find_all(exp.Window))
    return windows if windowed else not windows and (body.args.get("group") is not None or distinct is not None)


def _passing_outputs(body: exp.Select, facts: Facts) -> dict[str, exp.Expr]:
    """Outputs that are constants, or plain columns by which groups and windows divide the rows, or which those of windows fix."""
    return {name: node for name, node in zip(body.named_selects, _in_order(body, facts), strict=True) if node is not None}


def _in_order(body: exp.Select, facts: Facts) -> list[exp.Expr | None]:
    """The outputs of ``body``; None for those that a filter on its input cannot use."""
    group = body.args.get("group")
    aggregated = [call for call in body.find_all(exp.AggFunc) if call.parent_select is body]
    if group is not None and has_grouping_sets(body):
        return [None] * len(body.expressions)
    if group is None and any(not isinstance(call.parent, exp.Window) for call in aggregated):
        return [None] * len(body.expressions)
    windows = [node.args.get("partition_by") or [] for node in body.find_all(exp.Window) if node.parent_select is body]
    partitions = [
        (keys, facts.determined(body, [column_key(k) for k in keys if isinstance(k, exp.Column)])[0]) for keys in windows
    ]

    def divides(value: exp.Column) -> bool:
        grouping = group is None or value in group.expressions
        return grouping and all(value in keys or column_key(value) in known for keys, known in partitions)

    values = [projection.unalias() for projection in body.expressions]
    return [
        value if isinstance(value, exp.Literal) or (isinstance(value, exp.Column) and divides(value)) else None
        for value in values
    ]


def _translated(predicate: exp.Expr, outputs: Mapping[str, exp.Expr | None]) -> exp.Expr:
    """``predicate`` in terms of the input."""

    def inside(node: exp.Expr) -> exp.Expr:
        value = outputs.get(node.name) if isinstance(node, exp.Column) else None
        return value.copy() if value is not None else node

    return predicate.transform(inside)
