"""The factory's prompts become tasks of the environment under the ids that they carry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from factory_examples import example

from querywright.errors import InputError
from querywright.factory.exporting import export
from querywright.gym.building import Workshop
from querywright.gym.certifying import Certifier
from querywright.gym.given import Given, Prompt, read_prompts
from querywright.gym.tasks import built
from querywright.serve.cli.gym import tasking
from querywright.settings import settings
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text

SLOW = """SELECT o.id, (SELECT COUNT(*) FROM orders AS x WHERE x.user_id = o.user_id AND x.id <= o.id) AS so_far
FROM orders AS o
WHERE o.user_id IS NOT NULL"""
FAST = """SELECT o.id, COUNT(*) OVER (PARTITION BY o.user_id ORDER BY o.id) AS so_far
FROM orders AS o
WHERE o.user_id IS NOT NULL"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The exported prompt of a running total on SQLite."""
    with Certifier() as certifier:
        schema = certifier.databases.database("ecommerce:rows=3000,engine=sqlite").schema
    mark = fingerprint(qualify_text(SLOW, schema, "sqlite"), "sqlite")
    made = example(1, "sqlite", slow=SLOW, clean=FAST, fingerprint=mark)
    export([replace(made, solution=replace(made.solution, sql=FAST))], tmp_path)
    return tmp_path / "prompts.jsonl"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No task is built in it, and what is built there is no task of other tests."""
    monkeypatch.setenv("QUERYWRIGHT_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.usefixtures("own_cache")
def test_a_prompt_becomes_the_task_that_it_names(file: Path) -> None:
    assert tasking.build_given(file, None, 0, None, 1) == 0
    [task] = built.load()
    assert task.id == json.loads(file.read_text(encoding="utf-8"))["task_id"]
    assert (task.sql, task.dialect, task.family) == (SLOW, "sqlite", "generated")
    assert task.reference is not None and task.reference.speedup >= 1.5
    assert len(task.hidden) == 2


def test_a_prompt_whose_id_is_another_query_s_is_no_draft(file: Path) -> None:
    prompts = read_prompts(file)
    with Certifier() as certifier:
        drafting = partial(Given, certifier.databases, prompts=prompts)
        assert drafting(seed=0).draft(0) is not None
        assert drafting(seed=1).draft(0) is drafting(seed=0).draft(1) is None
        assert Workshop(certifier, drafting(seed=1)).tried(0).refused == "There was nothing to draft."


@pytest.mark.parametrize(("text", "said"), [("nonsense", "line 1"), ('{"task_id": "1"}', "line 1"), ("", "no prompts")])
def test_what_is_no_file_of_prompts_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(text and text + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_prompts(path)


def test_a_schema_without_hidden_databases_is_left_out(tmp_path: Path) -> None:
    export([example(1), example(2, schema="own", database="ecommerce:rows=3000")], tmp_path)
    path = tmp_path / "prompts.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[1]["database"] = "own.sqlite"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    assert [type(one) for one in read_prompts(path)] == [Prompt]
