"""Files, folders, URLs and workloads open read-only; anything else gets one clear message."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from folders import TABLES, checksum, write_duckdb, write_parquet, write_sqlite

from querywright.databases.opening import open_database
from querywright.engines.session import Session
from querywright.errors import DatabaseError


@pytest.mark.parametrize("write", [write_duckdb, write_sqlite, write_parquet])
def test_each_form_opens_with_its_tables_and_stays_untouched(write: Callable[[Path], Path], tmp_path: Path) -> None:
    path = write(tmp_path)
    before = checksum(tmp_path)
    database = open_database(str(path))
    assert set(TABLES) <= {table.name for table in database.schema.tables}
    assert (database.name, database.role, database.fraction) == (path.name, "full", 1.0)
    assert not database.location.writable
    with Session(database.location) as session:
        assert session.fetch("SELECT COUNT(*), MAX(quantity) FROM lines").rows == ((180_000, 179_999),)
    assert checksum(tmp_path) == before


def test_the_format_is_read_from_the_file_not_from_its_name(tmp_path: Path) -> None:
    disguised = write_sqlite(tmp_path).rename(tmp_path / "really.duckdb")
    assert open_database(str(disguised)).location.engine == "sqlite"
    plain = write_duckdb(tmp_path).rename(tmp_path / "nothing")
    assert open_database(str(plain)).location.engine == "duckdb"


def test_urls_name_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my data").mkdir()
    path = write_duckdb(tmp_path / "my data")
    assert open_database(f"duckdb://{path}").location == open_database(str(path)).location
    assert open_database(f"duckdb://{str(path).replace(' ', '%20')}").name == "sales.duckdb"
    monkeypatch.chdir(path.parent)
    assert open_database("duckdb:///sales.duckdb").location.address == str(path)
    with pytest.raises(DatabaseError, match="not a SQLite file"):
        open_database(f"sqlite://{path}")


def test_a_glob_and_a_single_file_are_tables(tmp_path: Path) -> None:
    lake = write_parquet(tmp_path)
    assert [table.name for table in open_database(f"{lake}/*.parquet").schema.tables] == ["orders"]
    assert [table.name for table in open_database(f"{lake}/customers.csv").schema.tables] == ["customers"]


def test_names_of_files_need_no_care(tmp_path: Path) -> None:
    (tmp_path / 'it\'s 50% "odd".v2.csv').write_text("a,b\n1,2\n")
    database = open_database(str(tmp_path))
    assert [table.name for table in database.schema.tables] == ['it\'s 50% "odd"_v2']


def test_workloads_open_with_their_declared_keys() -> None:
    database = open_database("tpch:6,sf=0.01")
    assert database.name == "tpch:sf=0.01"
    lines = database.schema.table("lineitem")
    assert lines and [(key.columns, key.basis) for key in lines.keys] == [(("l_orderkey", "l_linenumber"), "declared")]
    assert {key.references for key in lines.foreign_keys} == {"orders", "part", "supplier", "partsupp"}
    column = lines.column("l_orderkey")
    assert column and column.not_null == "enforced"
    reports: list[str] = []
    in_sqlite = open_database("tpch:sf=0.01,engine=sqlite", lambda message, _: reports.append(message))
    keys = in_sqlite.schema.table("lineitem")
    assert keys and [key.basis for key in keys.keys] == ["enforced"]
    assert reports or in_sqlite.location.engine == "sqlite"


@pytest.mark.parametrize(
    ("specification", "part"),
    [
        ("missing.duckdb", "does not exist"),
        ("missing/*.parquet", "holds no Parquet or CSV files"),
        ("tpcx:sf=1", "does not exist"),
        ("postgresql://localhost/shop", "PostgreSQL databases are not available yet"),
        ("mysql://localhost/shop", "MySQL databases are not available yet"),
        ("mariadb://localhost/shop", "MariaDB databases are not available yet"),
        ("spark://localhost", "Spark databases are not available yet"),
        ("oracle://localhost/shop", "oracle:// is not a scheme"),
        ("tpcds:sf=banana", "sf=banana"),
        ("tpcds:150", "no query 150"),
        ("duckdb:///nowhere/at/all.duckdb", "does not exist"),
    ],
)
def test_what_cannot_be_named_says_what_is_accepted(specification: str, part: str) -> None:
    with pytest.raises(DatabaseError, match=part) as caught:
        open_database(specification)
    assert caught.value.remedy


def test_files_that_are_no_databases_are_named(tmp_path: Path) -> None:
    cases = {
        "empty.duckdb": (b"", "is empty"),
        "text.duckdb": (b"just some text, long enough for any header", "neither a DuckDB nor a SQLite file"),
        "short.db": (b"SQL", "neither a DuckDB nor a SQLite file"),
        "empty.csv": (b"", "is empty"),
        "broken.parquet": (b"PAR1 and no more", "not a complete Parquet file"),
        "broken.db": (b"SQLite format 3\0" + b"x" * 5000, "broken.db"),
        "broken.duckdb": (b"12345678DUCK" + b"x" * 20000, "broken.duckdb"),
    }
    for name, (content, part) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatabaseError, match=part) as caught:
            open_database(str(tmp_path / name))
        assert name in str(caught.value)


def test_a_truncated_parquet_file_in_a_folder_is_named(tmp_path: Path) -> None:
    lake = write_parquet(tmp_path)
    content = (lake / "orders.parquet").read_bytes()
    (lake / "orders.parquet").write_bytes(content[:-100])
    with pytest.raises(DatabaseError, match=r"orders\.parquet"):
        open_database(str(lake))
    (lake / "orders.parquet").write_bytes(b"PAR1" + b"garbage" * 50 + b"PAR1")
    with pytest.raises(DatabaseError, match="lake"):
        open_database(str(lake))


def test_folders_without_data_or_with_clashes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="holds no Parquet or CSV files"):
        open_database(str(tmp_path))
    lake = write_parquet(tmp_path)
    (lake / "Orders.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatabaseError, match=r"Two sources give a table orders: .*Orders\.csv and .*orders\.parquet"):
        open_database(str(lake))
    (lake / "Orders.csv").rename(lake / "lines" / "c.csv")
    with pytest.raises(DatabaseError, match="mixes Parquet and CSV"):
        open_database(str(lake))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_unreadable_files_are_named(tmp_path: Path) -> None:
    path = write_duckdb(tmp_path)
    path.chmod(0)
    with pytest.raises(DatabaseError, match="cannot be read"):
        open_database(str(path))


def test_a_database_without_tables_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.duckdb"
    duckdb.connect(str(path)).close()
    with pytest.raises(DatabaseError, match="has no tables"):
        open_database(str(path))


def test_a_file_that_another_process_writes_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = write_duckdb(tmp_path)
    script = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdout and writer.stdin
    assert writer.stdout.readline() == "open\n"
    try:
        with pytest.raises(DatabaseError, match=path.name) as caught:
            open_database(str(path))
        assert "copy" in caught.value.remedy
    finally:
        writer.communicate()
