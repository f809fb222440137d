"""Several sessions in one worker process: apart from each other, and lost together."""

from __future__ import annotations

import pytest

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Host, Session
from querywright.errors import StatementOutOfMemory, StatementTimeout, WorkerLost

MEMORY = Location("duckdb", writable=True)
ENDLESS = "SELECT COUNT(*) FROM range(10000000) a, range(10000000) b WHERE hash(a.range + b.range) = 1"


def test_sessions_of_a_host_do_not_see_each_other() -> None:
    with Host() as host, Session(MEMORY, host=host) as one, Session(MEMORY, host=host) as other:
        one.execute("CREATE TABLE t AS SELECT 1 AS x")
        other.execute("CREATE TABLE t AS SELECT 2 AS x")
        assert (one.fetch("FROM t").rows, other.fetch("FROM t").rows) == (((1,),), ((2,),))


def test_sessions_keep_their_own_limits_and_close_alone() -> None:
    with Host() as host:
        small = Session(MEMORY, Limits(memory_bytes=50 << 20), host).__enter__()
        with Session(MEMORY, Limits(memory_bytes=60 << 20), host) as other:
            limits = [session.fetch("SELECT current_setting('memory_limit')").rows[0][0] for session in (small, other)]
            assert limits == ["50.0 MiB", "60.0 MiB"]
            small.close()
            with pytest.raises(WorkerLost):
                small.fetch("SELECT 1")


def test_a_statement_stopped_at_its_limit_leaves_the_others_as_they_are() -> None:
    with Host() as host, Session(MEMORY, host=host) as one, Session(MEMORY, host=host) as other:
        other.execute("CREATE TABLE t AS SELECT 2 AS x")
        with pytest.raises(StatementTimeout):
            one.fetch(ENDLESS, limit_s=0.2)
        assert other.fetch("FROM t").rows == ((2,),)
        assert not host.lost


def test_a_lost_process_is_not_started_again_behind_the_back_of_its_sessions() -> None:
    with Host() as host, Session(MEMORY, host=host) as one:
        one.execute("CREATE TABLE t AS SELECT 1 AS x")
        host.kill()
        for _ in range(2):
            with pytest.raises(WorkerLost):
                one.fetch("FROM t")
        assert host.lost


def test_a_closed_host_is_lost() -> None:
    host = Host()
    session = Session(MEMORY, host=host).__enter__()
    host.close()
    with pytest.raises(WorkerLost):
        session.fetch("SELECT 1")
    session.close()


def test_spill_files_have_a_limit() -> None:
    with (
        Session(MEMORY, Limits(threads=1, memory_bytes=40 << 20, spill_bytes=1 << 20)) as session,
        pytest.raises(StatementOutOfMemory),
    ):
        session.fetch("SELECT list_sort(list(range || 'some more text')) FROM range(3000000)", limit_s=60)
