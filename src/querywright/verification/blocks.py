"""One made-up row for each table that a query reads, with the predicates that its blocks ask of them.

A `Draft` follows columns through derived tables, CTEs, EXISTS and scalar subqueries, joins variables that an equality
equates, and collects the constants that each variable is compared with. `querywright.verification.solutions` then looks
for values.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjuncts, disjuncts, pinned_column, unwrap
from querywright.sql.schema import Table
from querywright.verification.boundaries import boundaries, moments_written
from querywright.verification.checks import checks_of
from querywright.verification.evaluate import evaluate
from querywright.verification.patterns import texts_matching
from querywright.verification.rare_values import dated
from querywright.verification.terms import (
    Closure,
    Environment,
    NotEvaluable,
    Term,
    Value,
    Variable,
    as_kind,
    kind_of,
    resolve,
    variables,
)
from querywright.verification.values import neighbors

_MOST_ROWS = 60
_MOST_DEPTH = 14
_MOST_TEXTS = 4
"""That match one pattern, as constants."""


@dataclass(eq=False)
class MadeRow:
    """A row of ``table`` under construction; ``grouping`` are the variables its block groups by.

    ``single`` is not empty for rows that a scalar subquery selects: there must be one of them in a database, not several;
    where it begins with ``distinct``, several are fine if they agree in what the subquery returns.
    """

    table: Table
    cells: dict[str, Variable]
    environment: Environment
    single: str = ""
    grouping: list[Variable] = field(default_factory=list)


class Draft:
    """The rows and predicates of ``block``.

    ``broken`` is the number of the one requirement to break instead of to ask for (-1: none): a row that passes all but one
    predicate shows whether that predicate is still there. ``requirements`` counts them.
    """

    def __init__(
        self, facts: Facts, block: exp.Query, bindings: Mapping[str, Value], rng: random.Random, broken: int = -1
    ) -> None:
        self.facts = facts
        self.rng = rng
        self.broken = broken
        self.requirements = 0
        self.rows: list[MadeRow] = []
        self.predicates: list[tuple[exp.Expr, Environment]] = []
        self.parameters = {name: Variable("other", hints=[value], value=value) for name, value in bindings.items()}
        self._scalar: dict[str, Environment] = {}
        self._single = ""
        self.instantiate(block, None, 0)

    # ------------------------------------------------------------------ rows for blocks

    def instantiate(
        self, block: exp.Query, parent: Environment | None, depth: int, pinned: Mapping[str, str] | None = None
    ) -> dict[str, Term]:
        """Make one row for each table that ``block`` reads; return its output columns.

        ``pinned`` are literals that the reader asks of output columns: they decide which branch of a UNION can serve.
        """
        if isinstance(block, exp.Subquery) and isinstance(block.this, exp.Query):
            return self.instantiate(block.this, parent, depth, pinned)
        if isinstance(block, exp.SetOperation):
            return self.instantiate_branch(block, parent, depth, pinned or {})
        environment = Environment(parent, parameters=self.parameters)
        environment.copies = Variable("integer", nullable=False, value=1, hints=[1])
        if not isinstance(block, exp.Select) or depth > _MOST_DEPTH or len(self.rows) > _MOST_ROWS:
            return {}
        first = len(self.rows)
        for source in self.facts.sources(block).values():
            environment.sources[source.alias] = self.instantiate_source(source, environment, depth, _pinned(block, source.alias))
        own = [row for row in self.rows[first:] if row.environment is environment]
        for projection in block.selects:
            environment.outputs[projection.alias_or_name.lower()] = self.output(projection, environment, depth)
        for predicate in _predicates(block):
            self.require(predicate, environment, depth)
        for test in _conditions(block):
            self.hint(test, environment)
        group = block.args.get("group")
        keys = [key for part in group.expressions for key in variables(part, environment)] if group is not None else []
        for row in own:
            row.grouping = keys
        for expression in (*(group.expressions if group is not None else ()), *block.selects):
            for variable in variables(expression.unalias(), environment, windows=True):
                variable.telling = True
        for window in (window for projection in block.selects for window in projection.find_all(exp.Window)):
            for variable in (one for key in window.args.get("partition_by") or [] for one in variables(key, environment)):
                variable.partitions = True
        if self.broken < 0:
            for expression in (*block.selects, *_predicates(block), *keys_of(block)):
                for variable, value in boundaries(expression.unalias(), environment):
                    variable.boundaries.append(value)
                for variable in dated(expression.unalias(), environment):
                    variable.dated = True
        return environment.outputs

    def instantiate_branch(
        self, block: exp.SetOperation, parent: Environment | None, depth: int, pinned: Mapping[str, str]
    ) -> dict[str, Term]:
        """Rows for one branch of a UNION, for both sides of an INTERSECT, for the left side of an EXCEPT."""
        names = [name.lower() for name in block.named_selects]
        if isinstance(block, exp.Intersect):
            sides = [list(self.instantiate(side, parent, depth + 1).values()) for side in (block.left, block.right)]
            for ours, theirs in zip(*sides, strict=False):
                self.equate(ours, theirs)
            return dict(zip(names, sides[0], strict=False))
        branches = [block.left] if isinstance(block, exp.Except) else list(_branches(block))
        fitting = [branch for branch in branches if _offers(branch, names, pinned)] or branches
        chosen = self.rng.choice(fitting)
        return dict(zip(names, self.instantiate(chosen, parent, depth, pinned).values(), strict=False))

    def instantiate_source(
        self, source: Source, environment: Environment, depth: int, pinned: Mapping[str, str]
    ) -> dict[str, Term]:
        """The columns of one entry of a FROM clause."""
        if source.query is not None:
            return dict(self.instantiate(source.query, environment, depth + 1, pinned))
        if source.table is None:
            return {}
        keyed = {name.lower() for key in source.table.keys for name in key.columns}
        keyed |= {name.lower() for key in source.table.foreign_keys for name in key.columns}
        cells = {
            column.name.lower(): Variable(kind_of(column.type), column.not_null is None, identifies=column.name.lower() in keyed)
            for column in source.table.columns
        }
        self.rows.append(MadeRow(source.table, cells, environment, self._single))
        own = Environment(outputs=dict(cells))
        for check in checks_of(source.table):
            self.predicates.append((check, own))
            self.hint(check, own)
        return dict(cells)

    def output(self, projection: exp.Expr, environment: Environment, depth: int) -> Term:
        """What an output column stands for."""
        self.subqueries(projection, environment, depth)
        try:
            return resolve(projection.unalias(), environment)
        except NotEvaluable:
            return Closure(projection.unalias(), environment)

    def subqueries(self, node: exp.Expr, environment: Environment, depth: int) -> None:
        """Make rows for the scalar subqueries within an expression."""
        for subquery in _scalar_subqueries(node):
            block = subquery.unnest()
            if not isinstance(block, exp.Select) or _aggregates(block) or self.facts.correlated_columns(block):
                outputs = self.instantiate(subquery, environment, depth + 1)
                found = next(iter(outputs.values()), None)
            else:
                found = self.single_row(block, environment, depth)
            if found is not None:
                environment.subqueries[id(subquery)] = found

    def single_row(self, block: exp.Select, environment: Environment, depth: int) -> Term | None:
        """The value of a scalar subquery that must find one row: the same row wherever the same rows are asked for."""
        clauses = [block.args.get("from_"), *(block.args.get("joins") or []), block.args.get("where")]
        key = "distinct " if block.args.get("distinct") else ""
        key += " ".join(clause.sql() for clause in clauses if clause is not None)
        if key not in self._scalar:
            outside, self._single = self._single, key
            self.instantiate(block, environment, depth + 1)
            self._single = outside
            own = [row.environment for row in self.rows if row.single == key]
            if not own:
                return None
            self._scalar[key] = own[0]
        inner = self._scalar[key]
        found = self.output(block.selects[0], inner, depth)
        for variable in variables(block.selects[0].unalias(), inner):
            variable.steady = True
        return found

    # ------------------------------------------------------------------ predicates

    def require(self, predicate: exp.Expr, environment: Environment, depth: int) -> None:
        """Ask for ``predicate`` to be TRUE; of a disjunction, for one operand."""
        bare = unwrap(predicate)
        if isinstance(bare, exp.And):
            for operand in conjuncts(bare):
                self.require(operand, environment, depth)
            return
        if isinstance(bare, exp.Or):
            self.require(self.rng.choice(disjuncts(bare)), environment, depth)
            return
        breaking = self.requirements == self.broken
        self.requirements += 1
        negated = isinstance(bare, exp.Not)
        test = unwrap(bare.this) if negated else bare
        if isinstance(test, exp.Exists) or (isinstance(test, exp.In) and isinstance(test.args.get("query"), exp.Query)):
            if negated == breaking:
                self.require_member(test, environment, depth)
            return
        if any(isinstance(part, exp.Query) for part in bare.find_all(exp.Exists, exp.In, exp.Any, exp.All)):
            return
        self.subqueries(bare, environment, depth)
        if isinstance(bare, exp.EQ):
            left, right = resolve(bare.this, environment), resolve(bare.expression, environment)
            if isinstance(left, Variable) and isinstance(right, Variable):
                if not breaking:
                    self.equate(left, right)
                elif self.rng.random() < 0.5:  # NULL on both sides: not equal, but alike to GROUP BY and DISTINCT
                    left.hints = right.hints = [None]
                return
        self.predicates.append((_broken(bare) if breaking else bare, environment))
        self.hint(bare, environment)

    def require_member(self, test: exp.Exists | exp.In, environment: Environment, depth: int) -> None:
        """Make rows for the subquery of an EXISTS or IN."""
        query = test.args["query"] if isinstance(test, exp.In) else test.this
        if not isinstance(query, exp.Query):
            return
        outputs = self.instantiate(query, environment, depth + 1)
        if isinstance(test, exp.In) and outputs:
            self.equate(resolve(test.this, environment), next(iter(outputs.values())))

    def equate(self, left: Term, right: Term) -> None:
        """Let two terms have the same value."""
        if isinstance(left, Variable) and isinstance(right, Variable):
            keep, drop = left.root, right.root
            if keep is drop:
                return
            if keep.kind == "other":
                keep, drop = drop, keep
            drop.parent = keep
            keep.hints += drop.hints
            keep.constants += drop.constants
            keep.boundaries += drop.boundaries
            keep.nullable = False
            keep.identifies = keep.identifies or drop.identifies
            keep.steady = keep.steady or drop.steady
            keep.telling = keep.telling or drop.telling
            keep.partitions = keep.partitions or drop.partitions
            keep.dated = keep.dated or drop.dated
            return
        wrapped = [term.node if isinstance(term, Closure) else None for term in (left, right)]
        for node, term, other in ((wrapped[0], left, right), (wrapped[1], right, left)):
            if node is not None and isinstance(other, Variable) and isinstance(term, Closure):
                holder = Environment(term.environment, outputs={"_other": other}, parameters=self.parameters)
                holder.sources, holder.subqueries = term.environment.sources, term.environment.subqueries
                holder.copies = term.environment.copies
                equality = exp.EQ(this=exp.Column(this=exp.to_identifier("_other")), expression=exp.Paren(this=node.copy()))
                self.predicates.append((equality, holder))
                return

    def hint(self, predicate: exp.Expr, environment: Environment) -> None:
        """Remember the constants of a predicate with its variables, and that they had better not be NULL."""
        negated = isinstance(predicate, exp.Not)
        bare = unwrap(predicate.this) if negated else predicate
        if isinstance(bare, exp.Is) and isinstance(bare.expression, exp.Null):
            term = resolve(bare.this, environment)
            if isinstance(term, Variable) and not negated:
                term.hints = [None]
            return
        constants = list(_constants(bare, environment))
        for variable in variables(bare, environment):
            kind = variable.kind
            for value in constants:
                for nearby in [value, *neighbors(value, kind)]:
                    try:
                        hinted = as_kind(nearby, kind)
                    except NotEvaluable:
                        continue
                    variable.hints.append(hinted)
                    if nearby is value and hinted not in variable.constants:
                        variable.constants.append(hinted)


def _predicates(select: exp.Select) -> Iterator[exp.Expr]:
    for join in select.args.get("joins") or []:
        yield from conjuncts(join.args.get("on"))
    for clause in ("where", "having", "qualify"):
        node = select.args.get(clause)
        if node is not None:
            yield from conjuncts(node.this)


def keys_of(select: exp.Select) -> list[exp.Expr]:
    """What a block groups and sorts by."""
    group, order = select.args.get("group"), select.args.get("order")
    grouping = group.expressions if group is not None else []
    return [*grouping, *(ordered.this for ordered in (order.expressions if order is not None else []))]


def _broken(predicate: exp.Expr) -> exp.Expr:
    """A predicate that is TRUE where ``predicate`` just fails: at the boundary of a strict comparison."""
    if isinstance(predicate, (exp.LT, exp.GT)):
        return exp.EQ(this=predicate.this.copy(), expression=predicate.expression.copy())
    return exp.Not(this=exp.Paren(this=predicate.copy()))


def _pinned(select: exp.Select, alias: str) -> dict[str, str]:
    """Literals that ``select`` asks of columns of one source."""
    where = select.args.get("where")
    found: dict[str, str] = {}
    for predicate in conjuncts(where.this if where else None):
        column = pinned_column(predicate)
        if column is not None and column.table == alias:
            literal = next((side for side in (predicate.this, predicate.expression) if isinstance(side, exp.Literal)), None)
            if literal is not None:
                found[column.name.lower()] = literal.name
    return found


def _branches(block: exp.Query) -> Iterator[exp.Query]:
    if isinstance(block, exp.Subquery) and isinstance(block.this, exp.Query):
        yield from _branches(block.this)
    elif isinstance(block, exp.Union):
        yield from _branches(block.left)
        yield from _branches(block.right)
    else:
        yield block


def _offers(branch: exp.Query, names: Sequence[str], pinned: Mapping[str, str]) -> bool:
    """Whether the literals among the outputs of ``branch`` are those asked for."""
    for name, projection in zip(names, branch.selects, strict=False):
        bare = unwrap(projection.unalias())
        if isinstance(bare, exp.Literal) and pinned.get(name, bare.name) != bare.name:
            return False
    return True


def _conditions(select: exp.Select) -> Iterator[exp.Expr]:
    """Tests inside the expressions of a block, such as those of CASE."""
    for part in (*select.selects, select.args.get("group"), select.args.get("order")):
        if part is not None and not any(part.find_all(exp.Query)):
            yield from part.find_all(exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Like)


def _aggregates(select: exp.Select) -> bool:
    return select.args.get("group") is None and any(
        call.parent_select is select for projection in select.selects for call in projection.find_all(exp.AggFunc)
    )


def _scalar_subqueries(node: exp.Expr) -> Iterator[exp.Subquery]:
    if isinstance(node, exp.Subquery):
        yield node
    elif not isinstance(node, (exp.Query, exp.Exists)):
        for child in node.iter_expressions():
            yield from _scalar_subqueries(child)


def _constants(predicate: exp.Expr, environment: Environment) -> Iterator[Value]:
    """Values that the operands of a predicate have without looking at any row, patterns of LIKE as texts that match."""
    formats = [node.text("format") for node in predicate.find_all(exp.TimeToStr)]
    for node in predicate.walk():
        if isinstance(node, (exp.Query, exp.DataType)) or isinstance(node.parent, (exp.Interval, exp.DataType)):
            continue
        if isinstance(node, exp.Literal) and (texts := texts_matching(node)):
            yield from texts[:_MOST_TEXTS]
        elif isinstance(node, (exp.Literal, exp.Cast, exp.Add, exp.Sub, exp.Neg, exp.Mul, exp.Div)):
            if any(node.find_all(exp.Column, exp.Query)):
                continue
            try:
                value = evaluate(node, environment)
            except NotEvaluable:
                continue
            if isinstance(value, (str, int, float, Decimal, datetime.date)):
                yield value
                if formats and isinstance(value, (str, int)):
                    yield from moments_written(formats[0], value)
                if isinstance(value, int) and 1900 <= value <= 2100:
                    yield datetime.date(value, 6, 15)
