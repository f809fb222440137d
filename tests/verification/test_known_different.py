"""Pairs that are known to differ are refuted, and what is shown of them can be replayed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from querywright import verify
from querywright.verification.scratch import Scratch

FIXTURE = (Path(__file__).parent.parent / "fixtures" / "verify" / "known_different.sql").read_text()


def cases() -> Iterator[object]:
    for case in re.split(r"^-- different: ", FIXTURE, flags=re.MULTILINE)[1:]:
        title, _, body = case.partition("\n")
        ddl, original, candidate = (part.strip() for part in re.split(r"^--$", body, flags=re.MULTILINE))
        yield pytest.param(ddl, original, candidate, id=title.replace(" ", "-"))


@pytest.fixture(scope="module")
def scratch() -> Iterator[tuple[Scratch, Scratch]]:
    pair = Scratch("duckdb"), Scratch("duckdb")
    yield pair
    for one in pair:
        one.close()


@pytest.mark.parametrize(("ddl", "original", "candidate"), list(cases()))
def test_it_is_refuted_by_a_script(ddl: str, original: str, candidate: str, scratch: tuple[Scratch, Scratch]) -> None:
    verdict = verify(original, candidate, schema=ddl, scratch=scratch)
    assert verdict.grade == "refuted" and verdict.counterexample is not None
    script = verdict.counterexample.script
    first, second = replayed(script)
    assert Counter(first) != Counter(second), script


def replayed(script: str) -> list[list[tuple[object, ...]]]:
    """The rows of the queries of a script."""
    with duckdb.connect() as connection:
        answers = []
        for statement in connection.extract_statements(script):
            connection.execute(statement)
            if statement.type == duckdb.StatementType.SELECT:
                answers.append(connection.fetchall())
    return answers
