"""The repository keeps its shape: small modules, plain names, one fixture for each plug-in, code only where code belongs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "querywright"
MODULES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|managers?|misc|legacy|old|new|v\d+)(_|$)")
LONGEST = 400
NOT_PLUGINS = {"protocol", "driver", "session"}
KINDS_WITH_FIXTURES = ("transforms", "antipatterns")
"""Packages whose every plug-in has a fixture file of its name in tests/fixtures/<kind>."""
SQLGLOT_FREE = ("errors", "values", "registry", "settings", "workers", "measure", "runs", "serve")
"""Layers that handle text and plain values, never trees."""
CODE_AND_TEXT = {".py", ".typed", ".md", ".sql", ".html", ".css", ".js", ".svg", ".toml", ".json"}
LARGEST_BYTES = 100_000

each_module = pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))


@each_module
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST, "split it by what it is about"


@each_module
def test_names_say_what_is_inside(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    assert not [part for part in parts if FORBIDDEN_NAMES.search(part)], "name the module after what it is about"


def test_no_two_test_modules_share_a_name() -> None:
    """They are imported by their bare names, so that the second one of a name cannot be collected."""
    names = [path.name for path in TESTS if path.name not in ("__init__.py", "conftest.py")]
    assert not [name for name, times in Counter(names).items() if times > 1]


def test_the_package_holds_code_and_small_texts_only() -> None:
    files = [path for path in SOURCE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    strange = [path for path in files if path.suffix not in CODE_AND_TEXT or path.stat().st_size > LARGEST_BYTES]
    assert not strange, f"outputs and data do not belong into the package: {strange}"


@pytest.mark.parametrize("kind", KINDS_WITH_FIXTURES)
def test_each_plugin_has_its_fixture_and_each_fixture_its_plugin(kind: str) -> None:
    modules = {path.stem for path in (SOURCE / kind).glob("*.py") if not path.name.startswith("_")} - NOT_PLUGINS
    fixtures = {path.stem for path in (ROOT / "tests" / "fixtures" / kind).glob("*.*")}
    assert modules == fixtures


@pytest.mark.parametrize("layer", SQLGLOT_FREE)
def test_trees_stay_out_of_layers_of_plain_values(layer: str) -> None:
    paths = [SOURCE / f"{layer}.py", *(SOURCE / layer).rglob("*.py")]
    importing = [path for path in paths if path.exists() and "sqlglot" in _imported(path)]
    assert not importing


def _imported(path: Path) -> set[str]:
    """Top-level names of all packages that a module imports, inside functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}
