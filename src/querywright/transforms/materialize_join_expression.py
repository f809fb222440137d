"""Computes the expressions that two tables are joined by once per row, in a materialized step, so that they can be looked up.

What: ``FROM t AS a JOIN t AS b ON f(b.x) = f(a.x) WHERE a.y = 1 AND b.y = 1`` becomes ``WITH t_for_join AS MATERIALIZED
    (SELECT …, f(x) AS join_value FROM t WHERE y = 1) … FROM t_for_join AS a JOIN t_for_join AS b ON b.join_value =
    a.join_value``; tables that are filtered alike share the step. Functions compared by ``<``, ``<=``, ``>`` or ``>=`` likewise.
When: an engine without hash joins makes indexes for the columns of a join but not for expressions, and evaluates those for each
    pair of rows: 7x to 11x on SQLite with ``=``, 1.8x with ``<=``. It loses where an index of the table itself served the join.
Sound: a step holds the columns that are read, and the rows that pass the filters of one table alone, which inner joins may drop
    early. The expressions are deterministic, mention one table each and cannot fail. A column of a step has the affinity and the
    collation of its expression, so the comparison stays the same.
Source: SQLite's documentation of automatic indexes; measured in this project.
Example:
    >>> show(
    ...     "SELECT a.id, b.id AS other FROM t AS a JOIN t AS b ON lower(b.x) = lower(a.x) WHERE a.y = 1 AND b.y = 1",
    ...     t="id INT, x TEXT, y INT",
    ... )
    WITH t_for_join AS MATERIALIZED (SELECT t.id AS id, LOWER(t.x) AS join_value FROM t AS t WHERE t.y = 1)
    SELECT a.id AS id, b.id AS other FROM t_for_join AS a JOIN t_for_join AS b ON b.join_value = a.join_value
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.failures import may_fail
from querywright.sql.predicates import conjunction, conjuncts, set_where, unwrap, where_conjuncts
from querywright.transforms._definitions import define_before, obstacle_to_definitions
from querywright.transforms._from_clause import aliases, freely_joined
from querywright.transforms._key_joins import inner, inner_filters
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "materialize_cte"
ENGINES = ("sqlite",)

_VALUE = "join_value"
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)


@dataclass(frozen=True)
class ComputedJoin(Site):
    """``node`` is the SELECT; ``comparisons`` compare an expression over one table with one over another, or with a column."""

    comparisons: tuple[exp.Binary, ...]


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Inner joins of tables by comparisons of expressions."""
    for select in facts.selects():
        sources = facts.sources(select)
        found = [
            bare
            for predicate in inner_filters(select)
            if isinstance(bare := unwrap(predicate), (exp.EQ, *_RANGES)) and _compares_expressions(bare, select, facts)
        ]
        if not found:
            continue
        tables = {alias for side in _computed(found) for alias in aliases(side, select, facts)}
        obstacle = obstacle_to_definitions(select, facts)
        if obstacle is not None:
            yield Blocked(select, obstacle)
        elif not all(sources[a].table is not None and freely_joined(sources[a], facts) for a in tables) or not _inner_only(
            select
        ):
            yield Blocked(select, "the joined entries must be tables, and all joins inner joins")
        elif not all(facts.deterministic(compared) and not may_fail(compared, facts.dialect) for compared in found):
            yield Blocked(select, "the expressions must be deterministic, and not fail on rows that another join drops")
        else:
            yield ComputedJoin(select, tuple(found))


def _inner_only(select: exp.Select) -> bool:
    joins: list[exp.Join] = select.args.get("joins") or []
    return all(inner(join) and not join.args.get("using") for join in joins)


def _compares_expressions(comparison: exp.Binary, select: exp.Select, facts: Facts) -> bool:
    """Whether an expression of each side is worth computing once: any of an equality, a function of a range."""
    sides = (comparison.this, comparison.expression)
    tables = [aliases(side, select, facts) for side in sides]
    computed = [side for side in sides if not isinstance(unwrap(side), exp.Column)]
    return (
        tables[0] != tables[1]
        and all(len(used) == 1 for used in tables)
        and (len(computed) == 2 if isinstance(comparison, exp.EQ) else any(side.find(exp.Func) for side in computed))
        and comparison.find(exp.Query, exp.Collate) is None
        and len(list(comparison.find_all(exp.Column))) == len(facts.local_columns(comparison, select))
    )


def _computed(comparisons: Iterable[exp.Binary]) -> list[exp.Expr]:
    """The sides that are no plain columns."""
    sides = [side for comparison in comparisons for side in (comparison.this, comparison.expression)]
    return [side for side in sides if not isinstance(unwrap(side), exp.Column)]


@dataclass
class _Step:
    """A table with its filters and computed columns, by the name that readers see, while it is built."""

    source: Source
    filters: dict[str, exp.Expr]
    values: dict[str, exp.Expr]
    columns: dict[str, exp.Expr]

    def like(self, other: _Step) -> bool:
        """Whether both hold the same rows and values."""
        return self.source.table is other.source.table and self.filters == other.filters and self.values == other.values

    def body(self) -> exp.Select:
        """The SELECT."""
        assert self.source.table is not None
        node = self.source.node.copy()
        node.set("alias", exp.TableAlias(this=exp.to_identifier(self.source.table.name)))
        shown = {**self.columns, **self.values}
        body = exp.Select(expressions=[exp.alias_(value, name) for name, value in shown.items()], from_=exp.From(this=node))
        set_where(body, self.filters.values())
        return body


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Define the steps, read them in place of the tables, and compare their columns."""
    assert isinstance(site, ComputedJoin) and isinstance(site.node, exp.Select)
    select = site.node
    sources = facts.sources(select)
    computed = _computed(site.comparisons)
    tables = {alias for side in computed for alias in aliases(side, select, facts)}
    steps = {alias: _Step(sources[alias], {}, {}, {}) for alias in sources if alias in tables}
    filters = [p for p in inner_filters(select) if not p.find(exp.Query) and facts.deterministic(p)]
    moved = [
        p for p in filters if len(used := aliases(p, select, facts)) == 1 and used <= tables and not may_fail(p, facts.dialect)
    ]
    gone = {id(column) for part in (*moved, *computed) for column in part.find_all(exp.Column)}
    for predicate in moved:
        step = steps[next(iter(aliases(predicate, select, facts)))]
        copy = _of_table(predicate, step)
        step.filters[copy.sql(facts.dialect)] = copy
    for side in computed:
        alias = next(iter(aliases(side, select, facts)))
        step = steps[alias]
        value = _of_table(side, step)
        name = next((n for n, known in step.values.items() if known == value), None) or _name(step)
        step.values[name] = value
        side.replace(exp.column(name, alias))
    for alias, step in steps.items():
        for column in facts.references(select, alias):
            if id(column) not in gone:
                step.columns[column.name] = _of_table(column, step)
    defined: list[tuple[str, _Step]] = []
    for alias, step in steps.items():
        same = next(((name, other) for name, other in defined if other.like(step)), None)
        if same is None:
            stem = f"{step.source.node.name}_for_join"
            twins = sum(other.source.table is step.source.table for _, other in defined)
            same = facts.fresh_name(f"{stem}_{twins + 1}" if twins else stem), step
            defined.append(same)
        same[1].columns.update({name: column for name, column in step.columns.items() if name not in same[1].columns})
        step.source.node.replace(exp.to_table(same[0], alias=alias))
    _drop(select, moved)
    return define_before(facts.tree, select, [(name, step.body()) for name, step in defined])


def _of_table(node: exp.Expr, step: _Step) -> exp.Expr:
    """A copy of ``node`` whose columns belong to the table under its own name."""
    assert step.source.table is not None
    holder = exp.Paren(this=node.copy())
    for column in holder.find_all(exp.Column):
        column.set("table", exp.to_identifier(step.source.table.name))
    value: exp.Expr = holder.this
    return value


def _name(step: _Step) -> str:
    assert step.source.table is not None
    taken = {column.name.lower() for column in step.source.table.columns} | set(step.values)
    names = (_VALUE if number == 1 else f"{_VALUE}_{number}" for number in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def _drop(select: exp.Select, moved: list[exp.Expr]) -> None:
    """Take the predicates ``moved`` out of WHERE and ON."""
    gone = {id(predicate) for predicate in moved}
    set_where(select, [predicate for predicate in where_conjuncts(select) if id(predicate) not in gone])
    for join in select.args.get("joins") or []:
        on = conjuncts(join.args.get("on"))
        kept = [predicate for predicate in on if id(predicate) not in gone]
        if on and len(kept) < len(on):
            join.set("on", conjunction(kept))
            join.set("kind", join.kind if kept else "CROSS")
