"""The cells of made-up rows: open variables, expressions over them, and the kinds of values they take."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from decimal import Decimal

from sqlglot import exp

Value = object
"""None, bool, int, Decimal, float, str, date or datetime."""


class NotEvaluable(Exception):
    """The expression is outside of what this module computes."""


@dataclass(eq=False)
class Variable:
    """A cell whose value is still open; variables that an equality joins share one ``root``.

    ``constants`` are the values it is compared with, ``hints`` those and their neighbors.
    ``identifies``: it is part of a key or a reference. ``steady``: it should have the same value in every solution.
    ``telling``: a result depends on it, such as a grouping key or the argument of an aggregate. ``boundaries`` are values
    around which an expression over it changes; ``partitions``: the windows of a block are computed apart for each value.
    ``dated``: an expression takes its day apart or computes with it.
    """

    kind: str
    nullable: bool = True
    parent: Variable | None = None
    hints: list[Value] = field(default_factory=list)
    constants: list[Value] = field(default_factory=list)
    boundaries: list[Value] = field(default_factory=list)
    value: Value = None
    identifies: bool = False
    steady: bool = False
    telling: bool = False
    partitions: bool = False
    dated: bool = False

    @property
    def root(self) -> Variable:
        """The representative of the variables that are equal to this one."""
        node = self
        while node.parent is not None:
            node = node.parent
        return node


@dataclass(frozen=True, eq=False)
class Closure:
    """An expression together with the rows it is evaluated on."""

    node: exp.Expr
    environment: Environment


Term = Variable | Closure


@dataclass(eq=False)
class Environment:
    """The made-up row of each source of one query block, and those of the blocks around it."""

    parent: Environment | None = None
    sources: dict[str, dict[str, Term]] = field(default_factory=dict)
    outputs: dict[str, Term] = field(default_factory=dict)
    subqueries: dict[int, Term] = field(default_factory=dict)
    parameters: dict[str, Variable] = field(default_factory=dict)
    copies: Variable = field(default_factory=lambda: Variable("integer", nullable=False, value=1))

    def term(self, column: exp.Column) -> Term:
        """What a column stands for; raises `NotEvaluable` for a source whose rows are not made up."""
        name = column.name.lower()
        if not column.table:
            if name in self.outputs:
                return self.outputs[name]
            raise NotEvaluable(name)
        environment: Environment | None = self
        while environment is not None:
            found = environment.sources.get(column.table)
            if found is not None:
                if name in found:
                    return found[name]
                raise NotEvaluable(name)
            environment = environment.parent
        raise NotEvaluable(name)


def resolve(node: exp.Expr, environment: Environment) -> Term:
    """The variable that an expression denotes, following columns of nested queries; else the expression itself."""
    term: Term = Closure(node, environment)
    for _ in range(40):
        if isinstance(term, Variable):
            return term.root
        bare, environment = term.node, term.environment
        while isinstance(bare, (exp.Paren, exp.Alias)):
            bare = bare.this
        if isinstance(bare, exp.Column):
            try:
                term = environment.term(bare)
            except NotEvaluable:
                return Closure(bare, environment)
        elif isinstance(bare, exp.Subquery) and id(bare) in environment.subqueries:
            term = environment.subqueries[id(bare)]
        elif isinstance(bare, (exp.Max, exp.Min, exp.Avg, exp.AnyValue, exp.First)) and bare.this is not None:
            term = Closure(bare.this, environment)
        elif isinstance(bare, (exp.Placeholder, exp.Parameter)) and bare.name in environment.parameters:
            return environment.parameters[bare.name].root
        else:
            return Closure(bare, environment)
    raise NotEvaluable("cyclic definition")


def counts(node: exp.Expr) -> bool:
    """Whether an aggregate grows by whole rows: COUNT, and SUM over conditions or constants."""
    return isinstance(node, (exp.Count, exp.CountIf)) or (
        isinstance(node, exp.Sum) and isinstance(node.this, (exp.Case, exp.If, exp.Literal))
    )


def variables(node: exp.Expr, environment: Environment, *, windows: bool = False) -> list[Variable]:
    """The open variables that the value of an expression depends on, with ``windows`` also those that its windows range over."""
    found: dict[Variable, None] = {}

    def visit(part: exp.Expr, place: Environment, depth: int) -> None:
        if depth > 40:
            return
        if isinstance(part, exp.Count):
            found[place.copies.root] = None
            return
        if counts(part):
            found[place.copies.root] = None
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
        if isinstance(part, exp.Window) and not windows:
            visit(part.this, place, depth)
            return
        for child in part.iter_expressions():
            visit(child, place, depth + 1)

    visit(node, environment, 0)
    return list(found)


def kind_of(spelled: str) -> str:
    """The family of a type: integer, decimal, float, text, boolean, date, timestamp, time or other."""
    name = spelled.upper()
    if name.endswith("]") or name.startswith(("STRUCT", "MAP", "INTERVAL")):
        return "other"
    if name.startswith("ENUM"):
        return "text"  # whatever words its labels are
    families = (
        ("INT", "integer"),
        ("LONG", "integer"),
        ("DEC", "decimal"),
        ("NUM", "decimal"),
        ("DOUBLE", "float"),
        ("FLOAT", "float"),
        ("REAL", "float"),
        ("CHAR", "text"),
        ("TEXT", "text"),
        ("STRING", "text"),
        ("CLOB", "text"),
        ("BOOL", "boolean"),
        ("TIMESTAMP", "timestamp"),
        ("DATETIME", "timestamp"),
        ("DATE", "date"),
        ("TIME", "time"),
    )
    return next((family for word, family in families if word in name), "other")


def as_kind(value: Value, kind: str) -> Value:
    """``value`` converted to a kind; raises `NotEvaluable` where it has no such form."""
    if value is None:
        return None
    try:
        match kind:
            case "integer" if isinstance(value, (int, float, Decimal, str)):
                return int(Decimal(str(value)))
            case "decimal" if isinstance(value, (int, float, Decimal, str)):
                return Decimal(str(value))
            case "float" if isinstance(value, (int, float, Decimal, str)):
                return float(value)
            case "text":
                return value if isinstance(value, str) else str(value)
            case "date" if isinstance(value, (str, datetime.date)):
                return moment_of(datetime.date.fromisoformat(value[:10]) if isinstance(value, str) else value).date()
            case "timestamp" if isinstance(value, (str, datetime.date)):
                return datetime.datetime.fromisoformat(value) if isinstance(value, str) else moment_of(value)
            case "boolean" if isinstance(value, (bool, int)):
                return bool(value)
    except (ValueError, ArithmeticError) as error:
        raise NotEvaluable(str(value)) from error
    raise NotEvaluable(f"{value!r} as {kind}")


def moment_of(value: datetime.date) -> datetime.datetime:
    """A date as the timestamp of its midnight."""
    return value if isinstance(value, datetime.datetime) else datetime.datetime(value.year, value.month, value.day)
