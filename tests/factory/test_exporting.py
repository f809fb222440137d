"""What is exported can be loaded, multiplied, and checked again from itself alone; what does not hold is named by its line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from factory_examples import FAST, SLOW, example, indexed

from querywright.errors import InputError, RunError
from querywright.factory.augmenting import Augmenter
from querywright.factory.card import write_card
from querywright.factory.checking import check
from querywright.factory.exporting import export
from querywright.factory.folder import read_array, write_array
from querywright.factory.values import Example, Plan
from querywright.generation.identity import task_id

EXAMPLES = (example(0), example(1, "sqlite"), indexed(2), example(3, split="test"), example(4, split="validation"))


@pytest.fixture(scope="module")
def variants() -> list[Example]:
    with Augmenter(2, rows=1000, dialects=False) as augmenter:
        found = [augmenter.variants(one, threshold=0.0) for one in (EXAMPLES[0], EXAMPLES[2])]
    assert not any(one.dropped for one in found)
    return [variant for one in found for variant in one.examples]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, variants: list[Example]) -> Path:
    out = tmp_path_factory.mktemp("export")
    exported = export([*EXAMPLES, *variants], out)
    write_card(out, exported, [Plan()], [{"seconds": 60.0}])
    return out


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_variants_have_other_names_and_constants_and_keep_their_split(variants: list[Example]) -> None:
    assert [one.origin for one in variants] == ["example0", "example0", "example2", "example2"]
    assert len({one.id for one in variants}) == 4
    assert all("orders" not in one.slow and "users" not in one.slow for one in variants)
    assert "Spain" in variants[0].slow and "Spain" not in variants[1].slow
    assert {one.split for one in variants} == {"train"}
    assert variants[2].solution.statements[0].startswith("CREATE INDEX idx_purchases_")


def test_a_variant_that_does_not_answer_alike_is_left_out() -> None:
    wrong = replace(example(9), solution=replace(example(9).solution, sql=FAST.replace("LEFT JOIN", "JOIN")))
    with Augmenter(1, rows=1000, dialects=False) as augmenter:
        found = augmenter.variants(wrong)
    assert found.examples == () and len(found.dropped) == 1


def test_conversations_have_three_turns_and_end_in_the_fast_query(folder: Path) -> None:
    rows = lines(folder / "training_data.jsonl")
    assert len(rows) == 7
    for row in rows:
        assert [message["role"] for message in row["messages"]] == ["system", "user", "assistant"]
        assert row["slow"] in row["messages"][1]["content"] and row["question"] in row["messages"][1]["content"]
        assert row["fast"] in row["messages"][2]["content"]
        assert "CREATE TABLE" in row["messages"][1]["content"]
    assert rows[2]["messages"][2]["content"].startswith("CREATE INDEX ")


def test_splits_are_files_of_their_own(folder: Path) -> None:
    assert [row["id"] for row in lines(folder / "test.jsonl")] == ["example3"]
    assert [row["id"] for row in lines(folder / "validation.jsonl")] == ["example4"]
    assert {row["id"] for row in lines(folder / "preferences.jsonl")}.isdisjoint({"example3", "example4"})


def test_preferences_hold_the_solution_against_what_failed(folder: Path) -> None:
    first = lines(folder / "preferences.jsonl")[0]
    assert first["chosen"][0]["content"] == f"{FAST};"
    assert first["rejected"][0]["content"] != first["chosen"][0]["content"]
    assert first["chosen_reward"] > first["rejected_reward"]


def test_prompts_carry_the_ids_of_tasks(folder: Path) -> None:
    rows = lines(folder / "prompts.jsonl")
    assert len(rows) == len(EXAMPLES) == len({row["task_id"] for row in rows})
    assert all(row["task_id"] == task_id(one.fingerprint, one.schema, 0) for row, one in zip(rows, EXAMPLES, strict=True))
    assert all(row["reference"] and "CREATE INDEX" not in row["reference"] for row in rows)


def test_a_query_is_one_prompt_however_many_solutions_it_has(tmp_path: Path) -> None:
    one = example(1)
    export([one, replace(one, id="other", solution=replace(one.solution, sql=one.slow))], tmp_path)
    assert len(lines(tmp_path / "prompts.jsonl")) == 1 and len(lines(tmp_path / "training_data.jsonl")) == 2


def test_columns_have_one_type_each(folder: Path) -> None:
    for name in ("training_data", "preferences", "prompts"):
        rows = lines(folder / f"{name}.jsonl")
        for column in rows[0]:
            assert len({type(row[column]) for row in rows}) == 1, column


def test_parquet_holds_the_same_rows(folder: Path) -> None:
    found = duckdb.sql(f"SELECT id, messages[3].content FROM '{folder / 'training_data.parquet'}'").fetchall()
    assert found == [(row["id"], row["messages"][2]["content"]) for row in lines(folder / "training_data.jsonl")]


def test_fine_tuning_services_get_the_messages_alone(folder: Path) -> None:
    rows = lines(folder / "quill_training_data.jsonl")
    assert rows == [{"messages": row["messages"]} for row in lines(folder / "training_data.jsonl")]
    assert [message["role"] for message in rows[0]["messages"]] == ["system", "user", "assistant"]


def test_the_hub_s_own_library_loads_it(folder: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the library datasets is not installed here")
    names = {"train": "training_data", "test": "test", "validation": "validation"}
    for kind, ending in (("json", "jsonl"), ("parquet", "parquet")):
        files = {split: str(folder / f"{name}.{ending}") for split, name in names.items()}
        loaded = datasets.load_dataset(kind, data_files=files, cache_dir=str(tmp_path))
        assert {split: len(rows) for split, rows in loaded.items()} == {"train": 7, "test": 1, "validation": 1}
        assert loaded["train"][0]["messages"][2]["content"] == f"{FAST};"


def test_the_card_says_what_there_is_and_how_to_cite_it(folder: Path) -> None:
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("---\nlicense: apache-2.0")
    for part in ("9 pairs", "training_data.jsonl", "| decorrelate |", "bibtex", "hardware", "rewards.svg"):
        assert part in text
    assert (folder / "rewards.svg").read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.parametrize("name", ["training_data", "test", "validation"])
def test_every_line_holds_on_fresh_data(folder: Path, name: str) -> None:
    found = check(folder / f"{name}.jsonl", rows=1000)
    assert found.faults == []
    assert found.lines == found.equal > 0 == found.empty


def faulty(folder: Path) -> Iterator[tuple[str, str]]:
    good = (folder / "test.jsonl").read_text(encoding="utf-8").strip()
    row = json.loads(good)
    yield good, ""
    yield "{", "not JSON"
    yield "[]", "not an object"
    yield json.dumps({**row, "slow": None}), "without the text slow"
    yield json.dumps({**row, "fast": SLOW}), "the assistant's message is not the fast query"
    yield json.dumps({**row, "renaming": "{"}), "its renaming is not JSON"
    yield json.dumps({**row, "database": "nowhere.duckdb"}), "does not exist"
    wrong = FAST.replace("LEFT JOIN", "JOIN")
    said = [*row["messages"][:2], {"role": "assistant", "content": f"{wrong};"}]
    yield json.dumps({**row, "fast": wrong, "messages": said}), "The original returns"


def test_what_does_not_hold_is_named_by_its_line(folder: Path, tmp_path: Path) -> None:
    texts, reasons = zip(*faulty(folder), strict=True)
    path = tmp_path / "faulty.jsonl"
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    found = check(path, rows=1000)
    assert found.lines == len(texts) and found.equal == 1
    assert [fault.line for fault in found.faults] == list(range(2, len(texts) + 1))
    for fault, reason in zip(found.faults, reasons[1:], strict=True):
        assert reason in fault.reason


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        check(tmp_path / "none.jsonl")


def test_arrays_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "examples.json"
    assert write_array(path, EXAMPLES) == len(EXAMPLES)
    assert list(read_array(path)) == list(EXAMPLES)
    assert len(json.loads(path.read_text(encoding="utf-8"))) == len(EXAMPLES)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        write_array(tmp_path / "file" / "examples.json", EXAMPLES)
