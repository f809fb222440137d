"""The audit finds what is different and what is slower, and nothing else; it shares no code with the judge."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from querywright.bench import audit as audit_module
from querywright.bench import outermost as outermost_module
from querywright.bench.audit import Claim, Runner, Source, audit, bag_difference, opened
from querywright.bench.outermost import outermost


@pytest.fixture(scope="module")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Runner]]:
    """Two databases of one schema; the second has NULLs and duplicates."""
    folder = tmp_path_factory.mktemp("sources")
    for name, rows in (
        ("plain", "SELECT i, i % 10, i / 7.0::DOUBLE FROM range(2000) AS r(i)"),
        ("odd", "VALUES (1, NULL, 0.5), (1, NULL, 0.5)"),
    ):
        with duckdb.connect(str(folder / f"{name}.duckdb")) as connection:
            connection.execute("CREATE TABLE t (id INTEGER, part INTEGER, share DOUBLE)")
            connection.execute(f"INSERT INTO t {rows}")
    sources = [Source(name, "duckdb", str(folder / f"{name}.duckdb"), threads=1) for name in ("plain", "odd")]
    with opened(sources) as running:
        yield running


def state(runners: list[Runner], original: str, candidate: str) -> str:
    return audit(Claim("q", original, candidate, 2.0), runners).state


PAIRS = {
    "the same": ("SELECT id, part FROM t", "SELECT id, part FROM t WHERE TRUE", "equal"),
    "another order of rows": ("SELECT id FROM t", "SELECT id FROM t ORDER BY id DESC", "equal"),
    "another order of addition": ("SELECT sum(share) FROM t", "SELECT sum(share) FROM (FROM t ORDER BY id DESC)", "equal"),
    "a value": ("SELECT id FROM t", "SELECT id + (id = 77)::INTEGER FROM t", "different"),
    "a row too few": ("SELECT id FROM t", "SELECT id FROM t WHERE id <> 77", "different"),
    "duplicates, on the other database only": ("SELECT id FROM t", "SELECT DISTINCT id FROM t", "different"),
    "NULLs, on the other database only": ("SELECT id FROM t", "SELECT id FROM t WHERE part IS NOT NULL", "different"),
    "a double that is not close": ("SELECT share FROM t", "SELECT share * 1.0000001 FROM t", "different"),
    "a decimal in its last place": (
        "SELECT id::DECIMAL(18, 9) FROM t",
        "SELECT id::DECIMAL(18, 9) + 0.000000001 FROM t",
        "different",
    ),
    "a wrong order": ("SELECT id FROM t ORDER BY id", "SELECT id FROM t ORDER BY id DESC", "different"),
    "an order among ties": ("SELECT id, part FROM t ORDER BY part", "SELECT id, part FROM t ORDER BY part, id DESC", "equal"),
    "a choice among ties": (
        "SELECT id, part FROM t ORDER BY part LIMIT 3",
        "SELECT id, part FROM t ORDER BY part, id DESC LIMIT 3",
        "equal",
    ),
    "a choice beyond ties": (
        "SELECT id, part FROM t ORDER BY part LIMIT 3",
        "SELECT id, part FROM t WHERE part > 0 ORDER BY part LIMIT 3",
        "different",
    ),
    "rows that the LIMIT never had": (
        "SELECT id, part FROM t ORDER BY part LIMIT 3",
        "SELECT id + 5000 AS id, part FROM t ORDER BY part LIMIT 3",
        "different",
    ),
    "an error of the candidate": ("SELECT id FROM t", "SELECT ('a' || id)::INTEGER FROM t", "different"),
    "an error of the original": ("SELECT ('a' || id)::INTEGER FROM t", "SELECT id FROM t", "undecided"),
    "no rows": ("SELECT id FROM t WHERE id < 0", "SELECT id FROM t WHERE id < -1", "empty"),
}  # fmt: skip


@pytest.mark.parametrize(("original", "candidate", "expected"), PAIRS.values(), ids=PAIRS)
def test_what_is_different(original: str, candidate: str, expected: str, runners: list[Runner]) -> None:
    assert state(runners, original, candidate) == expected


def test_an_original_that_contradicts_itself_decides_nothing(runners: list[Runner]) -> None:
    assert state(runners, "SELECT random() AS r FROM t", "SELECT random() AS r FROM t") == "undecided"


def test_a_slower_rewrite_is_named(runners: list[Runner]) -> None:
    slow = "SELECT id FROM t WHERE (SELECT count(*) FROM t AS a, t AS b WHERE a.part <> b.part) >= 0"
    assert audit(Claim("q", "SELECT id FROM t", slow, 2.0), runners).slower
    assert not audit(Claim("q", slow, "SELECT id FROM t", 2.0), runners).slower


@given(st.lists(st.tuples(st.sampled_from([None, 1, 2]), st.floats(-5, 5), st.floats(-5, 5))), st.randoms())
def test_bags_are_equal_in_any_order_and_up_to_rounding(rows: list[tuple[object, ...]], random: object) -> None:
    shuffled = [(a, b * (1 + 1e-13), c * (1 - 1e-13)) for a, b, c in rows]  # type: ignore[operator]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert bag_difference(rows, shuffled) == ""
    assert bag_difference(rows, [*shuffled, (1, 0.5, 0.5)]) != ""
    assert bag_difference(rows, [*shuffled, (1, 0.5, 0.5)], part=True) == ""


def test_the_outermost_order_and_limit_are_found_in_the_text() -> None:
    text = """WITH a AS (SELECT x FROM t ORDER BY x LIMIT 1) -- ORDER BY z LIMIT 3
    SELECT x, "Y y", row_number() OVER (ORDER BY x) FROM a WHERE s <> ' LIMIT 7'
    ORDER BY "Y y" DESC NULLS LAST, 1, lower(x) LIMIT 5 OFFSET 2;"""
    found = outermost(text)
    assert found.sort_columns(["x", "Y y", "row_number()"]) == [1, 0]
    assert found.without_limit is not None and found.without_limit.endswith("lower(x) ")
    assert outermost("SELECT x FROM (SELECT x FROM t ORDER BY x LIMIT 1) AS a").without_limit is None


def test_the_audit_shares_no_code_with_the_product() -> None:
    for module in (audit_module, outermost_module):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        foreign = {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}
        assert foreign <= {"duckdb", "querywright.bench.outermost"}
