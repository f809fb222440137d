"""Builds indexes on a copy of a database and measures what a query gains by them there.

The user's file is never written. The answer with the indexes is compared with the one without by the judge's own
comparison, and the runs of both sides take turns, each on its own copy.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from querywright.advise.candidates import IndexCandidate
from querywright.databases.database import Database
from querywright.engines.protocol import Limits
from querywright.engines.session import Host, Session
from querywright.errors import DatabaseError
from querywright.judge import Bench
from querywright.judge.steps import StepCase
from querywright.measure.clock import Clock, noise_band
from querywright.values import Bindings, Candidate, Run, Timing

ENGINES = ("sqlite",)
"""Engines whose indexes make queries faster; DuckDB's zone maps do that job without."""

_ANSWER = "querywright_without_index"


@dataclass(frozen=True, slots=True)
class IndexTrial:
    """Indexes as they turned out: what building them took, in milliseconds and bytes, and the query's times with and without.

    ``equal`` says that the answer stayed the same; only then there is a ``timing``.
    """

    indexes: tuple[IndexCandidate, ...]
    build_ms: float
    size_bytes: int
    equal: bool
    timing: Timing | None

    @property
    def script(self) -> str:
        """The CREATE INDEX statements, each with a semicolon."""
        return "".join(f"{index.statement};\n" for index in self.indexes)


@contextmanager
def copied(database: Database, host: Host | None = None, limits: Limits | None = None) -> Iterator[tuple[Database, Session]]:
    """A copy of a database file that may be written, and a session on it; both are gone afterwards.

    Raises `DatabaseError` for an engine on which indexes are not tried out, or a database that is no file.
    """
    location = database.location
    if location.engine not in ENGINES:
        raise DatabaseError(f"Indexes are not tried out on {location.engine}.", f"Engines: {', '.join(ENGINES)}.")
    source = Path(location.address)
    if not source.is_file() or Path(f"{source}-wal").exists():
        raise DatabaseError(f"{database.name} is not a single file that can be copied.", "Close the programs that write to it.")
    with tempfile.TemporaryDirectory(prefix="querywright-") as folder:
        path = Path(folder) / "copy.sqlite"
        try:
            shutil.copyfile(source, path)
        except OSError as error:
            raise DatabaseError(f"{database.name} cannot be copied: {error.strerror}.", "Free space in TMPDIR.") from error
        copy = replace(database, location=replace(location, address=str(path), writable=True), specification="")
        with Session(copy.location, limits, host) as session:
            yield copy, session


def try_indexes(
    case: StepCase,
    candidate: Candidate,
    indexes: Sequence[IndexCandidate],
    host: Host | None = None,
    limits: Limits | None = None,
) -> IndexTrial:
    """Build ``indexes`` on a copy of the visible database of ``case`` and run ``candidate`` there.

    The candidate may be the original itself, or a rewrite that the judge accepted. Raises `ExecutionError` where an index cannot
    be built or the query fails with it.
    """
    with copied(case.visible.database, host, limits) as (copy, session):
        bench = Bench(copy, session, table=_ANSWER)
        bench.answer(case.verifier, (), case.clock.limit_s)  # before there is an index: the answer to hold against
        before = Path(copy.location.address).stat().st_size
        began = time.perf_counter()
        for index in indexes:
            session.execute(index.statement, limit_s=case.clock.limit_s)
        build_ms = (time.perf_counter() - began) * 1000
        grown = Path(copy.location.address).stat().st_size - before
        comparison = bench.compared(case.verifier, candidate, (), case.limit_s)
        tried = IndexTrial(tuple(indexes), round(build_ms, 3), max(0, grown), comparison.equal, None)
        if not comparison.equal or comparison.run is None:
            return tried
        text = case.verifier.frozen(candidate.query.sql)
        written = replace(candidate.query, sql=tried.script + text)
        clock = Clock(_TwoCopies(case.visible.session, session, written.sql, text), copy.name, case.clock.limit_s)
        original = replace(case.query, sql=case.verifier.laboratory.text)
        return replace(tried, timing=clock.step(original, written, case.known, comparison.run, noise_band(case.known)))


@dataclass(frozen=True)
class _TwoCopies:
    """Sends the text ``written``, with its indexes, to the copy that has them, everything else to the one that has none."""

    plain: Session
    indexed: Session
    written: str
    text: str

    def measure(self, sql: str, parameters: Bindings = (), *, limit_s: float | None = None) -> Run:
        """One timed run on the side that the text belongs to."""
        if sql == self.written:
            return self.indexed.measure(self.text, parameters, limit_s=limit_s)
        return self.plain.measure(sql, parameters, limit_s=limit_s)
