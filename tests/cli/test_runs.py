"""``qw runs`` on real run directories."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stored_runs import complete_run, interrupted_run
from typer.testing import CliRunner

from querywright.errors import InputError, QueryError, RunError
from querywright.runs.directory import RunDirectory
from querywright.serve.cli.application import application


def qw(*arguments: object) -> str:
    """What ``qw runs`` prints; its error is raised."""
    result = CliRunner().invoke(application, ["runs", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete run, an interrupted one, and things that are no runs."""
    root = tmp_path / "runs"
    complete_run(root)
    interrupted_run(root)
    (root / "notes").mkdir()
    (root / "file.txt").write_text("")
    return root


def names(root: Path) -> tuple[str, str]:
    """Ids of the complete and of the interrupted run."""
    runs = sorted((path for path in root.glob("q1_*")), key=lambda path: not RunDirectory.open(path).complete)
    return runs[0].name, runs[1].name


def test_the_list_tells_states_and_passes_over_foreign_folders(folder: Path) -> None:
    complete, interrupted = names(folder)
    for arguments in ((), ("list",)):
        lines = qw(*arguments, "--runs-dir", folder).splitlines()
        assert len(lines) == 3
        assert next(line for line in lines if line.startswith(f"{complete} ")).split()[3:5] == ["faster", "1.72x"]
        assert next(line for line in lines if line.startswith(f"{interrupted} ")).split()[3:5] == ["interrupted", "1.45x"]


def test_options_stand_before_or_after_the_command(folder: Path) -> None:
    before, after = qw("--runs-dir", folder, "--json", "list"), qw("list", "--runs-dir", folder, "--json")
    assert json.loads(before) == json.loads(after)
    assert {row["status"] for row in json.loads(before)} == {"faster", "interrupted"}


def test_a_whole_run(folder: Path) -> None:
    complete, interrupted = names(folder)
    told = qw("show", complete, "--runs-dir", folder)
    assert told.startswith(f"{complete}: faster\n")
    assert "best: 1.72x (at least 1.63x), 12.4 s → 7.23 s, tested" in told
    assert "transforms: decorrelate → pushdown → date_cte_isolate" in told
    assert "A row is missing." in told
    document = json.loads(qw("show", complete, "--runs-dir", folder, "--json"))
    assert document["run"]["speedup"] == 1.72
    assert [len(document[part]) for part in ("iterations", "attempts")] == [2, 3]
    assert f"--resume {folder / interrupted}" in qw("show", interrupted, "--runs-dir", folder)


def test_parts_of_a_run(folder: Path) -> None:
    complete, _ = names(folder)

    def fingerprints(part: str) -> list[str]:
        rows = json.loads(qw("show", complete, part, "--runs-dir", folder, "--json"))
        return [row["fingerprint"] for row in rows]

    assert fingerprints("--valid") == ["first", "second"]
    assert fingerprints("--failed") == ["wrong"]
    assert json.loads(qw("show", complete, "--best", "--runs-dir", folder, "--json"))["fingerprint"] == "second"
    assert qw("show", complete, "--best", "--runs-dir", folder).endswith("SELECT 1 AS second\n")
    assert "A row is missing." in qw("show", complete, "--failed", "--runs-dir", folder)
    assert "rules" in qw("show", complete, "--prompts", "--runs-dir", folder)
    RunDirectory.open(folder / complete).iteration(2).record_model("Rewrite this.", {})
    assert json.loads(qw("show", complete, "--prompts", "--runs-dir", folder, "--json")) == [
        {"iteration": 2, "prompt": "Rewrite this."}
    ]
    assert "=== iteration 2\nRewrite this." in qw("show", complete, "--prompts", "--runs-dir", folder)


def test_over_all_runs(folder: Path) -> None:
    complete, interrupted = names(folder)
    compared = qw("compare", complete, interrupted, "--runs-dir", folder)
    assert ["status", "faster", "interrupted"] in [line.split() for line in compared.splitlines()]
    assert {"property": "attempts", complete: 3, interrupted: 3} in json.loads(
        qw("compare", complete, interrupted, "--json", "--runs-dir", folder)
    )
    [first] = json.loads(qw("top", "--json", "--runs-dir", folder))
    assert (first["rank"], first["run_id"], first["speedup"]) == (1, complete, 1.72)
    by_name = {row["transform"]: row for row in json.loads(qw("transforms", "--json", "--runs-dir", folder))}
    assert (by_name["decorrelate"]["attempts"], by_name["or_to_union"]["valid"]) == (2, 0)
    assert "geometric_mean" in qw("transforms", "--runs-dir", folder)


def test_sql(folder: Path) -> None:
    statement = "SELECT status, count(*) AS n FROM runs GROUP BY status ORDER BY status"
    expected = [{"status": "faster", "n": 1}, {"status": "interrupted", "n": 1}]
    assert json.loads(qw("sql", statement, "--json", "--runs-dir", folder)) == expected
    assert json.loads(qw("--sql", statement, "--json", "--runs-dir", folder)) == expected
    assert qw("sql", statement, "--runs-dir", folder).splitlines()[1].split() == ["faster", "1"]
    assert qw("sql", "SELECT 1 WHERE false", "--runs-dir", folder) == "No rows.\n"


def test_no_runs_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "qw optimize" in qw("--runs-dir", tmp_path)
    assert json.loads(qw("top", "--json", "--runs-dir", tmp_path)) == []
    assert qw("transforms", "--runs-dir", tmp_path).startswith("No run")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("show", "q2"), RunError, "No run"),
        (("show", "q1"), RunError, "More than one run"),
        (("show", "q1", "--best", "--failed"), InputError, "exclude each other"),
        (("sql", "SELECT nothing FROM runs"), QueryError, "nothing"),
        (("--sql", "SELEC"), QueryError, "SELEC"),
        (("compare", "q1", "q1"), RunError, "More than one run"),
    ],
)
def test_bad_input(folder: Path, arguments: tuple[str, ...], error: type[InputError], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        qw("--runs-dir", folder, *arguments)
    assert caught.value.remedy


def test_a_damaged_run_is_listed_and_named(folder: Path) -> None:
    complete, _ = names(folder)
    (folder / complete / "outcome.json").write_text("{")
    assert "damaged" in qw("--runs-dir", folder)
    with pytest.raises(RunError, match="Outcome"):
        qw("show", complete, "--runs-dir", folder)


def test_a_missing_folder_exits_with_2(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from querywright.serve.cli import main; main()",
        "runs",
        "--runs-dir",
        str(tmp_path / "absent"),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("qw: There is no folder")
    assert "--runs-dir" in result.stderr
