"""Starting up stays cheap: what the package and its help load, and above all what they do not."""

from __future__ import annotations

import subprocess
import sys

import pytest

import querywright

ENGINES = {"duckdb", "sqlite3", "sqlglot", "pydantic", "numpy", "pandas", "pyarrow", "multiprocessing"}
TERMINAL = {"typer", "click", "rich"}


def loaded(statement: str) -> set[str]:
    """Names of all modules that a fresh interpreter has loaded after ``statement``."""
    script = f"""
import sys
try:
    {statement}
except SystemExit as stop:
    assert not stop.code, stop.code
print('|'.join(sys.modules), file=sys.stderr)
"""
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    return set(shown.stderr.strip().splitlines()[-1].split("|"))


def command(*words: str) -> str:
    return f"sys.argv = ['qw', *{words!r}]; from querywright.serve.cli import main; main()"


def test_importing_the_package_loads_nothing_of_it() -> None:
    modules = loaded("import querywright")
    assert not modules & (ENGINES | TERMINAL)
    assert {name for name in modules if name.startswith("querywright.")} == set()


def test_errors_and_values_need_no_engine() -> None:
    modules = loaded("import querywright; querywright.QuerywrightError, querywright.Verdict, querywright.Outcome")
    assert not modules & (ENGINES | TERMINAL)


@pytest.mark.parametrize(
    "words", [(), ("optimize",), ("verify",), ("bench",), ("runs",)], ids=lambda words: " ".join(("qw", *words))
)
def test_help_loads_neither_engine_nor_parser(words: tuple[str, ...]) -> None:
    modules = loaded(command(*words, "--help"))
    # Typer itself reads the options of a command with pydantic.
    assert not modules & (ENGINES - {"pydantic"} if words else ENGINES)
    assert not {name for name in modules if name.startswith(("querywright.pipeline", "querywright.sql", "querywright.engines"))}


@pytest.mark.parametrize("name", querywright.__all__)
def test_every_public_name_is_what_it_says_after_all_has_been_loaded(name: str) -> None:
    loaded(f"import querywright, querywright.pipeline; assert callable(querywright.{name}), querywright.{name}")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        querywright.optimise  # noqa: B018
