"""Measures what each transform gains on an engine: the figures that order the search.

Every transform has slow queries of its pattern in ``transforms/slow_queries/<name>.sql``, in DuckDB's dialect. The transform
itself rewrites them; both results are compared in the engine; both are timed in turns, under the machine's timing lock.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from querywright import transforms as transforms_package
from querywright.analyze.figures import Figure
from querywright.databases.database import Database
from querywright.databases.opening import open_database, silent
from querywright.engines.session import Session, engine_of
from querywright.errors import ContractError, ExecutionError, InputError, StatementTimeout
from querywright.measure.clock import Clock
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import apply_everywhere, transforms
from querywright.values import Query, Timing
from querywright.verification.compare import compare, terms_of
from querywright.verification.stored import store_original
from querywright.workloads.protocol import Progress

SCALES = {"duckdb": 1.0, "sqlite": 0.1}
"""Scale of the workloads where none is asked for: large enough to time, small enough to build in a minute."""

SMALLER = 10.0
"""A query that does not finish in time is measured on data this many times smaller."""

_SCALE_PARAMETER = {"tpch": "sf", "tpcds": "sf", "shop": "scale"}
_FOLDER = Path(transforms_package.__path__[0]) / "slow_queries"
_ENTRY = re.compile(r"^# (title|workload|engines): *(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """A query on which ``transform`` should gain; ``engines`` is empty where it runs on all of the transform's engines."""

    transform: str
    title: str
    workload: str
    sql: str
    engines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A slow query, or a transform without one, that gives no figure."""

    transform: str
    query: str
    reason: str
    timeout: bool = False


def slow_queries(transform: str) -> tuple[SlowQuery, ...]:
    """The slow queries of a transform; () where it has none."""
    path = _FOLDER / f"{transform}.sql"
    if not path.exists():
        return ()
    found = []
    for text in re.split(r"(?m)^(?=# title:)", path.read_text(encoding="utf-8")):
        said = dict(_ENTRY.findall(text))
        if said:
            engines = tuple(name.strip() for name in said.get("engines", "").split(",") if name.strip())
            found.append(SlowQuery(transform, said["title"], said["workload"], _ENTRY.sub("", text).strip(), engines))
    return tuple(found)


def profile(
    engine: str,
    *,
    scale: float | None = None,
    only: Collection[str] = (),
    limit_s: float = 10.0,
    progress: Progress = silent,
) -> Iterator[Figure | Unmeasured]:
    """Measure every transform of ``engine``, or those named in ``only``, at ``scale`` (1: TPC-H SF1); one item a slow query.

    ``limit_s`` is the most seconds one execution may take. Raises `InputError` for an engine or transform that is not there.
    """
    if engine not in SCALES:
        raise InputError(f"There is no engine {engine} to profile.", f"Use one of: --engine {' | '.join(SCALES)}")
    known = transforms(engine)
    missing = [name for name in only if name not in known]
    if missing:
        raise InputError(f"{engine} has no transform {', '.join(missing)}.", f"Its transforms: {', '.join(known)}.")
    scale = SCALES[engine] if scale is None else scale
    with ExitStack() as stack:
        opened: dict[str, tuple[Database, Session]] = {}

        def database_of(case: SlowQuery, size: float) -> tuple[Database, Session]:
            specification = f"{case.workload}:{_SCALE_PARAMETER[case.workload]}={size:g},engine={engine}"
            if specification not in opened:
                database = open_database(specification, progress)
                opened[specification] = database, stack.enter_context(Session(database.location))
            return opened[specification]

        for name in only or known:
            cases = [case for case in slow_queries(name) if not case.engines or engine in case.engines]
            if not cases:
                yield Unmeasured(name, "", f"no slow query for {engine} in {_FOLDER.name}/{name}.sql")
            for case in cases:
                item = _measured(case, *database_of(case, scale), limit_s)
                if isinstance(item, Unmeasured) and item.timeout:
                    item = _measured(case, *database_of(case, scale / SMALLER), limit_s)
                yield item


def _measured(case: SlowQuery, database: Database, session: Session, limit_s: float) -> Figure | Unmeasured:
    capabilities = engine_of(database.location).CAPABILITIES
    dialect = capabilities.dialect
    text = case.sql.rstrip().removesuffix(";")
    try:
        outputs = [name for name, _ in session.describe(text)]
        tree = qualify_text(text, database.schema, dialect, outputs, f"the slow query {case.title!r}")
        rewritten = apply_everywhere(tree, database.schema, dialect, case.transform)
        if rewritten is None:
            return Unmeasured(case.transform, case.title, "the transform does not apply")
        original = Query(text, dialect, fingerprint(tree, dialect))
        candidate = Query(rewritten.tree.sql(dialect), dialect, fingerprint(rewritten.tree, dialect))
        terms = terms_of(text, Facts(tree, database.schema, dialect), exact_decimals=capabilities.exact_decimals)
        stored = session.call(store_original, text, terms.dialect, limit_s=limit_s)
        comparison = session.call(compare, stored, candidate.sql, terms, limit_s=limit_s)
        if comparison.difference is not None:
            raise ContractError(f"{case.transform} changes the answer of {case.title!r}: {comparison.difference.reason}")
        timing = _timed(Clock(session, database.name, limit_s), original, candidate)
    except ExecutionError as error:
        return Unmeasured(case.transform, case.title, error.message, isinstance(error, StatementTimeout))
    if not timing.ratio:
        return Unmeasured(case.transform, case.title, f"Neither query finishes within {limit_s:g} s.", timeout=True)
    return Figure(
        database.location.engine,
        capabilities.version,
        case.transform,
        case.title,
        database.name,
        round(timing.original_ms, 2),
        _rounded(timing.ratio),
        _rounded(timing.low),
        _rounded(timing.high),
        f"{platform.system()} {platform.machine()}",
    )


def _timed(clock: Clock, original: Query, candidate: Query) -> Timing:
    """Screened from both ends: a rewrite that the clock gives up on is timed as the original, so that its loss has bounds too."""
    timing = clock.screen(original, candidate)
    if not timing.abandoned and timing.censored != "candidate":
        return timing
    turned = clock.screen(candidate, original)
    if not turned.ratio:  # neither finishes within the limit
        return turned
    return replace(
        turned,
        ratio=1 / turned.ratio,
        low=1 / turned.high,
        high=1 / turned.low if turned.low else timing.high,
        original_ms=turned.candidate_ms,
        candidate_ms=turned.original_ms,
    )


def _rounded(ratio: float) -> float:
    """Three significant digits; a bound that is not known counts as far off."""
    return float(f"{min(ratio, 1e6):.3g}")


__all__ = ["Figure", "SlowQuery", "Unmeasured", "profile", "slow_queries"]
