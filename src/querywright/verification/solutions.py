"""Values for the made-up rows of a query, so that they pass its joins and filters.

Values start from the constants of the predicates; then one broken predicate at a time is repaired by the value that
breaks the fewest others (min-conflicts, Minton et al. 1992).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.sql.predicates import unwrap
from querywright.verification.blocks import Draft, MadeRow
from querywright.verification.evaluate import evaluate
from querywright.verification.terms import Environment, NotEvaluable, Value, Variable, as_kind, variables
from querywright.verification.values import neighbors, plain_values

_MOST_REPAIRS = 40
_MOST_CHOICES = 14
_MOST_COPIES = 24
_STRIDE = 50
"""Identifiers of different solutions interleave: they stay small, so that sums of their squares stay exact."""


PlannedRow = tuple[str, Mapping[str, int], str]


@dataclass(frozen=True)
class Solution:
    """Rows that together pass a query's predicates as far as those could be solved.

    ``rows`` are (table, cell by column, tag) with cells as positions in ``values``: cells that an equality joins share a
    position; rows with the same tag that is not empty are one row of a database. ``identifying`` are the positions of
    free keys and references, ``changeable`` those that a copy may differ in, the ones that the query groups by, computes
    with or compares first, up to ``telling``; ``steady`` are those that are the same in all solutions. ``hints`` are the
    constants that a position is compared with.
    ``solved`` is the share of predicates that hold; ``requirements`` their number.
    """

    rows: tuple[PlannedRow, ...]
    values: tuple[Value, ...]
    kinds: tuple[str, ...]
    identifying: frozenset[int]
    changeable: tuple[int, ...]
    telling: int
    steady: frozenset[int]
    hints: tuple[tuple[Value, ...], ...]
    parameters: Mapping[str, Value]
    solved: float
    requirements: int


def solution(
    facts: Facts,
    block: exp.Query,
    bindings: Mapping[str, Value],
    rng: random.Random,
    *,
    serial: int = 0,
    broken: int = -1,
    uniform: bool = False,
) -> Solution:
    """One solution for ``block``.

    ``serial`` keeps the identifiers of several solutions apart; ``broken`` is the requirement to break (see `Draft`);
    ``uniform`` gives all cells that nothing asks anything of the same value, so that rows coincide.
    """
    return _Search(Draft(facts, block, bindings, rng, broken), rng, serial, uniform).solution()


class _Search:
    def __init__(self, draft: Draft, rng: random.Random, serial: int, uniform: bool) -> None:
        self.draft = draft
        self.rng = rng
        self.uniform = uniform
        self.serial = serial
        self.identifiers = count(serial % _STRIDE + 1, _STRIDE)

    def solution(self) -> Solution:
        predicates = self.draft.predicates
        roots = list(dict.fromkeys(cell.root for row in self.draft.rows for cell in row.cells.values()))
        for variable in roots:
            variable.value = self.first_value(variable)
        involved = [(predicate, environment, variables(predicate, environment)) for predicate, environment in predicates]
        touching: dict[Variable, list[tuple[exp.Expr, Environment]]] = {}
        for predicate, environment, used in involved:
            for variable in used:
                touching.setdefault(variable, []).append((predicate, environment))
        for _ in range(_MOST_REPAIRS):
            wrong = [entry for entry in involved if entry[2] and _holds(entry[0], entry[1]) is False]
            if not wrong:
                break
            predicate, environment, used = self.rng.choice(wrong)
            self.repair(predicate, environment, used, touching)
        good = sum(_holds(predicate, environment) is not False for predicate, environment, _ in involved)
        rows, values, fresh = self.numbered(roots)
        kept = [variable.identifies and not variable.hints for variable in roots]
        free = [i for i, variable in enumerate(roots) if not kept[i] and not variable.steady]
        first = [i for i in free if roots[i].hints or roots[i].telling]
        return Solution(
            rows=rows,
            values=values,
            kinds=(*(variable.kind for variable in roots), *("integer" for _ in fresh)),
            identifying=frozenset([*(i for i, unasked in enumerate(kept) if unasked), *fresh]),
            changeable=(*first, *(i for i in free if i not in first)),
            telling=len(first),
            steady=frozenset(i for i, variable in enumerate(roots) if variable.steady),
            hints=(*(tuple(dict.fromkeys(variable.hints)) for variable in roots), *(() for _ in fresh)),
            parameters={name: variable.root.value for name, variable in self.draft.parameters.items()},
            solved=good / (len(involved) or 1),
            requirements=self.draft.requirements,
        )

    def first_value(self, variable: Variable) -> Value:
        if variable.hints and variable.kind != "other":
            if variable.constants and self.rng.random() < 0.8:
                return variable.constants[self.serial % len(variable.constants)]
            return self.rng.choice(variable.hints)
        if variable.identifies and variable.kind in ("integer", "decimal", "float", "text"):
            return as_kind(next(self.identifiers), variable.kind)
        plain = plain_values(variable.kind)
        if self.uniform or variable.steady:
            return plain[1 % len(plain)]
        if variable.nullable and self.rng.random() < 0.08:
            return None
        return self.rng.choice(plain)

    def repair(
        self,
        predicate: exp.Expr,
        environment: Environment,
        used: Sequence[Variable],
        touching: Mapping[Variable, list[tuple[exp.Expr, Environment]]],
    ) -> None:
        """Give one variable of a broken predicate the value that breaks the fewest predicates."""
        variable = self.rng.choice([one for one in used if not one.steady] or used)
        choices: list[Value] = [*variable.hints, *plain_values(variable.kind)]
        for side in _operands(predicate):
            try:
                value = evaluate(side, environment)
                choices += [as_kind(nearby, variable.kind) for nearby in [value, *neighbors(value, variable.kind)]]
            except NotEvaluable:
                continue
        choices = [choice for choice in dict.fromkeys(choices) if choice is not None]
        if len(choices) > _MOST_CHOICES:
            choices = self.rng.sample(choices, _MOST_CHOICES)
        before = variable.value
        scores: list[tuple[int, float, Value]] = []
        for choice in choices:
            variable.value = choice
            failures = sum(_holds(other, place) is False for other, place in touching[variable])
            scores.append((failures, self.rng.random(), choice))
        variable.value = min(scores, key=lambda score: score[:2])[2] if scores else before

    def numbered(self, roots: Sequence[Variable]) -> tuple[tuple[PlannedRow, ...], tuple[Value, ...], list[int]]:
        """The rows with positions for cells; a block that counts more than one row gets copies of one of its rows."""
        positions = {variable: position for position, variable in enumerate(roots)}
        values = [variable.value for variable in roots]
        uses: dict[Variable, int] = {}
        for row in self.draft.rows:
            for cell in row.cells.values():
                uses[cell.root] = uses.get(cell.root, 0) + 1
        rows: list[PlannedRow] = []
        fresh: list[int] = []
        copied: set[Environment] = set()
        for row in self.draft.rows:
            cells = {name: positions[cell.root] for name, cell in row.cells.items()}
            rows.append((row.table.name, cells, row.single))
            wanted = row.environment.copies.root.value
            free = self.free_key(row, uses)
            if not isinstance(wanted, int) or wanted < 2 or row.environment in copied or (free is None and row.table.keys):
                continue
            copied.add(row.environment)
            for _ in range(min(wanted, _MOST_COPIES) - 1):
                if free is None:
                    rows.append((row.table.name, cells, row.single))
                    continue
                fresh.append(len(values))
                values.append(as_kind(next(self.identifiers), row.cells[free].kind))
                rows.append((row.table.name, {**cells, free: fresh[-1]}, ""))
        return tuple(rows), tuple(values), fresh

    def free_key(self, row: MadeRow, uses: Mapping[Variable, int]) -> str | None:
        """A key column that no join and no grouping ties down, so that copies of the row may differ in it."""
        grouping = {variable.root for variable in row.grouping}
        for key in row.table.keys:
            for name in key.columns:
                root = row.cells[name.lower()].root
                if uses[root] == 1 and root not in grouping and not root.hints and root.kind in ("integer", "text"):
                    return name.lower()
        return None


def _holds(predicate: exp.Expr, environment: Environment) -> bool | None:
    """Whether a predicate is TRUE on the current values; None where that cannot be said."""
    try:
        return evaluate(predicate, environment) is True
    except NotEvaluable:
        return None


def _operands(predicate: exp.Expr) -> Iterator[exp.Expr]:
    bare = unwrap(predicate)
    if isinstance(bare, exp.Not):
        bare = unwrap(bare.this)
    for child in bare.iter_expressions():
        if isinstance(child, exp.Expression):
            yield child
