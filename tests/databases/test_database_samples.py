"""Samples are small, repeatable, and joined as the whole is; the source stays as it was."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from folders import checksum, write_duckdb, write_parquet, write_sqlite

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.premises import check_premise
from querywright.databases.sampling import LARGEST_WHOLE_TABLE, sample
from querywright.engines.session import Session
from querywright.errors import InputError
from querywright.values import Premise


def rows_of(database: Database, query: str) -> list[tuple[object, ...]]:
    with Session(database.location) as session:
        return list(session.fetch(query).rows)


def assert_keys_hold(database: Database) -> int:
    """All keys and foreign keys of the schema hold on the data; the number of them."""
    checked = 0
    with Session(database.location) as session:
        for table in database.schema.tables:
            premises = [Premise("unique", table.name, key.columns, key.basis) for key in table.keys]
            premises += [
                Premise("foreign_key", table.name, key.columns, key.basis, (key.references, key.references_columns))
                for key in table.foreign_keys
            ]
            for premise in premises:
                assert check_premise(session, premise), premise
                checked += 1
    return checked


@pytest.mark.parametrize("write", [write_duckdb, write_sqlite, write_parquet])
def test_rows_come_with_the_rows_they_join_and_the_source_stays_untouched(write: Callable[[Path], Path], tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    source = open_database(str(write(tmp_path / "source")))
    before = checksum(tmp_path / "source")
    part = sample(source, 0.05, folder=tmp_path / "samples")
    assert checksum(tmp_path / "source") == before
    assert (part.role, part.fraction, part.location.engine) == ("sample", 0.05, source.location.engine)
    assert_keys_hold(part)
    ((orders, lines, customers, complete),) = rows_of(
        part,
        "SELECT (SELECT COUNT(*) FROM orders), (SELECT COUNT(*) FROM lines), (SELECT COUNT(*) FROM customers), "
        "(SELECT COUNT(*) FROM (SELECT order_id FROM lines GROUP BY order_id HAVING COUNT(*) = 3) AS whole)",
    )
    assert isinstance(orders, int) and isinstance(lines, int) and isinstance(customers, int)
    assert 2_000 < orders < 4_500 and 2_000 < customers < 6_000
    assert complete == orders and lines == 3 * orders, "orders come with all their lines"
    dangling = "SELECT COUNT(*) FROM orders WHERE customer_id NOT IN (SELECT customer_id FROM customers)"
    assert rows_of(part, dangling) == [(0,)]


def test_a_sample_keeps_views_indexes_and_keys(tmp_path: Path) -> None:
    part = sample(open_database(str(write_sqlite(tmp_path))), 0.05, folder=tmp_path)
    with closing(sqlite3.connect(part.location.address)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%'").fetchall() == [
            ("orders_by_customer",)
        ]
    for database in (part, sample(open_database(str(write_duckdb(tmp_path))), 0.05, folder=tmp_path)):
        assert rows_of(database, "SELECT COUNT(*) FROM big_orders") == rows_of(
            database, "SELECT COUNT(*) FROM orders WHERE total > 1000"
        )
        lines = database.schema.table("lines")
        assert lines and [key.columns for key in lines.keys] == [("order_id", "line")]
        assert [key.references for key in lines.foreign_keys] == ["orders"]


def test_a_file_in_wal_mode_gets_no_companions(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    source = open_database(str(write_sqlite(tmp_path / "source", journal_mode="WAL")))
    before = checksum(tmp_path / "source")
    part = sample(source, 0.05, folder=tmp_path / "samples")
    assert checksum(tmp_path / "source") == before
    assert rows_of(part, "SELECT COUNT(*) > 0 FROM orders") == [(1,)]


def test_equal_seeds_give_equal_samples_and_seeds_matter(tmp_path: Path) -> None:
    source = open_database(str(write_duckdb(tmp_path)))

    def keys(seed: int, folder: str) -> list[tuple[object, ...]]:
        part = sample(source, 0.02, seed, folder=tmp_path / folder)
        return rows_of(part, "SELECT order_id FROM orders ORDER BY 1")

    assert keys(1, "a") == keys(1, "b") != keys(2, "a")


def test_a_sample_is_used_again_until_its_source_changes(tmp_path: Path) -> None:
    path = write_duckdb(tmp_path)
    first = sample(open_database(str(path)), 0.02, folder=tmp_path / "samples")
    made = Path(first.location.address).stat().st_mtime_ns
    again = sample(open_database(str(path)), 0.02, folder=tmp_path / "samples")
    assert again == first and Path(again.location.address).stat().st_mtime_ns == made
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO customers VALUES (99999, 'new')")
    changed = sample(open_database(str(path)), 0.02, folder=tmp_path / "samples")
    assert changed.location.address != first.location.address


@pytest.mark.parametrize("specification", ["tpch:sf=0.01", "tpcds:sf=0.01", "tpch:sf=0.01,engine=sqlite"])
def test_workload_samples_keep_all_declared_keys(specification: str, tmp_path: Path) -> None:
    source = open_database(specification)
    part = sample(source, 0.1, folder=tmp_path)
    assert {table.name for table in part.schema.tables} == {table.name for table in source.schema.tables}
    assert assert_keys_hold(part) > 15
    with Session(source.location) as whole, Session(part.location) as small:
        for table in source.schema.tables:
            ((full,),) = whole.fetch(f"SELECT COUNT(*) FROM {table.name}").rows
            ((kept,),) = small.fetch(f"SELECT COUNT(*) FROM {table.name}").rows
            assert isinstance(full, int) and isinstance(kept, int)
            assert 0 < kept <= full
            assert kept == full if (table.rows or 0) <= LARGEST_WHOLE_TABLE else kept < full, table.name


def test_returns_are_sampled_with_their_sales(tmp_path: Path) -> None:
    part = sample(open_database("tpcds:sf=0.01"), 0.1, folder=tmp_path)
    unmatched = (
        "SELECT COUNT(*) FROM store_returns WHERE NOT EXISTS "
        "(SELECT 1 FROM store_sales WHERE ss_item_sk = sr_item_sk AND ss_ticket_number = sr_ticket_number)"
    )
    assert rows_of(part, unmatched) == [(0,)]


def test_circles_of_references_are_closed(tmp_path: Path) -> None:
    path = tmp_path / "staff.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE people (id INTEGER PRIMARY KEY, boss_id REFERENCES people (id), team_id REFERENCES teams (id));"
            "CREATE TABLE teams (id INTEGER PRIMARY KEY, lead_id REFERENCES people (id));"
        )
        count = 3 * LARGEST_WHOLE_TABLE
        connection.executemany(
            "INSERT INTO people VALUES (?, ?, ?)", [(i, i // 2 or None, 1 + i % count) for i in range(1, count + 1)]
        )
        connection.executemany("INSERT INTO teams VALUES (?, ?)", [(i, 1 + i * 7 % count) for i in range(1, count + 1)])
        connection.commit()
    part = sample(open_database(str(path)), 0.001, folder=tmp_path)
    assert assert_keys_hold(part) == 5
    assert int(str(rows_of(part, "SELECT COUNT(*) FROM people")[0][0])) > 0


def test_tables_outside_the_main_schema_and_text_keys_are_sampled(tmp_path: Path) -> None:
    path = tmp_path / "two.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE SCHEMA sales; CREATE TABLE sales.orders (code VARCHAR PRIMARY KEY, day DATE, tags VARCHAR[]);"
            "INSERT INTO sales.orders SELECT 'code ' || i, DATE '2024-01-01' + (i % 90)::INT, ['a', NULL] "
            "FROM range(50000) AS rows(i); CREATE VIEW sales.days AS SELECT DISTINCT day FROM sales.orders"
        )
    part = sample(open_database(str(path)), 0.1, folder=tmp_path)
    ((count, days),) = rows_of(part, "SELECT (SELECT COUNT(*) FROM sales.orders), (SELECT COUNT(*) FROM sales.days)")
    assert isinstance(count, int) and 4_000 < count < 6_000
    assert days == 90


def test_text_keys_are_sampled_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "codes.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE codes (code TEXT PRIMARY KEY NOT NULL)")
        connection.executemany("INSERT INTO codes VALUES (?)", [(f"code {i:06d}",) for i in range(40_000)])
        connection.commit()
    part = sample(open_database(str(path)), 0.1, folder=tmp_path)
    assert 3_000 < int(str(rows_of(part, "SELECT COUNT(*) FROM codes")[0][0])) < 5_000


@pytest.mark.parametrize("fraction", [0.0, -1.0, 1.5])
def test_fractions_are_checked(fraction: float, tmp_path: Path) -> None:
    database = open_database("tpch:sf=0.01")
    with pytest.raises(InputError, match="cannot hold"):
        sample(database, fraction, folder=tmp_path)


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_views_of_tables_that_are_gone_are_left_out(engine: str, tmp_path: Path) -> None:
    path = tmp_path / f"old.{engine}"
    with closing(duckdb.connect(str(path)) if engine == "duckdb" else sqlite3.connect(path)) as connection:
        for statement in (
            "CREATE TABLE t (a VARCHAR COLLATE NOCASE)",
            "CREATE VIEW v AS SELECT a FROM t",
            "CREATE TABLE gone (a INTEGER)",
            "CREATE VIEW orphan AS SELECT a FROM gone",
            "DROP TABLE gone",
        ):
            connection.execute(statement)
    part = sample(open_database(str(path)), folder=tmp_path / "samples")
    assert rows_of(part, "SELECT a FROM v") == []
