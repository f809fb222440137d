"""Groups the same rows once instead of once for each grouped table that is joined.

What: ``(SELECT DISTINCT k FROM t) AS a LEFT JOIN (SELECT k, COUNT(*) AS n FROM t WHERE p GROUP BY k) AS b ON b.k = a.k`` becomes
    ``SELECT k, NULLIF(COUNT(*) FILTER (WHERE p), 0) AS n FROM t GROUP BY k``. The same for two grouped tables joined by their
    keys, and for two that are LEFT JOINed to the same outer columns.
When: one scan and one grouping for each number in a report: 2x for three of them on DuckDB, 3x on SQLite.
Sound: both tables have the same FROM and group by the same expressions, so a group of the one is a group of the other, filters
    aside; filters become FILTER, or CASE around arguments that may fail on other rows. A key whose rows fail the filter of a
    LEFT JOINed table showed NULLs: counts, and all that is not NULL by itself, are taken only if a row passes. A
    key whose rows fail the filter of another table was not there: HAVING demands one that passes. NULL keys were grouped but
    matched nothing: they fail the filter of the joined table. Aggregates must pass over NULLs; nothing random, no windows.
Source: Zhou and others, "Efficient exploitation of similar subexpressions", SIGMOD 2007; conditional aggregation as in reports.
Example:
    >>> show(
    ...     "SELECT a.k, b.x FROM (SELECT DISTINCT k FROM t WHERE k > 1) AS a "
    ...     "LEFT JOIN (SELECT k, MAX(x) AS x FROM t WHERE y = 2 GROUP BY k) AS b ON b.k = a.k",
    ...     t="k INT, x INT, y INT",
    ... )
    SELECT a.k AS k, a.x AS x
    FROM (SELECT t.k AS k, MAX(t.x) FILTER(WHERE t.y = 2) AS x FROM t AS t WHERE t.k > 1 GROUP BY t.k) AS a
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from itertools import count as counting

from sqlglot import exp

from querywright.sql.correlation import one_group_matches, with_aliases
from querywright.sql.facts import Facts, Premises, Source
from querywright.sql.failures import may_fail
from querywright.sql.nullability import has_grouping_sets
from querywright.sql.predicates import conjunction, conjuncts, disjunction, disjuncts, set_where, unwrap, where_conjuncts
from querywright.sql.trees import printed
from querywright.transforms._from_clause import leave_out
from querywright.transforms._global_aggregates import aggregate_calls, filtered, ignores_nulls
from querywright.transforms._key_joins import inner
from querywright.transforms._with_clauses import repeatable, self_contained
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "semantic_rewrite"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")

_CLAUSES = {"expressions", "from_", "joins", "where", "group", "having", "distinct", "kind", "hint", "operation_modifiers"}
_NULL_ON_NO_ROWS = (exp.Sum, exp.Avg, exp.Min, exp.Max)


@dataclass(frozen=True)
class Grouped:
    """A derived table ``alias`` that groups the rows of ``body``, a SELECT or a SELECT DISTINCT.

    ``keys`` and ``filters`` are by their text, ``outputs`` by their name.
    """

    source: Source
    body: exp.Select
    keys: dict[str, exp.Expr]
    filters: dict[str, exp.Expr]
    outputs: dict[str, exp.Expr]

    @property
    def alias(self) -> str:
        """Its name in the FROM clause."""
        return self.source.alias

    def but(self, shared: frozenset[str]) -> list[exp.Expr]:
        """The filters that are not shared."""
        return [node for text, node in self.filters.items() if text not in shared]


@dataclass(frozen=True)
class Merger(Site):
    """``second`` (written with the aliases of the first) is merged into ``first``, the FROM entry of ``select`` before it.

    ``links`` are the key equalities of the join; ``outer_keys`` what both are LEFT JOINed to, by the text of the key, or None
    where the second is joined to the first. ``shared`` are the texts of filters that both have, ``present`` tests of keys.
    """

    select: exp.Select
    first: Grouped
    second: Grouped
    links: tuple[exp.Expr, ...]
    outer_keys: dict[str, exp.Expr] | None
    shared: frozenset[str]
    present: tuple[exp.Expr, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Pairs of grouped derived tables of one FROM clause over the same tables and keys."""
    for select in facts.selects():
        sources = facts.sources(select)
        if any(source.join is not None and source.join.side in ("RIGHT", "FULL") for source in sources.values()):
            continue
        tables = [table for source in sources.values() if (table := _grouped(source, facts)) is not None]
        for first, other in combinations(tables, 2):
            found = _examine(select, first, other, facts)
            if found is not None:
                yield found


def _grouped(source: Source, facts: Facts) -> Grouped | None:
    body = source.query
    if not isinstance(body, exp.Select) or not isinstance(source.node, exp.Subquery) or source.node.args["alias"].columns:
        return None
    if {name for name, value in body.args.items() if value} - _CLAUSES or body.args.get("from_") is None:
        return None
    group, distinct = body.args.get("group"), body.args.get("distinct")
    if has_grouping_sets(body) or (distinct is not None and (group is not None or distinct.args.get("on"))):
        return None
    outputs = {projection.alias_or_name: unwrap(projection.unalias()) for projection in body.expressions}
    keys = list(outputs.values()) if distinct is not None else [unwrap(node) for node in group.expressions] if group else []
    filters = {printed(part, facts.dialect): part for part in where_conjuncts(body)}
    return Grouped(source, body, {printed(key, facts.dialect): key for key in keys}, filters, outputs) if keys else None


def _examine(select: exp.Select, first: Grouped, other: Grouped, facts: Facts) -> Merger | Blocked | None:
    second = _renamed(first, other, facts)
    if second is None or set(second.keys) != set(first.keys) or not _joined_plainly(other.source.join):
        return None
    links, outer_keys = _links(select, first, second, facts), None
    if links is None:
        links, outer_keys = _outer_links(select, first, second, facts) or (None, None)
    if links is None:
        return None
    shared = frozenset(first.filters) & frozenset(second.filters)
    if outer_keys is None:
        if first.source.nullable:
            return Blocked(other.source.node, "the first table must not be LEFT JOINed itself")
        shared |= {text for text, node in first.filters.items() if _of_keys(node, first, facts)}
    obstacle = next((reason for table in (first, second) if (reason := _obstacle(table, shared, facts))), None)
    if obstacle is not None or second.body.args.get("having") is not None:
        return Blocked(other.source.node, obstacle or "the joined table has a HAVING clause")
    if any(_hidden(first.alias, reference, select, facts) for reference in facts.references(select, second.alias)):
        return Blocked(other.source.node, "a nested query gives the first table's name to another one")
    present: list[exp.Expr] = []
    premises: Premises = frozenset()
    for key in first.keys.values() if outer_keys is None else ():
        proof = facts.not_null(key, first.body)
        premises |= proof or frozenset()
        present += [exp.Not(this=exp.Is(this=key.copy(), expression=exp.Null()))] if proof is None else []
    return Merger(other.source.node, select, first, second, links, outer_keys, shared, tuple(present), premises=premises)


def _renamed(first: Grouped, other: Grouped, facts: Facts) -> Grouped | None:
    """``other`` with the aliases of ``first``; None if they do not read the same tables."""
    own, theirs = facts.sources(first.body), facts.sources(other.body)
    if len(own) != len(theirs) or not all(source.node.args.get("alias") for source in theirs.values()):
        return None
    body = with_aliases(facts, other.body, dict(zip(theirs, own, strict=True)))
    if _tables(body, facts) != _tables(first.body, facts):
        return None
    return _grouped(Source(other.alias, other.source.node, None, body, other.source.join, other.source.nullable), facts)


def _hidden(alias: str, reference: exp.Column, select: exp.Select, facts: Facts) -> bool:
    """Whether ``alias`` of ``select`` means something else where ``reference`` stands."""
    block = reference.parent_select
    while isinstance(block, exp.Select) and block is not select:
        if alias in facts.sources(block):
            return True
        block = block.parent_select
    return False


def _tables(body: exp.Select, facts: Facts) -> list[str]:
    return [printed(part, facts.dialect) for part in (body.args["from_"], *(body.args.get("joins") or []))]


def _joined_plainly(join: exp.Join | None) -> bool:
    return join is not None and (inner(join) or (join.side == "LEFT" and not join.args.get("using") and not join.method))


def _equalities(select: exp.Select, table: Grouped, facts: Facts) -> list[tuple[exp.Expr, str, exp.Expr]] | None:
    """Conjuncts that equate a key of ``table`` with something else, the text of the key, and the other side.

    None if a LEFT JOIN has other conditions.
    """
    join = table.source.join
    assert join is not None
    found: list[tuple[exp.Expr, str, exp.Expr]] = []
    parts = conjuncts(join.args.get("on"))
    for part in [*parts, *(where_conjuncts(select) if inner(join) else [])]:
        bare = unwrap(part)
        for own, other in ((bare.this, bare.expression), (bare.expression, bare.this)) if isinstance(bare, exp.EQ) else ():
            column = unwrap(own)
            key = table.outputs.get(column.name) if isinstance(column, exp.Column) and column.table == table.alias else None
            text = key.sql(facts.dialect) if key is not None else ""
            if text in table.keys and table.alias not in {c.table for c in other.find_all(exp.Column)}:
                found.append((part, text, unwrap(other)))
                break
    return found if inner(join) or len(found) == len(parts) else None


def _links(select: exp.Select, first: Grouped, second: Grouped, facts: Facts) -> tuple[exp.Expr, ...] | None:
    """The conjuncts that equate all keys of both tables; None if others do, too, or some are not equated."""
    links: dict[str, exp.Expr] = {}
    found = _equalities(select, second, facts)
    assert second.source.join is not None
    for part, text, other in found or []:
        column = other if isinstance(other, exp.Column) and other.table == first.alias else None
        key = first.outputs.get(column.name) if column is not None else None
        if key is not None and key.sql(facts.dialect) == text:
            links[text] = part
        elif not inner(second.source.join):
            return None
    return tuple(links.values()) if found is not None and set(links) == set(first.keys) else None


def _outer_links(
    select: exp.Select, first: Grouped, second: Grouped, facts: Facts
) -> tuple[tuple[exp.Expr, ...], dict[str, exp.Expr]] | None:
    """The conjuncts of two LEFT JOINs that equate the same outer expressions with all keys, and these expressions."""
    joins = (first.source.join, second.source.join)
    if any(join is None or join.side != "LEFT" or not _joined_plainly(join) for join in joins):
        return None
    mine, theirs = _equalities(select, first, facts), _equalities(select, second, facts)
    if mine is None or theirs is None or len(mine) != len(first.keys) or len(theirs) != len(first.keys):
        return None
    outer = {text: other for _, text, other in mine}
    if set(outer) != set(first.keys) or {t: o.sql() for t, o in outer.items()} != {t: o.sql() for _, t, o in theirs}:
        return None
    if any(column.table in (first.alias, second.alias) for other in outer.values() for column in other.find_all(exp.Column)):
        return None
    if not all(one_group_matches(first.keys[text], other) for text, other in outer.items()):
        return None
    return tuple(part for part, _, _ in theirs), outer


def _of_keys(node: exp.Expr, table: Grouped, facts: Facts) -> bool:
    """Whether a filter looks only at keys, so that it keeps or drops whole groups."""
    columns = [column.sql(facts.dialect) for column in node.find_all(exp.Column)]
    return bool(columns) and all(text in table.keys for text in columns) and not node.find(exp.Query)


def _obstacle(table: Grouped, shared: frozenset[str], facts: Facts) -> str | None:
    if not repeatable(table.body, facts) or not self_contained(table.source.node, facts):
        return "the rows of both tables must be determined by the data alone"
    having = table.body.args.get("having")
    for node in [*table.outputs.values(), *([having.this] if having is not None else [])]:
        calls = aggregate_calls(node)
        settled = {id(part) for call in calls for part in call.walk()}
        settled |= {id(part) for own in node.walk() if own.sql(facts.dialect) in table.keys for part in own.walk()}
        if node.find(exp.Query, exp.Window) or not all(map(ignores_nulls, calls)):
            return "an aggregate minds NULLs, or there are windows or subqueries"
        if any(id(column) not in settled for column in node.find_all(exp.Column)):
            return "a column is shown that is no key"
    own = table.but(shared)
    if any(node.find(exp.Query) or may_fail(node, facts.dialect) for node in own):
        return "a filter has a subquery, or may fail on rows that it did not see before"
    return None


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Merge the second table into the first, and read its columns there."""
    assert isinstance(site, Merger)
    first, second, select = site.first, site.second, site.select
    join = second.source.join
    assert join is not None
    of_first, of_second = first.but(site.shared), second.but(site.shared)
    required = inner(join)
    where = [*(part.copy() for text, part in {**second.filters, **first.filters}.items() if text in site.shared)]
    where += [part.copy() for part in site.present] if required else []
    if of_first and of_second:
        options = [conjunction(part.copy() for part in parts) for parts in (of_first, of_second)]
        where += [either] if (either := disjunction([option for option in options if option is not None])) is not None else []
    siblings = site.outer_keys is not None
    tested = [*of_second, *(() if required else site.present)]
    show = _shown if siblings else _restricted
    outputs = {name: show(node.copy(), of_first, facts) for name, node in first.outputs.items()}
    readers: dict[str, list[exp.Column]] = {}
    for reference in facts.references(select, second.alias):
        readers.setdefault(reference.name, []).append(reference)
    linked = {id(column) for link in site.links for column in link.find_all(exp.Column)}
    for name, references in readers.items():
        shown = [reference for reference in references if id(reference) not in linked]
        if not shown:
            continue
        node, new_name = second.outputs[name], _free(name, outputs)
        plainly = required or _zero_for_null(node, shown)
        outputs[new_name] = (_restricted if plainly else _shown)(node.copy(), tested, facts)
        for reference in shown:
            reference.replace(exp.column(new_name, first.alias))
    having = first.body.args.get("having")
    conditions = [_restricted(having.this.copy(), of_first, facts)] if having is not None else []
    if not siblings:
        conditions += [_some(of_first, facts)] if of_first else []
        conditions += [_some(of_second, facts)] if required and of_second else []
    leave_out(select, second.alias, site.links)
    if site.outer_keys is not None:
        _join_by_raw_keys(site, outputs)
    body = first.body
    body.set("expressions", [exp.alias_(node, name) for name, node in outputs.items()])
    body.set("distinct", None)
    body.set("group", exp.Group(expressions=[key.copy() for key in first.keys.values()]))
    condition = conjunction(conditions)
    body.set("having", exp.Having(this=condition) if condition is not None else None)
    set_where(body, where)
    return facts.tree


def _join_by_raw_keys(site: Merger, outputs: dict[str, exp.Expr]) -> None:
    """Join the merged table by keys that are there whichever table has rows."""
    assert site.outer_keys is not None and site.first.source.join is not None
    links: list[exp.Expr] = []
    for text, outer in site.outer_keys.items():
        key = site.first.keys[text]
        name = next((name for name, node in outputs.items() if node == key), None)
        if name is None:
            name = _free(f"{key.name or 'key'}_of_group", outputs)
            outputs[name] = key.copy()
        links.append(exp.EQ(this=exp.column(name, site.first.alias), expression=outer.copy()))
    site.first.source.join.set("on", conjunction(links))


def _free(name: str, taken: dict[str, exp.Expr]) -> str:
    names = {other.lower() for other in taken}
    return name if name.lower() not in names else next(n for i in counting(2) if (n := f"{name}_{i}").lower() not in names)


def _zero_for_null(node: exp.Expr, references: Sequence[exp.Column]) -> bool:
    """Whether ``node`` is a count, 0 on no rows, and all who read it put 0 where it is NULL."""
    zero = [exp.Literal.number(0)]
    return isinstance(node, exp.Count) and all(
        isinstance(reference.parent, exp.Coalesce) and reference.parent.expressions == zero for reference in references
    )


def _restricted(node: exp.Expr, conditions: Sequence[exp.Expr], facts: Facts) -> exp.Expr:
    """``node`` (changed) with aggregates that see only rows that meet all ``conditions``."""
    holder = exp.Paren(this=node)
    for call in aggregate_calls(node):
        own = _conditions_of(call)
        needed = [condition for condition in conditions if not _implied(condition, own)]
        call.replace(filtered(call, needed, facts.dialect))
    return unwrap(holder.this)


def _conditions_of(call: exp.Expr) -> list[exp.Expr]:
    """What holds for every row that ``call`` counts, as far as it says so by FILTER or ``agg(CASE WHEN … THEN … END)``."""
    if isinstance(call, exp.Filter):
        return conjuncts(call.expression.this)
    case = call.this
    if (
        not isinstance(case, exp.Case)
        or case.this is not None
        or case.args.get("default") is not None
        or len(case.args["ifs"]) > 1
    ):
        return []
    return conjuncts(case.args["ifs"][0].this)


def _implied(condition: exp.Expr, known: Sequence[exp.Expr]) -> bool:
    """Whether ``condition`` is among the ``known`` ones, or one of its alternatives is."""
    return any(all(part in known for part in conjuncts(option)) for option in disjuncts(condition))


def _shown(node: exp.Expr, conditions: Sequence[exp.Expr], facts: Facts) -> exp.Expr:
    """Like `_restricted`, but NULL where no row meets the conditions."""
    if not conditions:
        return node
    if isinstance(node, _NULL_ON_NO_ROWS):
        return _restricted(node, conditions, facts)
    rows = filtered(exp.Count(this=exp.Star()), list(conditions), facts.dialect)
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
        return exp.Nullif(this=rows, expression=exp.Literal.number(0))
    return exp.Case(
        ifs=[exp.If(this=exp.GT(this=rows, expression=exp.Literal.number(0)), true=_restricted(node, conditions, facts))]
    )


def _some(conditions: Sequence[exp.Expr], facts: Facts) -> exp.Expr:
    """Whether a row of the group meets all ``conditions``."""
    rows = filtered(exp.Count(this=exp.Star()), list(conditions), facts.dialect)
    return exp.GT(this=rows, expression=exp.Literal.number(0))
