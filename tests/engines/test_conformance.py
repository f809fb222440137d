"""What every engine must do: types, rows, parameters, stored tables, limits, schema. Gaps are those its capabilities declare."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal

import pytest
from engine_cases import CUSTOMERS, RUNAWAY

from querywright.engines.protocol import Connection, Limits, Location
from querywright.engines.session import Session, engine_of
from querywright.errors import (
    BindingError,
    DatabaseError,
    StatementError,
    StatementOutOfMemory,
    StatementTimeout,
    WorkerLost,
)
from querywright.sql.schema import ForeignKey, Index
from querywright.values import Bindings


def gap(session: Session, name: str) -> bool:
    """Whether the engine declares this gap; its reason must say more than the name."""
    return len(session.capabilities.gaps.get(name, "")) > len(name)


def test_values_come_back_exactly(session: Session) -> None:
    got = session.fetch("SELECT id, email, name, balance FROM customer ORDER BY id")
    assert got.columns == ("id", "email", "name", "balance")
    assert [row[:3] for row in got.rows] == [row[:3] for row in CUSTOMERS]
    balances = [row[3] for row in got.rows]
    if gap(session, "decimals"):
        assert balances == [150.25, -0.01, None]
    else:
        assert balances == [Decimal("150.25"), Decimal("-0.01"), None]
        assert isinstance(balances[0], Decimal)


def test_dates_floats_blobs(session: Session) -> None:
    rows = session.fetch("SELECT placed, weight, photo FROM orders ORDER BY number, line").rows
    days = [str(row[0]) for row in rows] if gap(session, "dates") else [row[0] for row in rows]
    expected = [date(2024, 2, 29), date(1969, 12, 31), None]
    assert days == ([str(day) for day in expected] if gap(session, "dates") else expected)
    assert [row[1:] for row in rows] == [(0.1, b"\x00\xff'"), (-1e300, b""), (None, None)]


def test_null_order_is_as_declared(session: Session) -> None:
    first = session.fetch("SELECT email FROM customer ORDER BY email").rows[0][0]
    assert (first is None) == (session.capabilities.default_null_order == "nulls_are_small")
    last = session.fetch("SELECT email FROM customer ORDER BY email DESC").rows[-1][0]
    assert last is None


def test_max_rows_cuts_and_says_so(session: Session) -> None:
    cut = session.fetch("SELECT code FROM plain", max_rows=5)
    assert (len(cut.rows), cut.complete) == (5, False)
    assert session.fetch("SELECT id FROM customer", max_rows=3).complete
    assert session.fetch("SELECT id FROM customer WHERE id > 99").rows == ()


@pytest.mark.parametrize(
    "sql", ["SELECT name FROM customer;", "SELECT name FROM customer; -- all;", "/* ; */ SELECT name FROM customer -- ;\n ;\n"]
)
def test_comments_and_final_semicolons_are_harmless(session: Session, sql: str) -> None:
    assert len(session.fetch(sql).rows) == 3
    session.materialize(sql)
    assert session.store("copy", sql) == 3
    assert session.describe(sql)[0][0] == "name"
    assert session.explain(sql).label


def test_describe_does_not_run_the_query(session: Session) -> None:
    described = session.describe(f"SELECT id AS a, balance AS b, ({RUNAWAY}) AS c FROM customer", limit_s=20)
    assert [name for name, _ in described] == ["a", "b", "c"]
    assert (described[1][1] == "DECIMAL(10,2)") != gap(session, "column types")


FAILS_AT_THE_END = {
    "duckdb": "CASE WHEN amount = 999 THEN error('reached') END",
    "sqlite": "CASE WHEN amount = 999 THEN json('{') END",
}


def test_materialize_computes_every_column(session: Session) -> None:
    expression = FAILS_AT_THE_END[session.location.engine]
    with pytest.raises(StatementError, match=r"reached|malformed"):
        session.materialize(f"SELECT code, {expression} AS unused FROM plain")


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT name FROM customer WHERE id = ? AND name < ?", (("1", 1), ("2", "B"))),
        ("SELECT name FROM customer WHERE id = $1 AND name < $2", (("1", 1), ("2", "B"))),
        ("SELECT name FROM customer WHERE name < $2 AND id = $1", (("1", 1), ("2", "B"))),
        ("SELECT name FROM customer WHERE id = :key AND name < :bound", (("key", 1), ("bound", "B"))),
        ("SELECT name FROM customer WHERE id = $key AND name < $bound", (("bound", "B"), ("key", 1))),
        ("SELECT name FROM customer WHERE name <> '$1 ? :key' -- $1\n AND id = $1", (("1", 1),)),
    ],
)
def test_parameters_reach_every_method(session: Session, sql: str, values: Bindings) -> None:
    assert session.fetch(sql, values).rows == (("Ann",),)
    session.materialize(sql, values)
    assert session.store("bound", sql, values) == 1
    assert session.fetch("SELECT * FROM bound").rows == (("Ann",),)
    assert session.describe(sql, values)[0][0] == "name"
    assert session.explain(sql, values, analyze=True).label


@pytest.mark.parametrize("value", [None, True, 0, -7, 2**62, 1.5, -0.0, 1e300, "", "it's", "€\n", "NULL"])
def test_parameter_values_survive(session: Session, value: bool | int | float | str | None) -> None:
    got = session.fetch("SELECT $v AS v", (("v", value),)).rows[0][0]
    assert got == value
    assert repr(got) == repr(value) or isinstance(value, bool)


def test_missing_parameter_values_are_named(session: Session) -> None:
    with pytest.raises(BindingError, match="parameter 2 without"):
        session.fetch("SELECT $1, $2", (("1", 1),))
    with pytest.raises(BindingError, match="low"):
        session.materialize("SELECT $low", (("high", 1),))


def test_store_replaces_and_drop_forgets(session: Session) -> None:
    assert session.store("kept", "SELECT id, id, name FROM customer") == 3
    assert session.store("kept", "SELECT balance FROM customer WHERE id < 3") == 2
    assert len(session.fetch("SELECT * FROM kept").rows) == 2
    session.drop("kept")
    session.drop("kept")
    with pytest.raises(StatementError, match="kept"):
        session.fetch("SELECT * FROM kept")


def test_store_keeps_values_as_they_are(session: Session) -> None:
    sql = "SELECT name, balance, id FROM customer UNION ALL SELECT CAST(7 AS VARCHAR), 8.5, 9"
    session.store("kept", sql)
    assert sorted(map(repr, session.fetch("SELECT * FROM kept").rows)) == sorted(map(repr, session.fetch(sql).rows))


def test_drop_never_touches_the_database(session: Session) -> None:
    session.store("customer", "SELECT 1 AS one")
    session.drop("customer")
    session.drop("customer")
    assert len(session.fetch("SELECT * FROM customer").rows) == 3


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT nothing FROM customer", "SELECT * FROM nowhere", "", "-- x", "SELECT 1; SELECT 2"]
)
def test_errors_of_the_engine_come_back(session: Session, sql: str) -> None:
    for ask in (session.fetch, session.materialize, session.describe, session.explain):
        with pytest.raises(StatementError) as caught:
            ask(sql)
        assert 0 < len(caught.value.message) < 500
    assert session.fetch("SELECT 1").rows == ((1,),)


def test_statement_is_stopped_at_its_limit(session: Session) -> None:
    session.store("kept", "SELECT 1 AS one")
    for _ in range(2):
        with pytest.raises(StatementTimeout):
            session.materialize(RUNAWAY, limit_s=0.2)
    assert session.fetch("SELECT one FROM kept").rows == ((1,),), "the interrupted connection lives on"


def sleep_on(_: Connection) -> None:
    time.sleep(600)


def test_deaf_session_is_killed_and_usable_afterwards(session: Session) -> None:
    with pytest.raises(WorkerLost):
        session.call(sleep_on, limit_s=0.1)
    assert len(session.fetch("SELECT * FROM customer").rows) == 3


MEMORY_HOGS = {
    "duckdb": "SELECT list(i || repeat('x', 100)) FROM range(20000000) r(i)",
    "sqlite": "SELECT hex(zeroblob(100000000 + amount)) FROM plain",
}


def test_statement_is_stopped_at_its_memory_limit(location: Location) -> None:
    with Session(location, Limits(threads=1, memory_bytes=64_000_000)) as session:
        for _ in range(2):
            with pytest.raises(StatementOutOfMemory):
                session.materialize(MEMORY_HOGS[location.engine], limit_s=60)
        assert len(session.fetch("SELECT * FROM customer").rows) == 3


def test_measure_times_inside_the_worker(session: Session) -> None:
    run = session.measure("SELECT a.code, b.code FROM plain a, plain b WHERE a.amount < 30", position=4)
    assert run.position == 4
    assert run.wall_ns > 0
    assert run.cpu_ns > 0
    assert run.peak_bytes > 5_000_000
    with pytest.raises(StatementTimeout):
        session.measure(RUNAWAY, limit_s=0.2)


def count_rows(connection: Connection, *tables: str) -> list[int]:
    return [len(connection.fetch(f"SELECT * FROM {table}").rows) for table in tables]


def test_whole_rounds_run_inside_the_worker(session: Session) -> None:
    assert session.call(count_rows, "customer", "plain") == [3, 1000]


def test_schema_lists_tables_with_their_keys(session: Session) -> None:
    schema = session.schema()
    assert sorted(table.name for table in schema.tables) == ["customer", "orders", "plain", "rich"]
    customer, orders = schema.by_name["customer"], schema.by_name["orders"]
    plain, rich = schema.by_name["plain"], schema.by_name["rich"]
    assert [(c.name, c.not_null) for c in customer.columns] == [
        ("id", "enforced"),
        ("email", None),
        ("name", "enforced"),
        ("balance", None),
    ]
    assert {(key.columns, key.basis) for key in customer.keys} == {(("id",), "enforced"), (("email",), "enforced")}
    assert [key.columns for key in orders.keys] == [("number", "line")]
    basis = "declared" if gap(session, "foreign keys") else "enforced"
    assert orders.foreign_keys == (ForeignKey(("customer_id",), "customer", ("id",), basis),)
    assert [key.columns for key in plain.keys] == [("code",)], "an expression is no key"
    assert Index("plain_code", ("code",), True) in plain.indexes
    assert Index("plain_amount", ("amount",), False) in plain.indexes
    assert plain.rows == 1000
    assert [column.name for column in rich.columns] == ["id", "balance"]
    assert (orders.checks == ("(line > 0)",)) != gap(session, "checks")


def test_create_table_keeps_types_keys_and_not_nulls(session: Session, scratch: Session) -> None:
    engine = engine_of(session.location)
    schema = session.schema()
    tables = [schema.by_name[name] for name in ("orders", "customer", "plain")]
    for table in tables:
        scratch.execute(engine.create_table(table))
    for table in tables:
        copy = scratch.schema().by_name[table.name]
        assert [(c.name, c.type, c.not_null) for c in copy.columns] == [(c.name, c.type, c.not_null) for c in table.columns]
        assert {key.columns for key in copy.keys} == {key.columns for key in table.keys}


def test_scratch_databases_enforce_keys_and_can_be_emptied(scratch: Session) -> None:
    scratch.execute("CREATE TABLE t (a INTEGER NOT NULL UNIQUE, b VARCHAR)")
    for _ in range(3):
        scratch.insert("t", ("b", "a"), [("x", 1), (None, 2)])
        with pytest.raises(StatementError):
            scratch.insert("t", ("a", "b"), [(3, "y"), (1, "z")])
        assert scratch.fetch("SELECT a, b FROM t ORDER BY a").rows == ((1, "x"), (2, None))
        scratch.execute("DELETE FROM t")
    scratch.insert("t", ("a", "b"), [])
    assert scratch.fetch("SELECT * FROM t").rows == ()


def test_unknown_engine_is_refused() -> None:
    with pytest.raises(DatabaseError, match="Known engines: duckdb, sqlite"):
        engine_of(Location("oracle"))
