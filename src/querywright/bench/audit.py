"""Checks recommendations again, with code that shares nothing with the judge: the standard library and the engines' drivers.

Both texts run on each source, all rows are fetched and compared in Python; then they are timed in turns. Rows are compared as
bags: exactly, but for columns in which either answer has a binary floating-point number, which may differ by 1e-9 relatively.
Where the outermost query sorts by columns of its answer, both answers must show the same sequence of these. An answer cut by an
outermost LIMIT through ties may hold other rows, as long as the same query without that LIMIT returns them.
"""

from __future__ import annotations

import math
import sqlite3
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

import duckdb

from querywright.bench.outermost import Outermost, outermost

Row = tuple[object, ...]
State = Literal["equal", "empty", "different", "undecided"]

PAIRS = 9
MOST_PAIRS = 27
"""Pairs that decide where the first nine make the rewrite look slower."""

SLOW_S = 5.0
"""Originals slower than this are timed once."""

_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Source:
    """A database to audit on: a DuckDB or SQLite file, or ``:memory:`` with statements that define views over files."""

    name: str
    engine: str
    address: str
    setup: tuple[str, ...] = ()
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A recommendation: ``candidate`` is said to return what ``original`` does, ``ratio`` times as fast."""

    query: str
    original: str
    candidate: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What the audit found of a claim. ``ratio`` is measured on the first source; ``rows`` were compared on all of them.

    ``undecided``: the original itself fails or answers differently each time; ``empty``: no source gave a row.
    """

    query: str
    state: State
    claimed: float
    ratio: float
    rows: int
    sources: tuple[str, ...]
    reason: str = ""

    @property
    def slower(self) -> bool:
        """Whether the rewrite took longer than the original."""
        return self.ratio < 1.0


class Runner:
    """An open source; runs a query and fetches every row."""

    def __init__(self, source: Source) -> None:
        self.source = source
        if source.engine == "sqlite":
            self._light = sqlite3.connect(f"{Path(source.address).as_uri()}?mode=ro", uri=True)
            return
        memory = source.address == ":memory:"
        self._duck = duckdb.connect(source.address, read_only=not memory)
        for statement in source.setup:
            self._duck.execute(statement)
        if source.threads is not None:
            self._duck.execute(f"SET threads = {source.threads}")

    def rows(self, sql: str) -> tuple[list[str], list[Row]]:
        """Column names and rows."""
        cursor = self._light.execute(sql) if self.source.engine == "sqlite" else self._duck.execute(sql)
        return [column[0] for column in cursor.description or ()], cursor.fetchall()

    def close(self) -> None:
        """Close the source."""
        (self._light if self.source.engine == "sqlite" else self._duck).close()


@contextmanager
def opened(sources: Iterable[Source]) -> Iterator[list[Runner]]:
    """Runners for the sources."""
    runners: list[Runner] = []
    try:
        for source in sources:
            runners.append(Runner(source))
        yield runners
    finally:
        for runner in runners:
            runner.close()


def audit(claim: Claim, runners: Sequence[Runner]) -> Finding:
    """Compare on every source, then time on the first."""
    names, compared = tuple(runner.source.name for runner in runners), 0
    undecided = ""
    for runner in runners:
        try:
            state, rows, reason = compare(runner.rows, claim.original, claim.candidate)
        except (duckdb.Error, sqlite3.Error) as error:
            state, rows, reason = "undecided", 0, f"the original fails: {error}"
        compared += rows
        if state == "different":
            return Finding(claim.query, state, claim.ratio, math.nan, compared, names, f"on {runner.source.name}: {reason}")
        if state == "undecided":
            undecided = undecided or f"on {runner.source.name}: {reason}"
    if undecided and not compared:
        return Finding(claim.query, "undecided", claim.ratio, math.nan, 0, names, undecided)
    ratio = timed_ratio(runners[0].rows, claim.original, claim.candidate)
    decided: State = "undecided" if undecided else "equal" if compared else "empty"
    return Finding(claim.query, decided, claim.ratio, ratio, compared, names, undecided)


Fetch = Callable[[str], tuple[list[str], list[Row]]]


def compare(fetch: Fetch, original: str, candidate: str) -> tuple[State, int, str]:
    """State, rows of the original, and what differs. Raises the driver's error where the original fails."""
    outer = outermost(original)
    names, before = fetch(original)
    try:
        _, after = fetch(candidate)
    except (duckdb.Error, sqlite3.Error) as error:
        return "different", len(before), f"the candidate fails: {error}"
    problem = _problem(fetch, outer, names, before, after)
    if not problem:
        return ("equal" if before else "empty"), len(before), ""
    # An original that does not agree with itself proves nothing against the candidate.
    again = [fetch(original)[1] for _ in range(3)]
    if any(_problem(fetch, outer, names, before, rows) for rows in again):
        return "undecided", len(before), f"the original answers differently each time; {problem}"
    return "different", len(before), problem


def _problem(fetch: Fetch, outer: Outermost, names: Sequence[str], before: list[Row], after: list[Row]) -> str:
    keys = outer.sort_columns(names)
    # Numbers that are nearly equal may come in either order, and so may what is sorted within them.
    inexact = next((place for place, key in enumerate(keys) if any(isinstance(row[key], float) for row in before)), len(keys))
    keys = keys[: inexact + 1]
    shown = [tuple(row[key] for key in keys) for row in before]
    for position, (one, row) in enumerate(zip(shown, after, strict=False), start=1):
        if len(row) != len(names):
            return f"{len(names)} columns against {len(row)}"
        if not all(map(close, one, [row[key] for key in keys])):
            return f"row {position} is out of order: {row}"
    problem = bag_difference(before, after)
    if not problem or outer.without_limit is None or len(before) != len(after):
        return problem
    return bag_difference(after, fetch(outer.without_limit)[1], part=True)


def bag_difference(one: Sequence[Row], other: Sequence[Row], *, part: bool = False) -> str:
    """What tells two bags of rows apart, "" where nothing does; with ``part`` the second may hold more rows."""
    if len(one) > len(other) or (len(one) < len(other) and not part):
        return f"{len(one)} rows against {len(other)}"
    if not one:
        return ""
    width = len(one[0])
    if any(len(row) != width for row in other):
        return f"{width} columns against {len(other[0])}"
    inexact = [any(isinstance(row[column], float) for rows in (one, other) for row in rows) for column in range(width)]
    groups = _grouped(other, inexact)
    for key, rows in _grouped(one, inexact).items():
        matched = _unmatched(rows, groups.get(key, []), part=part)
        if matched is not None:
            return f"{matched} has no counterpart among {groups.get(key, [])[:2]}"
    return ""


def _grouped(rows: Iterable[Row], inexact: Sequence[bool]) -> dict[Row, list[Row]]:
    """Rows by their exact values and by which of their inexact ones are NULL; what is kept of each row are the inexact ones."""
    groups: dict[Row, list[Row]] = defaultdict(list)
    for row in rows:
        key = tuple((value is None if loose else _hashable(value)) for value, loose in zip(row, inexact, strict=True))
        groups[key].append(row if any(inexact) else ())
    return groups


def _hashable(value: object) -> object:
    """Numbers as themselves, so that 1 equals 1.0; everything else with its type."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return value
    return type(value).__name__, repr(value)


def _unmatched(one: list[Row], other: list[Row], *, part: bool) -> Row | None:
    """A row without a counterpart, None where all have theirs."""
    if len(one) > len(other) or (len(one) < len(other) and not part):
        return one[-1] if len(one) >= len(other) else other[-1]
    left, right = sorted(one, key=_order), sorted(other, key=_order)
    if not part and all(all(map(close, a, b)) for a, b in zip(left, right, strict=True)):
        return None
    for row in left:  # sorting may have put nearly equal rows in another order
        found = next((place for place, partner in enumerate(right) if all(map(close, row, partner))), None)
        if found is None:
            return row
        del right[found]
    return None


def _order(row: Row) -> tuple[object, ...]:
    return tuple(value if isinstance(value, float) and not math.isnan(value) else math.inf for value in row)


def close(one: object, other: object) -> bool:
    """Equal, or floating-point numbers within 1e-9 of each other relatively."""
    if isinstance(one, float) or isinstance(other, float):
        try:
            left, right = float(one), float(other)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return False
        return (math.isnan(left) and math.isnan(right)) or math.isclose(left, right, rel_tol=_TOLERANCE, abs_tol=1e-12)
    return _hashable(one) == _hashable(other)


def timed_ratio(fetch: Fetch, original: str, candidate: str) -> float:
    """Median time of the original over that of the candidate, run in turns after one of each to warm up."""
    first = _seconds(fetch, original)
    _seconds(fetch, candidate)
    pairs: list[tuple[float, float]] = []
    for enough in (PAIRS, MOST_PAIRS) if first < SLOW_S else (1,):
        while len(pairs) < enough:
            pairs.append((_seconds(fetch, original), _seconds(fetch, candidate)))
        ratio = statistics.median(one for one, _ in pairs) / statistics.median(other for _, other in pairs)
        if ratio >= 1.0:
            break
    return ratio


def _seconds(fetch: Fetch, sql: str) -> float:
    began = time.perf_counter()
    fetch(sql)
    return time.perf_counter() - began
