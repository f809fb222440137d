"""The journal survives kills and full disks: what is done stays, what was cut short goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from factory_examples import example
from hypothesis import given, settings
from hypothesis import strategies as st

from querywright.errors import RunError
from querywright.factory.journal import Journal, examples, products
from querywright.factory.values import Order, Product, Try


def product(number: int) -> Product:
    tries = Try("too slow", ("habit",)), Try("kept", ("habit",), ("window",), (example(number),), 3)
    return Product(Order("duckdb", number, "ecommerce", 1), tries, "shape", 0.5, 0.4)


def written(path: Path, numbers: range) -> None:
    with Journal(path) as journal:
        for number in numbers:
            journal.add(product(number))


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "stage2" / "journal.jsonl"
    written(path, range(3))
    written(path, range(3, 5))
    assert list(products(path)) == [product(number) for number in range(5)]
    assert [one.id for one in examples(path)] == [f"example{number}" for number in range(5)]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_wherever_a_kill_cuts_the_file_complete_lines_stay(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    written(path, range(3))
    content = path.read_bytes()
    path.write_bytes(content[: cut % (len(content) + 1)])
    complete = list(products(path))
    assert complete == [product(number) for number in range(len(complete))]
    written(path, range(len(complete), 4))
    assert list(products(path)) == [product(number) for number in range(4)]


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl"), pytest.raises(RunError, match="Another run"):
        Journal(tmp_path / "journal.jsonl")


def test_a_full_disk_ends_the_run_and_leaves_complete_lines(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.jsonl") as journal:
        journal.add(product(0))
        full = os.open("/dev/full", os.O_WRONLY)  # every write to it fails as on a full disk
        os.dup2(full, journal._file.fileno())
        with pytest.raises(RunError, match="No space left"):
            journal.add(product(1))
    assert list(products(tmp_path / "journal.jsonl")) == [product(0)]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        Journal(tmp_path / "file" / "journal.jsonl")


def test_a_line_that_is_no_product_is_named(tmp_path: Path) -> None:
    written(tmp_path / "journal.jsonl", range(1))
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"order": 1}\n')
    with pytest.raises(RunError, match=r"journal.jsonl, line 2"):
        list(products(tmp_path / "journal.jsonl"))
