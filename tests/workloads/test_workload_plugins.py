"""What every workload promises, and what each of them holds."""

import math
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from querywright.errors import DatabaseError
from querywright.workloads.driver import Instance, build_once, instance, workloads

DOMAINS = ("analytics", "content", "ecommerce", "hr", "social")
CLINIC = Path(__file__).parents[1] / "fixtures" / "workloads" / "clinic.sql"
SMALL = {
    "tpch": {"sf": "0.01"},
    "tpcds": {"sf": "0.01"},
    "shop": {"scale": "0.01"},
    "ddl": {"file": str(CLINIC), "rows": "1000"},
} | {name: {"rows": "1000"} for name in DOMAINS}


def silent(message: str, fraction: float | None) -> None:
    pass


def small(name: str, **given: str) -> tuple[Instance, Path]:
    wanted = instance(name, SMALL[name] | given)
    return wanted, build_once(wanted, silent)


def test_the_small_sizes_cover_all_workloads() -> None:
    assert set(SMALL) == set(workloads())


@pytest.mark.parametrize("name", SMALL)
def test_declared_keys_hold_on_the_data(name: str) -> None:
    wanted, path = small(name)
    with duckdb.connect(str(path), read_only=True) as connection:

        def count(sql: str) -> int:
            (number,) = connection.execute(sql).fetchone() or (0,)
            return int(number)

        tables = wanted.workload.tables(wanted.parameters)
        present = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        assert {table.name for table in tables} == present
        for table in tables:
            for key in table.keys:
                columns = ", ".join(key.columns)
                complete = " AND ".join(f"{column} IS NOT NULL" for column in key.columns)
                keyed = f"FROM {table.name} WHERE {complete}"
                assert count(f"SELECT COUNT(*) FROM (SELECT DISTINCT {columns} {keyed})") == count(f"SELECT COUNT(*) {keyed}") > 0
            for column in (column for column in table.columns if column.not_null):
                assert count(f'SELECT COUNT(*) FROM {table.name} WHERE "{column.name}" IS NULL') == 0
            for reference in table.foreign_keys:
                pairs = zip(reference.columns, reference.references_columns, strict=True)
                condition = " AND ".join(f"child.{own} = parent.{other}" for own, other in pairs)
                present_values = " AND ".join(f"child.{own} IS NOT NULL" for own in reference.columns)
                dangling = (
                    f"SELECT COUNT(*) FROM {table.name} AS child WHERE {present_values} AND NOT EXISTS "
                    f"(SELECT 1 FROM {reference.references} AS parent WHERE {condition})"
                )
                assert count(dangling) == 0, (table.name, reference)


@pytest.mark.parametrize("name", SMALL)
def test_every_query_runs(name: str) -> None:
    wanted, path = small(name)
    queries = wanted.workload.queries("duckdb")
    assert tuple(queries) == wanted.workload.QUERY_NAMES
    with duckdb.connect(str(path), read_only=True) as connection:
        for query in queries.values():
            connection.execute(query).fetchall()


def test_numbers_of_queries() -> None:
    assert {name: len(workload.QUERY_NAMES) for name, workload in workloads().items()} == {
        "shop": 5,
        "tpcds": 99,
        "tpch": 22,
        "ddl": 0,
    } | dict.fromkeys(DOMAINS, 20)


def as_floats_and_text(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    def plain(value: object) -> object:
        if isinstance(value, int | float | Decimal):
            return float(value)
        return None if value is None else str(value)

    return [tuple(plain(value) for value in row) for row in rows]


def assert_same_rows(left: list[tuple[object, ...]], right: list[tuple[object, ...]], context: str) -> None:
    assert len(left) == len(right), context

    def rough(row: tuple[object, ...]) -> tuple[object, ...]:
        return tuple((value is not None, f"{value:.6g}" if isinstance(value, float) else value or "") for value in row)

    for one, other in zip(sorted(as_floats_and_text(left), key=rough), sorted(as_floats_and_text(right), key=rough), strict=True):
        for first, second in zip(one, other, strict=True):
            if isinstance(first, float) and isinstance(second, float):
                assert math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-6), (context, one, other)
            else:
                assert first == second, (context, one, other)


@pytest.mark.parametrize(
    ("name", "given"),
    [("tpch", {}), ("tpch", {"keys": "indexed"}), ("shop", {}), ("shop", {"variant": "nasty"})]
    + [(name, {}) for name in DOMAINS],
)
def test_sqlite_answers_what_duckdb_answers(name: str, given: dict[str, str]) -> None:
    """Rows that tie in ROW_NUMBER or in ORDER BY with LIMIT may differ; none of the queries compared here has such ties."""
    wanted, sqlite_path = small(name, engine="sqlite", **given)
    _, duckdb_path = small(name, **{key: value for key, value in given.items() if key != "keys"})
    texts = wanted.workload.queries("duckdb")
    with duckdb.connect(str(duckdb_path), read_only=True) as one, closing(sqlite3.connect(sqlite_path)) as other:
        for query, translated in wanted.workload.queries("sqlite").items():
            if query == "window_functions" or (query == "correlated_subqueries" and "variant" in given):
                continue
            expected, found = one.execute(texts[query]).fetchall(), other.execute(translated).fetchall()
            assert_same_rows(expected, found, query)


def test_sqlite_has_declared_primary_keys_and_indexes_only_on_request() -> None:
    def indexes(path: Path) -> set[str]:
        with closing(sqlite3.connect(path)) as connection:
            return {
                row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
            }

    _, primary = small("tpch", engine="sqlite")
    _, indexed = small("tpch", engine="sqlite", keys="indexed")
    assert not indexes(primary)
    assert "lineitem_l_orderkey" in indexes(indexed)
    with closing(sqlite3.connect(primary)) as connection:
        key = connection.execute("SELECT name FROM pragma_table_info('lineitem') WHERE pk > 0 ORDER BY pk").fetchall()
    assert key == [("l_orderkey",), ("l_linenumber",)]


def test_shop_follows_its_formulas() -> None:
    _, path = small("shop", scale="1")
    with duckdb.connect(str(path), read_only=True) as connection:
        sizes = {
            table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
            for table in ("users", "orders", "products", "events")
        }
        assert sizes == {"users": (10_000,), "orders": (500_000,), "products": (1_000,), "events": (1_000_000,)}
        rows = {
            name: connection.execute(f"SELECT COUNT(*) FROM ({query})").fetchone()
            for name, query in workloads()["shop"].queries("duckdb").items()
        }
    assert rows == {
        "basic_antipatterns": (26,),
        "correlated_subqueries": (3333,),
        "wildcard_scan": (1_000_000,),
        "implicit_join": (10,),
        "window_functions": (1_000_000,),
    }


def test_nasty_shop_has_nulls_duplicates_skew_dangling_references_and_depends_on_the_seed() -> None:
    def facts(path: Path) -> tuple[int, ...]:
        with duckdb.connect(str(path), read_only=True) as connection:
            row = connection.execute(
                "SELECT COUNT(*) - COUNT(total), COUNT(*) - COUNT(DISTINCT id), COUNT(*) FILTER (customer_id <= 10), "
                "COUNT(*) FILTER (customer_id NOT IN (SELECT id FROM users)), COUNT(DISTINCT created_at), SUM(hash(total)) "
                "FROM orders"
            ).fetchone()
        assert row
        return row

    wanted, path = small("shop", variant="nasty")
    nulls, duplicates, on_ten_customers, dangling, days, checksum = facts(path)
    assert wanted.workload.tables(wanted.parameters) == ()
    assert nulls > 0 and duplicates > 0 and dangling > 0
    assert on_ten_customers > 1000  # a fifth of 5,000 orders on a tenth of the customers
    assert days < 40
    assert facts(small("shop", variant="nasty", seed="2")[1])[-1] != checksum


@pytest.mark.parametrize(
    ("name", "given", "part"),
    [
        ("tpch", {"sf": "banana"}, "sf=banana is not a positive number"),
        ("tpch", {"sf": "-1"}, "not a positive number"),
        ("tpch", {"sf": "inf"}, "not a positive number"),
        ("tpch", {"size": "1"}, "no parameter size"),
        ("tpch", {"keys": "primary"}, "no parameter keys on duckdb"),
        ("tpcds", {"engine": "sqlite"}, "not available for the engine sqlite"),
        ("shop", {"variant": "odd"}, "variant=odd"),
        ("hr", {"rows": "999"}, "rows=999 is too small"),
        ("tpcx", {}, "no workload tpcx"),
        ("ddl", {}, "No file was named"),
        ("ddl", {"file": "nowhere.sql"}, "is not a file"),
        ("ddl", {"file": str(CLINIC.with_name("one,two.sql"))}, "has a comma"),
        ("ddl", {"file": str(CLINIC), "dialect": "cobol"}, "dialect=cobol"),
    ],
)
def test_wrong_parameters_say_what_is_accepted(name: str, given: dict[str, str], part: str) -> None:
    with pytest.raises(DatabaseError, match=part) as caught:
        instance(name, given)
    assert caught.value.remedy


def test_generated_data_that_breaks_its_own_keys_is_refused(tmp_path: Path) -> None:
    tpch = workloads()["tpch"]
    with pytest.raises(DatabaseError, match=r"partsupp.*has duplicates") as caught:
        tpch.build(tmp_path / "tpch.duckdb", "duckdb", {"sf": "0.0125"}, lambda *_: None)
    assert "0.01" in caught.value.remedy
