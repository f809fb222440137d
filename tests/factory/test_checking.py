"""What cannot be checked is said once for a file, and by its line for a line; the lines after it are checked all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from factory_examples import example

from querywright.errors import InputError
from querywright.factory.checking import check
from querywright.factory.exporting import export


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("export")
    export([example()], out)
    return out


@pytest.mark.parametrize("name", ["quill_training_data", "preferences", "prompts"])
def test_a_file_that_holds_too_little_names_the_one_to_check(folder: Path, name: str) -> None:
    with pytest.raises(InputError, match="does not say") as refused:
        check(folder / f"{name}.jsonl", rows=1000)
    assert str(folder / "training_data.jsonl") in refused.value.remedy


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_an_empty_file_is_bad_input(tmp_path: Path, content: str) -> None:
    (tmp_path / "empty.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        check(tmp_path / "empty.jsonl")


def test_no_line_ends_the_file(folder: Path, tmp_path: Path) -> None:
    row = json.loads((folder / "training_data.jsonl").read_text(encoding="utf-8"))

    def changed(**columns: Any) -> str:
        return json.dumps({**row, **columns})

    deep = "(" * 3000 + "1" + ")" * 3000
    lines = {
        changed(): None,
        changed(renaming=json.dumps({"users": "orders"})): "orders",  # two tables would have one name
        changed(renaming=json.dumps({"users": ""})): "identifier",
        changed(database="ecommerce:rows=many"): "many",
        changed(engine="sqlite"): "is not a database of sqlite",
        changed(slow=f"SELECT {deep} AS deep FROM users"): "",
        json.dumps({"messages": row["messages"]}): "without the text engine",
        "[" * 100_000: "not JSON",
        changed(id="last"): None,
    }
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = check(path, rows=1000)
    assert found.lines == len(lines) and found.equal == 2
    reasons = {fault.line: fault.reason for fault in found.faults}
    for number, reason in enumerate(lines.values(), 1):
        assert (number in reasons) == (reason is not None)
        assert (reason or "") in reasons.get(number, "")
