"""Rows that obey the CHECKs of their table: what a CHECK refuses gets values that it allows, taken from its own constants."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import lru_cache

from sqlglot import exp, parse_one

from querywright.sql.predicates import conjuncts
from querywright.sql.schema import Table
from querywright.verification.boundaries import boundaries
from querywright.verification.evaluate import evaluate
from querywright.verification.patterns import texts_matching
from querywright.verification.terms import Environment, NotEvaluable, Term, Value, Variable, as_kind, kind_of
from querywright.verification.values import fits, neighbors, plain_values

Cells = dict[str, Value]

_MOST_CHANGES = 4
_MOST_CHOICES = 60


def checks_of(table: Table) -> tuple[exp.Expr, ...]:
    """The conjuncts of a table's CHECKs, with plain column names: a conjunction is not FALSE if none of them is."""
    return tuple(conjunct for check in table.checks for conjunct in _parsed(check))


@lru_cache(maxsize=1000)
def _parsed(check: str) -> tuple[exp.Expr, ...]:
    tree = parse_one(check)
    for column in tree.find_all(exp.Column):
        column.set("table", None)
    return tuple(conjuncts(tree))


class Checks:
    """The CHECKs of one table, with values for its columns that may pass them."""

    def __init__(self, table: Table, rng: random.Random) -> None:
        self.rng = rng
        self.checks = checks_of(table)
        self.types = {column.name.lower(): column.type for column in table.columns}
        keys = [*(key.columns for key in table.keys), *(key.columns for key in table.foreign_keys)]
        self.keyed = {name.lower() for columns in keys for name in columns}
        self.choices = {name: self._choices(name) for name in self.types} if self.checks else {}

    def met(self, row: Cells) -> bool:
        """Whether ``row`` obeys all CHECKs, after other values for columns that they refuse; those of keys only if need be."""
        for _ in range(_MOST_CHANGES):
            broken = _broken(self.checks, row)
            if not broken:
                return True
            named = _columns(self.rng.choice(broken))
            names = sorted(named - self.keyed) or sorted(named)
            others = [{**row, name: value} for name in names for value in self._values(name, row)]
            self.rng.shuffle(others)
            trials = [{**row, name: value} for name in names for value in self._adapted(name, row.get(name))] + others
            best: Cells | None = None
            fewest = len(self.checks) + 1
            for trial in trials[:_MOST_CHOICES]:
                left = len(_broken(self.checks, trial))
                if left < fewest:
                    best, fewest = trial, left
                if not left:
                    break
            if best is None:
                return False
            row.update(best)
        return not _broken(self.checks, row)

    def _values(self, name: str, row: Cells) -> Iterator[Value]:
        """Values for a column, among them those beside the other columns that a CHECK compares it with."""
        yield from self.choices[name]
        others = {other for check in self.checks if name in (named := _columns(check)) for other in named - {name}}
        for other in sorted(others):
            for value in (row.get(other), *neighbors(row.get(other), kind_of(self.types[name]))):
                yield from self._fitting(name, [value])

    def _adapted(self, name: str, value: Value) -> Iterator[Value]:
        """A text that keeps what it begins with or holds, as far as a length or a pattern asks of its column lets it."""
        if not isinstance(value, str):
            return
        for check in self.checks:
            if name not in _columns(check):
                continue
            for pattern in check.find_all(exp.Like, exp.ILike):
                yield from self._fitting(
                    name, [pattern.expression.name.replace("%", value, 1).replace("%", "").replace("_", "x")]
                )
            if any(check.find_all(exp.Length)):
                lengths = [int(one.name) for one in check.find_all(exp.Literal) if one.name.isdigit()]
                yield from self._fitting(name, [f"{value:a<{length}}"[:length] for length in lengths])

    def _choices(self, name: str) -> tuple[Value, ...]:
        """Values that pass the CHECKs of this column alone: around their constants, and plain ones."""
        kind = kind_of(self.types[name])
        own = [check for check in self.checks if name in _columns(check)]
        alone = [check for check in own if _columns(check) == {name}]
        found: list[Value] = [*plain_values(kind)]
        for check in own:
            variable = Variable(kind)
            found += [value for _, value in boundaries(check, Environment(outputs={name: variable}))]
            for literal in check.find_all(exp.Literal):
                found += [literal.name, *texts_matching(literal)]
        values = dict.fromkeys(self._fitting(name, found))
        return tuple(value for value in values if not _broken(alone, {name: value}))

    def _fitting(self, name: str, values: Sequence[Value]) -> Iterator[Value]:
        for value in values:
            try:
                fitting = fits(as_kind(value, kind_of(self.types[name])), self.types[name])
            except NotEvaluable:
                continue
            if fitting is not None:
                yield fitting


def _columns(check: exp.Expr) -> set[str]:
    return {column.name.lower() for column in check.find_all(exp.Column)}


def _broken(checks: Sequence[exp.Expr], row: Cells) -> list[exp.Expr]:
    """The CHECKs that are FALSE; one that cannot be evaluated here is taken to pass, and left to the engine."""
    cells: dict[str, Term] = {column: Variable("other", value=value) for column, value in row.items()}
    environment = Environment(outputs=cells)
    found = []
    for check in checks:
        try:
            if evaluate(check, environment) is False:
                found.append(check)
        except NotEvaluable:
            continue
    return found
