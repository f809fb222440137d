"""Each database is built once, by one process, and appears only when it is complete."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from querywright.errors import DatabaseError, MissingExtraError
from querywright.settings import settings
from querywright.workloads.driver import build_once, file_once, instance


def test_a_file_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "data"
    builds: list[Path] = []

    def write(partial: Path) -> None:
        builds.append(partial)
        partial.write_text("content")

    assert file_once(path, write) == file_once(path, write) == path
    assert len(builds) == 1 and path.read_text() == "content"


def test_a_failed_or_killed_build_leaves_nothing_that_counts(tmp_path: Path) -> None:
    path = tmp_path / "data"

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise DatabaseError("no more space")

    with pytest.raises(DatabaseError):
        file_once(path, fail)
    assert not path.exists()

    def write(partial: Path) -> None:
        assert not partial.exists(), "the half file is gone"
        partial.write_text("whole")

    assert file_once(path, write).read_text() == "whole"


def test_two_processes_build_once(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from querywright.workloads.driver import file_once
folder = Path(sys.argv[1])
def write(partial):
    with (folder / "builds").open("a") as log:
        log.write("built ")
    time.sleep(0.3)
    partial.write_text("whole")
assert file_once(folder / "data", write).read_text() == "whole"
"""
    processes = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert (tmp_path / "builds").read_text() == "built "


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="cache folder") as caught:
        file_once(tmp_path / "file" / "data", lambda partial: None)
    assert "QUERYWRIGHT_CACHE" in caught.value.remedy


def test_progress_is_reported_and_fractions_grow() -> None:
    reports: list[tuple[str, float | None]] = []
    build_once(instance("shop", {"scale": "0.02", "engine": "sqlite"}), lambda *report: reports.append(report))
    copied = [fraction for message, fraction in reports if "SQLite" in message and fraction is not None]
    assert copied == sorted(copied) and copied[-1] == 1.0


def test_a_missing_generator_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of an installation without the extra, and of DuckDB 2, which has no such extension to install."""
    cached = build_once(instance("tpch", {"sf": "0.01"}), lambda *_: None)
    monkeypatch.setitem(sys.modules, "duckdb_extensions", None)
    with pytest.raises(MissingExtraError, match="tpch generator") as caught:
        build_once(instance("tpch", {"sf": "0.02"}), lambda *_: None)
    assert "querywright[tpc]" in caught.value.remedy
    assert build_once(instance("tpch", {"sf": "0.01"}), lambda *_: None) == cached, "what is cached still opens"


def test_databases_lie_in_the_cache_under_names_that_hold_their_parameters() -> None:
    path = instance("tpch", {"sf": "0.10", "engine": "sqlite"}).path
    assert path == settings().cache / "workloads" / "tpch-keysprimary-sf0.1-g1.sqlite"
    assert instance("tpch", {"sf": "0.10", "engine": "sqlite"}).label == "tpch:sf=0.1,engine=sqlite"
    assert instance("shop", {}).label == "shop"


def test_built_files_open_read_only() -> None:
    path = build_once(instance("tpcds", {"sf": "0.01"}), lambda *_: None)
    assert not list(path.parent.glob("*.wal"))
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT COUNT(*) FROM date_dim").fetchone() == (73049,)
