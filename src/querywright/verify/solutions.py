"""Rows that pass the joins and filters of a query: each block gets one made-up row per table, solved for its predicates.

A `Solution` follows columns through derived tables, CTEs, EXISTS and scalar subqueries, joins variables that an equality equates,
collects the constants each variable is compared with, and then searches values by repairing one violated predicate at a time.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.sql.predicates import conjuncts, disjuncts, pinned_column, unwrap
from querywright.sql.schema import Table
from querywright.verify.evaluate import evaluate
from querywright.verify.terms import Closure, Environment, NotEvaluable, Term, Value, Variable, as_kind, kind_of, resolve
from querywright.verify.values import like_matches, neighbors, plain_values

_MOST_ROWS = 60
_MOST_DEPTH = 14
_MOST_REPAIRS = 50
_MOST_COPIES = 24

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


@dataclass(eq=False)
class MadeRow:
    """A row of ``table`` under construction; ``grouping`` are the variables its block groups by."""

    table: Table
    cells: dict[str, Variable]
    environment: Environment
    grouping: list[Variable] = field(default_factory=list)


@dataclass(frozen=True)
class Solution:
    """Rows, by table name, that together pass a query's predicates as far as those could be solved, and parameter values.

    ``solved`` is the share of predicates that hold on them. ``hints`` are the constants, and their neighbors, that a
    (table, column) is compared with.
    """

    rows: tuple[tuple[str, dict[str, Value]], ...]
    parameters: Mapping[str, Value]
    solved: float
    hints: Mapping[tuple[str, str], tuple[Value, ...]]


def solution(
    facts: Facts, bindings: Mapping[str, Value], rng: random.Random, block: exp.Query | None = None, serial: int = 0
) -> Solution:
    """One solution for ``block`` (default: the whole query); ``serial`` keeps the identifiers of several solutions apart."""
    attempt = _Attempt(facts, bindings, rng, serial)
    attempt.instantiate(block or facts.tree, None, 0)
    return attempt.solve()


class _Attempt:
    def __init__(self, facts: Facts, bindings: Mapping[str, Value], rng: random.Random, serial: int) -> None:
        self.facts = facts
        self.rng = rng
        self.rows: list[MadeRow] = []
        self.predicates: list[tuple[exp.Expr, Environment]] = []
        self.parameters = {name: Variable("other", hints=[value], value=value) for name, value in bindings.items()}
        self.identifiers = count(serial * 40 + 1)

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
        group = block.args.get("group")
        keys = [resolve(key, environment) for key in group.expressions] if group is not None else []
        for row in own:
            row.grouping = [key for key in keys if isinstance(key, Variable)]
        return environment.outputs

    def instantiate_branch(
        self, block: exp.SetOperation, parent: Environment | None, depth: int, pinned: Mapping[str, str]
    ) -> dict[str, Term]:
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
        self.rows.append(MadeRow(source.table, cells, environment))
        return dict(cells)

    def output(self, projection: exp.Expr, environment: Environment, depth: int) -> Term:
        self.subqueries(projection, environment, depth)
        try:
            return resolve(projection.unalias(), environment)
        except NotEvaluable:
            return Closure(projection.unalias(), environment)

    def subqueries(self, node: exp.Expr, environment: Environment, depth: int) -> None:
        """Make rows for the scalar subqueries within an expression."""
        for subquery in _scalar_subqueries(node):
            outputs = self.instantiate(subquery, environment, depth + 1)
            if outputs:
                environment.subqueries[id(subquery)] = next(iter(outputs.values()))

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
        if isinstance(bare, exp.Exists):
            query = bare.this
            if isinstance(query, exp.Query):
                self.instantiate(query, environment, depth + 1)
            return
        if isinstance(bare, exp.In) and isinstance(bare.args.get("query"), exp.Query):
            outputs = self.instantiate(bare.args["query"], environment, depth + 1)
            if outputs:
                self.equate(resolve(bare.this, environment), next(iter(outputs.values())))
            return
        if any(isinstance(part, exp.Query) for part in bare.find_all(exp.Exists, exp.In, exp.Any, exp.All)):
            return
        self.subqueries(bare, environment, depth)
        if isinstance(bare, exp.EQ):
            left, right = resolve(bare.this, environment), resolve(bare.expression, environment)
            if isinstance(left, Variable) and isinstance(right, Variable):
                self.equate(left, right)
                return
        self.predicates.append((bare, environment))
        self.hint(bare, environment)

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
            keep.nullable = False
            keep.identifies = keep.identifies or drop.identifies
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
                        variable.hints.append(as_kind(nearby, kind))
                    except NotEvaluable:
                        continue

    # ------------------------------------------------------------------ values

    def solve(self) -> Solution:
        roots = list(dict.fromkeys(cell.root for row in self.rows for cell in row.cells.values()))
        for variable in roots:
            variable.value = self.first_value(variable)
        for parameter in self.parameters.values():
            if parameter.root.value is None and parameter.root.hints:
                parameter.root.value = parameter.root.hints[0]
        involved = [
            (predicate, environment, list(variables(predicate, environment))) for predicate, environment in self.predicates
        ]
        touching: dict[int, list[tuple[exp.Expr, Environment]]] = {}
        for predicate, environment, used in involved:
            for variable in used:
                touching.setdefault(id(variable), []).append((predicate, environment))
        for _ in range(_MOST_REPAIRS):
            broken = [entry for entry in involved if entry[2] and _holds(entry[0], entry[1]) is False]
            if not broken:
                break
            predicate, environment, used = self.rng.choice(broken)
            self.repair(predicate, environment, used, touching)
        total = len(involved) or 1
        good = sum(_holds(predicate, environment) is not False for predicate, environment, _ in involved)
        parameters = {name: variable.root.value for name, variable in self.parameters.items()}
        hints = {
            (row.table.name, name): tuple(dict.fromkeys(cell.root.hints))
            for row in self.rows
            for name, cell in row.cells.items()
            if cell.root.hints
        }
        return Solution(tuple(self.finished()), parameters, good / total, hints)

    def first_value(self, variable: Variable) -> Value:
        if variable.hints and variable.kind != "other":
            return self.rng.choice(variable.hints)
        if variable.identifies and variable.kind in ("integer", "decimal", "float", "text"):
            return as_kind(next(self.identifiers), variable.kind)
        if variable.nullable and self.rng.random() < 0.08:
            return None
        return self.rng.choice(plain_values(variable.kind))

    def repair(
        self,
        predicate: exp.Expr,
        environment: Environment,
        used: Sequence[Variable],
        touching: Mapping[int, list[tuple[exp.Expr, Environment]]],
    ) -> None:
        """Give one variable of a broken predicate the value that breaks the fewest predicates."""
        variable = self.rng.choice(used)
        choices: list[Value] = [*variable.hints, *plain_values(variable.kind)]
        for side in _operands(predicate):
            try:
                value = evaluate(side, environment)
                choices += [as_kind(nearby, variable.kind) for nearby in [value, *neighbors(value, variable.kind)]]
            except NotEvaluable:
                continue
        choices = [choice for choice in dict.fromkeys(choices) if choice is not None]
        if len(choices) > 14:
            choices = self.rng.sample(choices, 14)
        before = variable.value
        scores: list[tuple[int, float, Value]] = []
        for choice in choices:
            variable.value = choice
            failures = sum(_holds(other, place) is False for other, place in touching[id(variable)])
            scores.append((failures, self.rng.random(), choice))
        variable.value = min(scores, key=lambda score: score[:2])[2] if scores else before

    def finished(self) -> Iterator[tuple[str, dict[str, Value]]]:
        """The rows with their values; a block that counts more than one row gets copies of one of its rows."""
        copied: set[int] = set()
        shared: dict[int, int] = {}
        for row in self.rows:
            for cell in row.cells.values():
                shared[id(cell.root)] = shared.get(id(cell.root), 0) + 1
        for row in self.rows:
            values = {name: cell.root.value for name, cell in row.cells.items()}
            yield row.table.name, values
            wanted = row.environment.copies.root.value
            if not isinstance(wanted, int) or wanted < 2 or id(row.environment) in copied:
                continue
            free = self.free_key(row, shared)
            if free is None and row.table.keys:
                continue
            copied.add(id(row.environment))
            for _ in range(min(wanted, _MOST_COPIES) - 1):
                fresh = {} if free is None else {free: as_kind(next(self.identifiers), row.cells[free].kind)}
                yield row.table.name, {**values, **fresh}

    def free_key(self, row: MadeRow, shared: Mapping[int, int]) -> str | None:
        """A key column that no join and no grouping ties down, so that copies of the row may differ in it."""
        grouping = {id(variable.root) for variable in row.grouping}
        for key in row.table.keys:
            for name in key.columns:
                root = row.cells[name.lower()].root
                if shared[id(root)] == 1 and id(root) not in grouping and not root.hints and root.kind in ("integer", "text"):
                    return name.lower()
        return None


def variables(node: exp.Expr, environment: Environment) -> list[Variable]:
    """The open variables that the value of an expression depends on."""
    found: dict[Variable, None] = {}

    def visit(part: exp.Expr, place: Environment, depth: int) -> None:
        if depth > 40:
            return
        if isinstance(part, exp.Count):
            found[place.copies.root] = None
            return
        if isinstance(part, (exp.Column, exp.Subquery, exp.Placeholder, exp.Parameter)):
            try:
                term = resolve(part, place)
            except NotEvaluable:
                return
            if isinstance(term, Variable):
                found[term.root] = None
            elif term.node is not part:
                visit(term.node, term.environment, depth + 1)
            return
        if isinstance(part, exp.Query):
            return
        for child in part.iter_expressions():
            visit(child, place, depth + 1)

    visit(node, environment, 0)
    return list(found)


def _holds(predicate: exp.Expr, environment: Environment) -> bool | None:
    """Whether a predicate is TRUE on the current values; None where that cannot be said."""
    try:
        return evaluate(predicate, environment) is True
    except NotEvaluable:
        return None


def _predicates(select: exp.Select) -> Iterator[exp.Expr]:
    for join in select.args.get("joins") or []:
        yield from conjuncts(join.args.get("on"))
    for clause in ("where", "having", "qualify"):
        node = select.args.get(clause)
        if node is not None:
            yield from conjuncts(node.this)


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


def _scalar_subqueries(node: exp.Expr) -> Iterator[exp.Subquery]:
    if isinstance(node, exp.Subquery):
        yield node
    elif not isinstance(node, (exp.Query, exp.Exists)):
        for child in node.iter_expressions():
            yield from _scalar_subqueries(child)


def _operands(predicate: exp.Expr) -> Iterator[exp.Expr]:
    bare = unwrap(predicate)
    if isinstance(bare, exp.Not):
        bare = unwrap(bare.this)
    for child in bare.iter_expressions():
        if isinstance(child, exp.Expression):
            yield child


def _constants(predicate: exp.Expr, environment: Environment) -> Iterator[Value]:
    """Values that the operands of a predicate have without looking at any row, patterns of LIKE as texts that match."""
    for node in predicate.walk():
        if isinstance(node, (exp.Query, exp.DataType)) or isinstance(node.parent, (exp.Interval, exp.DataType)):
            continue
        if isinstance(node, exp.Literal) and isinstance(node.parent, (exp.Like, exp.ILike)):
            yield from like_matches(node.name)
        elif isinstance(node, (exp.Literal, exp.Cast, exp.Add, exp.Sub, exp.Neg, exp.Mul, exp.Div)):
            if any(node.find_all(exp.Column, exp.Query)):
                continue
            try:
                value = evaluate(node, environment)
            except NotEvaluable:
                continue
            if isinstance(value, (str, int, float, Decimal, datetime.date)):
                yield value
                if isinstance(value, int) and 1900 <= value <= 2100:
                    yield datetime.date(value, 6, 15)
