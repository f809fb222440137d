from __future__ import annotations

from pathlib import Path

import pytest
from stored_runs import complete_run, interrupted_run

from querywright.errors import QueryError, RunError
from querywright.runs.catalogue import TABLES, Catalogue


def test_runs_of_every_state_are_listed_and_foreign_folders_are_not(tmp_path: Path) -> None:
    complete = complete_run(tmp_path)
    interrupted = interrupted_run(tmp_path)
    damaged = complete_run(tmp_path)
    (damaged.path / "outcome.json").write_text("{")
    (tmp_path / "notes").mkdir()
    (tmp_path / ".draft" / "input").mkdir(parents=True)
    (tmp_path / ".draft" / "input" / "metadata.json").write_text("{}")
    (tmp_path / "file.txt").write_text("")
    with Catalogue.read(tmp_path) as catalogue:
        states = {str(run_id): status for run_id, status in catalogue.sql("SELECT run_id, status FROM runs").rows}
        assert states == {
            complete.run_id: "faster",
            interrupted.run_id: "interrupted",
            damaged.run_id: "damaged",
        }
        assert len(catalogue.runs().rows) == 3
        [(speedup, transforms)] = catalogue.sql("SELECT speedup, transforms FROM runs WHERE status = 'interrupted'").rows
        assert (speedup, transforms) == (1.45, ["decorrelate"])


def test_no_runs_yet(tmp_path: Path) -> None:
    with Catalogue.read(tmp_path / "absent") as catalogue:
        assert catalogue.runs().rows == ()
        assert catalogue.transforms().rows == ()


def test_attempts_best_and_transforms(tmp_path: Path) -> None:
    run = complete_run(tmp_path)
    interrupted_run(tmp_path)
    with Catalogue.read(tmp_path) as catalogue:

        def names(which: str) -> list[object]:
            result = catalogue.attempts(run.run_id, which)  # type: ignore[arg-type]
            return [row[result.columns.index("fingerprint")] for row in result.rows]

        assert names("all") == ["wrong", "first", "second"]
        assert names("valid") == ["first", "second"]
        assert names("failed") == ["wrong"]
        assert names("best") == ["second"]
        assert catalogue.best_per_query().rows[0][:2] == ("q1", 1.72)
        assert [row[0] for row in catalogue.top().rows] == [run.run_id]
        by_transform = {row[0]: row[1:4] for row in catalogue.transforms().rows}
        assert by_transform["decorrelate"] == (2, 2, 2)
        assert by_transform["or_to_union"] == (2, 0, 0)
        gains = {row[0]: row[5] for row in catalogue.transforms().rows}
        assert gains["pushdown"] == pytest.approx(1.72 / 1.45)
        [(count,)] = catalogue.sql("SELECT count(*) FROM iterations WHERE complete").rows
        assert count == 3


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    first, second = complete_run(tmp_path), interrupted_run(tmp_path)
    with Catalogue.read(tmp_path) as catalogue:
        result = catalogue.compare(first.run_id, second.run_id)
    assert result.columns == ("property", first.run_id, second.run_id)
    assert ("status", "faster", "interrupted") in result.rows
    assert len(result.rows) == len(TABLES["runs"])


def test_runs_open_by_name_or_unique_beginning(tmp_path: Path) -> None:
    run = complete_run(tmp_path)
    with Catalogue.read(tmp_path) as catalogue:
        assert catalogue.open(run.run_id) == catalogue.open("q1_") == run
    complete_run(tmp_path)
    with Catalogue.read(tmp_path) as catalogue:
        with pytest.raises(RunError, match="More than one"):
            catalogue.open("q1_")
        with pytest.raises(RunError, match="No run"):
            catalogue.open("q2_")
        assert catalogue.open(run.run_id) == run


@pytest.mark.parametrize(
    "statement", ["SELECT nothing FROM runs", "SELEC", "SELECT * FROM read_text('/etc/hostname')", "SET threads = 4"]
)
def test_sql_that_cannot_be_answered_names_the_tables(tmp_path: Path, statement: str) -> None:
    with Catalogue.read(tmp_path) as catalogue, pytest.raises(QueryError) as caught:
        catalogue.sql(statement)
    assert "runs, iterations, attempts, steps" in caught.value.remedy


def test_columns_carry_their_meaning(tmp_path: Path) -> None:
    with Catalogue.read(tmp_path) as catalogue:
        rows = catalogue.sql("SELECT table_name, column_name, comment FROM duckdb_columns() WHERE comment IS NOT NULL").rows
    assert len(rows) == sum(len(columns) for columns in TABLES.values())
