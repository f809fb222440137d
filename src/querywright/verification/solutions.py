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
from querywright.verification.rare_values import Batch, members_of, rare_values
from querywright.verification.terms import Environment, NotEvaluable, Value, Variable, as_kind, variables
from querywright.verification.values import identifying_value, neighbors, plain_values

_MOST_BROKEN = 30
_MOST_BLOCKS = 5
_MOST_REPAIRS = 40
_MOST_CHOICES = 14
_MOST_COPIES = 24
_IDENTIFYING = ("integer", "text", "date", "timestamp")
_STRIDE = 50
"""Identifiers of different solutions interleave: they stay small, so that sums of their squares stay exact."""


PlannedRow = tuple[str, Mapping[str, int], str]


@dataclass(frozen=True)
class Solution:
    """Rows that together pass a query's predicates as far as those could be solved.

    ``rows`` are (table, cell by column, tag) with cells as positions in ``values``: cells that an equality joins share a
    position; rows with the same tag that is not empty are one row of a database.
    The ``drafted`` first ones are no copies of others. ``identifying`` are the positions of
    free keys and references, ``changeable`` those that a copy may differ in, the ones that the query groups by, computes
    with or compares first, up to ``telling``; ``steady`` are those that are the same in all solutions. ``hints`` are the
    constants that a position is compared with, ``boundaries`` the values around which an expression over it changes,
    ``rare`` batches of values for databases of their own (see `querywright.verification.rare_values`).
    ``grouping`` are the positions that blocks group by, ``partitioning`` those that windows are partitioned by. ``copied`` are
    the rows that may be there many times, each with the columns that then have to differ, one of each key.
    ``solved`` is the share of predicates that hold; ``requirements`` their number.
    """

    rows: tuple[PlannedRow, ...]
    drafted: int
    values: tuple[Value, ...]
    kinds: tuple[str, ...]
    identifying: frozenset[int]
    changeable: tuple[int, ...]
    telling: int
    steady: frozenset[int]
    hints: tuple[tuple[Value, ...], ...]
    boundaries: tuple[tuple[Value, ...], ...]
    rare: tuple[tuple[Batch, ...], ...]
    grouping: frozenset[int]
    partitioning: frozenset[int]
    copied: tuple[tuple[int, tuple[str, ...]], ...]
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


def solutions_of(
    queries: Sequence[Facts], given: Sequence[Mapping[str, Value]], rng: random.Random
) -> list[tuple[str, Solution]]:
    """Solutions of the queries, with all cells alike, with one requirement broken, and solutions of single blocks."""
    found: list[tuple[str, Solution]] = []

    def add(kind: str, facts: Facts, block: exp.Query, broken: int = -1) -> Solution:
        values, serial = rng.choice(given), len(found)
        made = solution(facts, block, values, rng, serial=serial, broken=broken, uniform=kind == "uniform")
        found.append((kind, made))
        return made

    for facts in queries:
        requirements = 0
        for kind in ("whole", "whole", "whole", "whole", "whole", "uniform", "uniform"):
            requirements = max(requirements, add(kind, facts, facts.tree).requirements)
        for broken in rng.sample(range(requirements), min(requirements, _MOST_BROKEN)):
            add("broken", facts, facts.tree, broken)
        # What a NOT EXISTS, the other side of an EXCEPT or a LEFT JOIN reads is planted as well.
        blocks = [select for select in facts.selects() if select is not facts.tree and not facts.correlated_columns(select)]
        for block in rng.sample(blocks, min(len(blocks), _MOST_BLOCKS)):
            add("block", facts, block)
    return found


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
        members = {variable: members_of(variable, asked) for variable, asked in touching.items()}
        for variable, (near, _) in members.items():
            variable.hints += near
        for _ in range(_MOST_REPAIRS):
            wrong = [entry for entry in involved if entry[2] and _holds(entry[0], entry[1]) is False]
            if not wrong:
                break
            predicate, environment, used = self.rng.choice(wrong)
            self.repair(predicate, environment, used, touching)
        good = sum(_holds(predicate, environment) is not False for predicate, environment, _ in involved)
        rows, values, fresh = self.numbered(roots)
        positions = {variable: position for position, variable in enumerate(roots)}
        uses = self.uses()
        kept = [variable.identifies and not variable.hints for variable in roots]
        others = [i for i, variable in enumerate(roots) if not kept[i] and not variable.steady]
        first = [i for i in others if roots[i].hints or roots[i].telling]
        return Solution(
            rows=rows,
            drafted=len(self.draft.rows),
            values=values,
            kinds=(*(variable.kind for variable in roots), *("integer" for _ in fresh)),
            identifying=frozenset([*(i for i, unasked in enumerate(kept) if unasked), *fresh]),
            changeable=(*first, *(i for i in others if i not in first)),
            telling=len(first),
            steady=frozenset(i for i, variable in enumerate(roots) if variable.steady),
            hints=(*(tuple(dict.fromkeys(variable.hints)) for variable in roots), *(() for _ in fresh)),
            boundaries=(*(_distinct(variable) for variable in roots), *(() for _ in fresh)),
            rare=(*(rare_values(one, self.draft.facts.dialect, members.get(one, ())) for one in roots), *(() for _ in fresh)),
            grouping=frozenset(positions[key.root] for row in self.draft.rows for key in row.grouping if key.root in positions),
            partitioning=frozenset(i for i, variable in enumerate(roots) if variable.partitions),
            copied=tuple(
                (index, free)
                for index, row in enumerate(self.draft.rows)
                if not row.single and (free := self.free_keys(row, uses)) is not None
            ),
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
        uses = self.uses()
        rows: list[PlannedRow] = [(row.table.name, self.cells(row, positions), row.single) for row in self.draft.rows]
        fresh: list[int] = []
        copied: set[Environment] = set()
        for row in self.draft.rows:
            cells = self.cells(row, positions)
            wanted = row.environment.copies.root.value
            free = self.free_keys(row, uses)
            if not isinstance(wanted, int) or wanted < 2 or row.environment in copied or free is None:
                continue
            copied.add(row.environment)
            for _ in range(min(wanted, _MOST_COPIES) - 1):
                own = dict(cells)
                for column in free:
                    own[column] = len(values)
                    fresh.append(len(values))
                    values.append(identifying_value(next(self.identifiers), row.cells[column].kind))
                rows.append((row.table.name, own, "" if free else row.single))
        return tuple(rows), tuple(values), fresh

    def cells(self, row: MadeRow, positions: Mapping[Variable, int]) -> dict[str, int]:
        """The positions of a row's cells by column."""
        return {name: positions[cell.root] for name, cell in row.cells.items()}

    def uses(self) -> dict[Variable, int]:
        """In how many cells each variable stands."""
        found: dict[Variable, int] = {}
        for row in self.draft.rows:
            for cell in row.cells.values():
                found[cell.root] = found.get(cell.root, 0) + 1
        return found

    def free_keys(self, row: MadeRow, uses: Mapping[Variable, int]) -> tuple[str, ...] | None:
        """A column of each key that no join and no grouping ties down, for copies to differ in; None where one is tied."""
        grouping = {variable.root for variable in row.grouping}
        found: dict[str, None] = {}
        for key in row.table.keys:
            roots = {name.lower(): row.cells[name.lower()].root for name in key.columns}
            free = [
                name
                for name, root in roots.items()
                if uses[root] == 1 and root not in grouping and not root.hints and root.kind in _IDENTIFYING
            ]
            if not free:
                return None
            found[free[0]] = None
        return tuple(found)


def _holds(predicate: exp.Expr, environment: Environment) -> bool | None:
    """Whether a predicate is TRUE on the current values; None where that cannot be said."""
    try:
        return evaluate(predicate, environment) is True
    except NotEvaluable:
        return None


def _distinct(variable: Variable) -> tuple[Value, ...]:
    """The boundaries of a variable, and what it is compared with, as cells of its kind."""
    found: dict[Value, None] = {}
    if variable.kind not in ("other", "time", "boolean"):
        for value in (*variable.hints, *variable.boundaries):
            try:
                found[as_kind(value, variable.kind)] = None
            except NotEvaluable:
                continue
    return tuple(found)


def _operands(predicate: exp.Expr) -> Iterator[exp.Expr]:
    bare = unwrap(predicate)
    if isinstance(bare, exp.Not):
        bare = unwrap(bare.this)
    for child in bare.iter_expressions():
        if isinstance(child, exp.Expression):
            yield child
