"""Bad input: one clear message that names the file or stage and the remedy, exit code 2, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest
from command_line import Answer, Command
from sales_data import NOTHING_TO_DO, Save, checksum


def refused(answer: Answer, *parts: str) -> None:
    """The answer is bad input's: exit code 2 and a message on standard error that holds ``parts``, which end with the remedy."""
    assert answer.code == 2, answer
    assert answer.err.startswith("qw: "), answer.err
    assert "Traceback" not in answer.err + answer.out
    lines = answer.err.strip().splitlines()
    assert len(lines) in (2, 3), "the message, and the remedy on a line of its own"
    for part in parts:
        assert part in answer.err, answer.err


QUERIES: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "nested without end": ("SELECT " + "(" * 500 + "1" + ")" * 500, ("nested more than 120 levels", "WITH")),
    "negated without end": ("SELECT " + "NOT " * 2000 + "true", ("nested too deeply",)),
    "empty": ("", ("slow.sql is empty", "SELECT")),
    "blank": (" \n\t", ("slow.sql is empty", "SELECT")),
    "only a comment": ("-- to do\n", ("slow.sql holds no SQL statement", "SELECT")),
    "only a semicolon": (";", ("slow.sql holds no SQL statement", "SELECT")),
    "a letter to somebody": ("Dear all, please make it fast!", ("slow.sql",)),
    "two words": ("hello world", ("slow.sql", "SELECT")),
    "a Python program": ("import sys\nprint(sys.argv[1:])\n", ("slow.sql",)),
    "a syntax error": ("SELECT id FROM orders WHERE (id > 3", ("slow.sql is not valid duckdb SQL", "line 1")),
    "an open string": ("SELECT 'id FROM orders", ("slow.sql is not valid duckdb SQL",)),
    "not text": (b"\xff\xfe\x00S\x00E\x9f", ("slow.sql is not a text file", "UTF-8")),
    "several statements": ("SELECT 1; SELECT 2", ("slow.sql holds 2 statements", "split")),
    "a statement behind": ("SELECT id FROM orders; DROP TABLE orders", ("slow.sql holds 2 statements", "split")),
    "CREATE": ("CREATE TABLE t AS SELECT 1 AS a", ("slow.sql is not a read-only query", "CREATE", "SELECT")),
    "DROP": ("DROP TABLE orders", ("slow.sql is not a read-only query", "DROP", "SELECT")),
    "ALTER": ("ALTER TABLE orders ADD COLUMN x INTEGER", ("slow.sql is not a read-only query", "ALTER", "SELECT")),
    "INSERT": ("INSERT INTO orders VALUES (1, 2, 3, 4)", ("slow.sql is not a read-only query", "INSERT", "SELECT")),
    "UPDATE": ("UPDATE orders SET amount = 0", ("slow.sql is not a read-only query", "UPDATE", "SELECT")),
    "DELETE": ("DELETE FROM orders", ("slow.sql is not a read-only query", "DELETE", "SELECT")),
    "TRUNCATE": ("TRUNCATE orders", ("slow.sql is not a read-only query", "SELECT")),
    "INSERT in a CTE": ("WITH new AS (INSERT INTO orders VALUES (1, 2, 3, 4) RETURNING id) SELECT id FROM new", ("slow.sql",)),
    "COPY": ("COPY orders TO 'stolen.csv'", ("slow.sql is not a read-only query", "COPY", "SELECT")),
    "ATTACH": ("ATTACH 'other.duckdb'", ("slow.sql is not a read-only query", "SELECT")),
    "PRAGMA": ("PRAGMA memory_limit = '1MB'", ("slow.sql is not a read-only query", "SELECT")),
    "SET": ("SET threads = 64", ("slow.sql is not a read-only query", "SELECT")),
    "a call with side effects": ("SELECT nextval('numbers') FROM orders", ("slow.sql calls nextval", "side effects", "Remove")),
    "a file of the machine": ("SELECT * FROM read_csv('/etc/passwd')", ("slow.sql",)),
    "a file as a table": ("SELECT * FROM '/etc/passwd'", ("slow.sql",)),
    "an unknown table": ("SELECT id FROM ordres", ("slow.sql", "ordres", "orders")),
    "an unknown column": ("SELECT idd FROM orders", ("slow.sql", "idd")),
    "an unknown column of an alias": ("SELECT o.idd FROM orders o", ("slow.sql", "idd")),
    "an ambiguous column": ("SELECT id FROM orders, accounts", ("slow.sql", "id")),
    "an unknown function": ("SELECT frobnicate(id) FROM orders", ("frobnicate",)),
    "an error of types": ("SELECT name + 1 AS n FROM accounts WHERE name > DATE '2024-01-01'", ("slow",)),
    "an error while it runs": (
        "SELECT CAST(name AS INTEGER) AS n FROM accounts",
        ("slow fails on sales", "name 1", "Correct the query"),
    ),
    "more memory than there is": (
        "SELECT string_agg(repeat(a.name, 200), ',') AS names FROM accounts a, range(2000)",
        ("slow fails on sales", "Memory"),
    ),
}


@pytest.mark.parametrize(("text", "parts"), QUERIES.values(), ids=QUERIES.keys())
def test_a_query_that_cannot_be_used(
    text: str | bytes, parts: tuple[str, ...], sales: Path, desk: Path, save: Save, qw: Command
) -> None:
    save(text)
    before = checksum(desk)
    refused(qw("optimize", "slow.sql", "--db", sales, "--memory", "100MB"), *parts)
    assert checksum(desk) == before


OPTIONS: dict[str, tuple[tuple[object, ...], tuple[str, ...]]] = {
    "no such query": (("missing.sql", "--db", "sales.duckdb"), ("missing.sql does not exist", "Name a .sql file")),
    "a folder as query": ((".", "--db", "sales.duckdb"), (". is a folder", "Name one .sql file")),
    "no database": (("slow.sql",), ("No database was named", "--db")),
    "an empty database name": (("slow.sql", "--db", ""), ("No database was named", "--db")),
    "no such database": (("slow.sql", "--db", "missing.duckdb"), ("missing.duckdb does not exist", "A database is")),
    "an empty file": (("slow.sql", "--db", "empty.duckdb"), ("empty.duckdb is empty", "A database is")),
    "a text file": (("slow.sql", "--db", "slow.sql"), ("slow.sql", "A database is")),
    "a folder without data": (("slow.sql", "--db", "nothing"), ("nothing", "Parquet")),
    "a glob without data": (("slow.sql", "--db", "nothing/*.parquet"), ("nothing/*.parquet",)),
    "a truncated database": (("slow.sql", "--db", "broken.duckdb"), ("broken.duckdb",)),
    "a broken SQLite file": (("slow.sql", "--db", "broken.sqlite"), ("broken.sqlite",)),
    "a broken Parquet file": (("slow.sql", "--db", "broken"), ("broken",)),
    "a database without tables": (("slow.sql", "--db", "bare.duckdb"), ("bare.duckdb has no tables", "Load data")),
    "an unknown scheme": (("slow.sql", "--db", "oracle://host/shop"), ("oracle://", "A database is")),
    "a scheme to come": (("slow.sql", "--db", "postgresql://host/shop"), ("PostgreSQL", "not available yet", "A database is")),
    "the wrong scheme": (("slow.sql", "--db", "sqlite:///sales.duckdb"), ("not a SQLite file", "scheme")),
    "a workload's unknown parameter": (("slow.sql", "--db", "shop:size=9"), ("shop", "size")),
    "a workload's unknown value": (("slow.sql", "--db", "shop:variant=odd"), ("variant=odd", "plain")),
    "a workload's unknown query": (("tpch:23",), ("tpch has no query 23", "1 to 22")),
    "an unknown mode": (("slow.sql", "--db", "sales.duckdb", "--mode", "magic"), ("no mode magic", "iterative")),
    "an unknown assumption": (("slow.sql", "--db", "sales.duckdb", "--assume", "luck"), ("--assume luck", "checked-keys")),
    "no size": (("slow.sql", "--db", "sales.duckdb", "--memory", "much"), ("much is not a memory size", "4GB")),
    "superfluous values": (("slow.sql", "--db", "sales.duckdb", "--bind", "a=1"), ("--bind a=1 names a", "none")),
    "no values": (("with_parameters.sql", "--db", "sales.duckdb"), ("parameters least, city", "--bind least=…,city=…")),
    "too few values": (("with_parameters.sql", "--db", "sales.duckdb", "--bind", "least=1"), ("--bind least=1 lacks city",)),
    "no such run": (("slow.sql", "--db", "sales.duckdb", "--resume", "runs/none"), ("no run at runs/none", "qw runs")),
}


@pytest.mark.parametrize(("words", "parts"), OPTIONS.values(), ids=OPTIONS.keys())
def test_an_argument_that_cannot_be_used(
    words: tuple[object, ...], parts: tuple[str, ...], sales: Path, desk: Path, save: Save, qw: Command
) -> None:
    save(NOTHING_TO_DO)
    save("SELECT count(*) AS n FROM accounts WHERE id > $least AND city <> $city", "with_parameters.sql")
    save("", "empty.duckdb")
    save(sales.read_bytes()[:13_000], "broken.duckdb")
    save(b"SQLite format 3\0" + b"\x07" * 3000, "broken.sqlite")
    duckdb.connect(str(desk / "bare.duckdb")).close()
    (desk / "nothing").mkdir()
    (desk / "broken").mkdir()
    save(b"PAR1 and nothing behind", "broken/orders.parquet")
    before = checksum(desk)
    refused(qw("optimize", *words), *parts)
    assert checksum(desk) == before


@pytest.mark.parametrize("command", ["analyze", "explain", "verify", "recheck"])
def test_every_command_says_what_is_missing(command: str, sales: Path, desk: Path, qw: Command) -> None:
    files = {"verify": ("missing.sql", "also_missing.sql"), "recheck": ("missing",)}.get(command, ("missing.sql",))
    before = checksum(desk)
    refused(qw(command, *files, "--db", sales), "missing")
    assert checksum(desk) == before


def test_a_view_of_a_table_that_is_gone(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save("SELECT a FROM orphan")
    with duckdb.connect(str(save(sales.read_bytes(), "old.duckdb"))) as connection:
        connection.execute("CREATE TABLE gone (a INTEGER); CREATE VIEW orphan AS SELECT a FROM gone; DROP TABLE gone")
    answer = qw("analyze", "slow.sql", "--db", "old.duckdb")
    assert answer.code == 2, answer
    assert "slow.sql is refused by old.duckdb" in answer.err
    assert "Traceback" not in answer.err


def test_an_output_that_cannot_be_written_is_known_before_the_search(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(NOTHING_TO_DO)
    before = checksum(desk)
    for option in ("--output", "--report"):
        refused(qw("optimize", "slow.sql", "--db", sales, option, "no/such/folder/file"), "no/such/folder", option)
    assert checksum(desk) == before


def test_a_run_of_another_query_is_not_continued(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(NOTHING_TO_DO)
    assert qw("optimize", "slow.sql", "--db", sales).code == 3
    (run,) = (desk / "runs").iterdir()
    save("SELECT count(*) AS n FROM accounts", "other.sql")
    before = checksum(desk)
    refused(qw("optimize", "other.sql", "--db", sales, "--resume", run), "another query", "--resume")
    assert checksum(desk) == before


@contextmanager
def busy(script: str, path: Path) -> Iterator[None]:
    """Another program, which holds the database at ``path`` while it waits."""
    program = f"import duckdb, sqlite3, sys\n{script}\nprint('ready', flush=True)\nsys.stdin.read()"
    words = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield
        process.communicate()


HOLDERS = {
    "duckdb": "connection = duckdb.connect(sys.argv[1])",
    "sqlite": "connection = sqlite3.connect(sys.argv[1], isolation_level=None); connection.execute('BEGIN EXCLUSIVE')",
}


@pytest.mark.parametrize("engine", HOLDERS)
def test_a_database_that_is_being_written(engine: str, databases: Path, desk: Path, save: Save, qw: Command) -> None:
    save(NOTHING_TO_DO)
    path = save((databases / f"sales.{engine}").read_bytes(), f"sales.{engine}")
    before = checksum(desk)
    with busy(HOLDERS[engine], path):
        refused(qw("optimize", "slow.sql", "--db", path), f"sales.{engine}", "another program", "copy of the file")
    assert checksum(desk) == before


def test_a_candidate_that_fails_is_different(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save("SELECT id FROM accounts")
    save("SELECT id FROM accounts WHERE CAST(name AS INTEGER) IS NOT NULL", "fails.sql")
    before = checksum(desk)
    answer = qw("verify", "slow.sql", "fails.sql", "--db", sales)
    assert answer.code == 1, answer
    assert "Traceback" not in answer.err
    assert checksum(desk) == before


def test_a_candidate_that_never_finishes_is_not_known(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save("SELECT id FROM accounts")
    save(
        "SELECT id FROM accounts WHERE (SELECT count(*) FROM orders a, orders b, orders c WHERE a.id > b.id + c.id) >= 0",
        "endless.sql",
    )
    before = checksum(desk)
    answer = qw("verify", "slow.sql", "endless.sql", "--db", sales, "--timeout", 1)
    assert answer.code == 3, answer
    assert "Traceback" not in answer.err
    assert checksum(desk) == before


def test_a_candidate_that_cannot_be_used(sales: Path, desk: Path, save: Save, qw: Command) -> None:
    save(NOTHING_TO_DO)
    save("SELECT count(*) AS orders FROM ordres", "typo.sql")
    before = checksum(desk)
    refused(qw("verify", "slow.sql", "typo.sql", "--db", sales), "typo.sql reads table ordres", "orders")
    assert checksum(desk) == before
