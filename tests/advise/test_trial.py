"""Indexes are tried out on a copy: the database itself is not written, and the answer must stay the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from querywright.advise.candidates import propose_indexes
from querywright.advise.trial import IndexTrial, copied, try_indexes
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.engines.protocol import Location
from querywright.engines.session import Host, Session
from querywright.errors import DatabaseError
from querywright.judge import Bench
from querywright.judge.steps import open_step_case
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Candidate, Query
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

SQL = "SELECT COUNT(*) AS n FROM events AS a JOIN events AS b ON b.kind = a.id WHERE a.place = 3"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    path = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE events (id INTEGER PRIMARY KEY, kind INTEGER, place INTEGER)")
        rows = [(number, number * 7 % 2000, number % 40) for number in range(2000)]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        connection.commit()
    return open_database(str(path))


def tried(database: Database) -> IndexTrial:
    tree = qualify_text(SQL, database.schema, "sqlite")
    query = Query(SQL, "sqlite", fingerprint(tree, "sqlite"))
    with Host() as host, Session(database.location, host=host) as session:
        scratch = Scratch("sqlite", 1, (host,))
        verifier = Verifier(query, database.schema, "sqlite", databases=8, mutation_s=0.0, aimed=0, scratch=(scratch, scratch))
        with open_step_case(verifier, Bench(database, session), None, (), 5.0) as case:
            indexes = propose_indexes(Facts(tree, database.schema, "sqlite"), 2)
            found = try_indexes(case, Candidate(query, query.fingerprint), indexes, host)
        scratch.close()
    return found


def test_the_gain_is_measured_and_the_file_stays_as_it_is(database: Database) -> None:
    before = Path(database.location.address).read_bytes()
    found = tried(database)
    assert found.equal and found.timing is not None
    assert len(found.timing.original) == len(found.timing.candidate) > 0
    assert found.build_ms > 0 and found.size_bytes > 0
    assert found.script.startswith("CREATE INDEX idx_events_") and found.script.endswith(");\n")
    assert Path(database.location.address).read_bytes() == before


def test_the_copy_is_gone_afterwards(database: Database) -> None:
    with copied(database) as (copy, session):
        session.execute("DELETE FROM events")
        assert Path(copy.location.address).exists()
    assert not Path(copy.location.address).exists()
    with closing(sqlite3.connect(database.location.address)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM events").fetchone() == (2000,)


def test_engines_without_use_for_indexes_are_refused() -> None:
    nothing = Database("nothing", Location("duckdb"), "full", Schema(()))
    with pytest.raises(DatabaseError, match="not tried out on duckdb"), copied(nothing):
        pass
