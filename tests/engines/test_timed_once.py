"""What is timed is one execution of a query, every row of it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from querywright.engines.protocol import Location
from querywright.engines.session import Session


@pytest.mark.parametrize("ask", [Session.materialize, Session.measure])
def test_duckdb_evaluates_each_row_once(ask: Callable[[Session, str], object]) -> None:
    with Session(Location("duckdb", writable=True)) as session:
        session.execute("CREATE SEQUENCE evaluated")
        ask(session, "SELECT i, nextval('evaluated') AS number FROM range(5000) AS r(i)")
        assert session.fetch("SELECT nextval('evaluated')").rows == ((5001,),)


def test_duckdb_plans_no_second_query_for_the_number_of_rows() -> None:
    """A COUNT would not evaluate columns, so the sequence cannot notice it: a filter on one can."""
    with Session(Location("duckdb", writable=True)) as session:
        session.execute("CREATE SEQUENCE filtered")
        session.materialize("SELECT i FROM range(5000) AS r(i) WHERE nextval('filtered') > 0")
        assert session.fetch("SELECT nextval('filtered')").rows == ((5001,),)


def test_sqlite_runs_after_an_interrupt_that_left_the_rows_of_a_run_behind() -> None:
    with Session(Location("sqlite", writable=True)) as session:
        session.execute("CREATE TEMP TABLE querywright_result AS SELECT 1 AS one")
        session.materialize("SELECT 2 AS two")
        session.materialize("SELECT 3 AS three")
