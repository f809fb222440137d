"""Holds somebody else's rewrites against ours: the same judge, the same session, in turns with the same original."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from querywright.analyze.preparing import prepare
from querywright.bench.folder import Request
from querywright.bench.optimizing import limits_of, rules_of
from querywright.bench.results import Measurement, Result, Row, measured
from querywright.bench.summary import geomean
from querywright.databases.database import Database
from querywright.engines.session import engine_of
from querywright.errors import InputError, QueryError
from querywright.judge import ACCEPTED, Case, confirm, judge, open_case
from querywright.measure.decision import LEAST_GAIN, recommended
from querywright.sql.files import query_text
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import normalize_parameters
from querywright.sql.qualify import qualify_text
from querywright.values import Candidate, Grade, Origin, Query, Timing

RivalStatus = Literal["faster", "no gain", "slower", "refuted", "unverified", "broken", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Rival:
    """One rewrite as the judge sees it. ``counterexample`` is replayable SQL where it is refuted on a generated database.

    ``slower``: it takes longer, beyond noise. ``no gain``: verified, but not confirmed to be faster.
    """

    status: RivalStatus
    reason: str = ""
    sql: str | None = None
    grade: Grade | None = None
    measurement: Measurement | None = None
    counterexample: str | None = None

    @property
    def gain(self) -> float:
        """The speedup of whoever runs the better of the original and this, once verified: 1.0 or more."""
        return max(1.0, self.measurement.ratio) if self.status == "faster" and self.measurement else 1.0

    @property
    def raw(self) -> float:
        """The speedup of whoever runs it unseen: under 1.0 where it is slower; 1.0 where it is not known to be equal."""
        return self.measurement.ratio if self.measurement and self.measurement.ratio > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours and theirs for one query."""

    query: str
    ours: Rival
    theirs: Rival


@dataclass(frozen=True, slots=True)
class Standing:
    """The figures of one side: geometric means of `Rival.gain` and `Rival.raw`, how many of each status, queries won."""

    geomean: float
    raw_geomean: float
    statuses: tuple[tuple[str, int], ...]
    won: int


def rival_file(folder: Path, query: str) -> Path | None:
    """The file of a query in a folder of rewrites: ``NAME.sql``, or for a number also ``q7.sql``, ``query_07.sql`` and so on."""
    names = [query]
    if re.fullmatch(r"\d+", query):
        names += [
            f"{prefix}{number}" for prefix in ("", "q", "query", "query_", "query-") for number in (query, f"{int(query):02}")
        ]
    return next((path for name in names if (path := folder / f"{name}.sql").is_file()), None)


def rival_text(folder: Path, query: str) -> str | None:
    """Their rewrite of the query, None where they have none; raises `QueryError` for a file that cannot be read."""
    path = rival_file(folder, query)
    return query_text(path) if path is not None else None


def compare(row: Row, folder: Path, database: Database, request: Request) -> Comparison:
    """Judge and confirm their rewrite, and confirm ours again beside it."""
    ours = Rival("missing", row.declared.reason)
    try:
        text = rival_text(folder, row.query)
    except QueryError as error:
        return Comparison(row.query, _recorded(row.declared), Rival("broken", str(error)))
    if text is None:
        return Comparison(row.query, _recorded(row.declared), Rival("missing", "They have no rewrite of it."))
    prepared = prepare(row.original, database, name=row.query, source=row.source)
    with open_case(prepared.query, prepared.database, limits=limits_of(request), rules=rules_of(request)) as case:
        if case.refusal:
            return Comparison(row.query, ours, Rival("unverified", case.refusal, text, "unverifiable"))
        if row.declared.status == "faster" and row.declared.sql is not None:
            ours = _judged(case, row.declared.sql, "ours")
        return Comparison(row.query, ours, _judged(case, text, "theirs"))


def standings(comparisons: Sequence[Comparison]) -> tuple[Standing, Standing]:
    """Ours and theirs. A query is won by the side whose gain is the higher by more than five percent."""
    sides = [[comparison.ours for comparison in comparisons], [comparison.theirs for comparison in comparisons]]
    pairs = [(comparison.ours.gain, comparison.theirs.gain) for comparison in comparisons]
    won = [sum(one > LEAST_GAIN * other for one, other in pairs), sum(other > LEAST_GAIN * one for one, other in pairs)]
    ours, theirs = (
        Standing(
            geomean(rival.gain for rival in side),
            geomean(rival.raw for rival in side),
            tuple((status, count) for status in _STATUSES if (count := sum(rival.status == status for rival in side))),
            wins,
        )
        for side, wins in zip(sides, won, strict=True)
    )
    return ours, theirs


_STATUSES: tuple[RivalStatus, ...] = ("faster", "no gain", "slower", "refuted", "unverified", "broken", "missing", "failed")


def _recorded(result: Result) -> Rival:
    """Ours as the bench measured it, where there is nothing to measure it beside."""
    if result.status != "faster":
        return Rival("missing", result.reason)
    return Rival("faster", sql=result.sql, grade=result.grade, measurement=result.measurement)


def _judged(case: Case, sql: str, origin: str) -> Rival:
    dialect = engine_of(case.database.location).CAPABILITIES.dialect
    text = normalize_parameters(sql, dialect).strip().removesuffix(";").rstrip()
    try:
        tree = qualify_text(text, case.database.schema, dialect, source=origin)
    except InputError as error:
        return Rival("broken", str(error), sql)
    query = Query(text, dialect, fingerprint(tree, dialect), case.query.bindings, case.query.name)
    attempt = judge(case, Candidate(query, case.query.fingerprint, origin=Origin(origin)))
    verdict = attempt.verdict
    if verdict.grade not in ACCEPTED:
        script = verdict.counterexample.script if verdict.counterexample is not None else None
        status: RivalStatus = "refuted" if verdict.grade == "refuted" else "unverified"
        return Rival(status, verdict.reason or attempt.failure or "", sql, verdict.grade, counterexample=script)
    if attempt.timing is not None:
        attempt = confirm(case, attempt)
    if attempt.timing is None:
        return Rival("unverified", attempt.failure or "", sql, verdict.grade)
    timing = attempt.timing
    return Rival(_speed_status(timing), verdict.reason, sql, verdict.grade, measured(timing))


def _speed_status(timing: Timing) -> RivalStatus:
    if recommended(timing):
        return "faster"
    stopped = timing.censored == "candidate"
    hopeless = timing.abandoned and timing.ratio < 1 / LEAST_GAIN
    return "slower" if stopped or hopeless or timing.high < 1.0 else "no gain"
