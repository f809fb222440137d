"""Subtle mistakes of rewriting are refuted and never proved; rewrites that look like them and are right are not refuted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.values import Candidate, Query
from querywright.verification.proof import Proof, prove
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

FIXTURE = (Path(__file__).parent.parent / "fixtures" / "verify" / "subtle.sql").read_text()
DDL, *CASES = re.split(r"^-- (?=equal |different )", FIXTURE, flags=re.MULTILINE)
PROOF_S = 1.0


def pairs(wanted: str) -> list[object]:
    """Engine, original and candidate; a case for several engines is tried on them in turn."""
    found: list[object] = []
    for number, case in enumerate(CASES):
        title, _, body = case.partition("\n")
        original, candidate = (text.strip() for text in re.split(r"^--$", body.strip(), flags=re.MULTILINE))
        heading, _, name = title.partition(": ")
        label, *engines = heading.split()
        engine = engines[number % len(engines)]
        if label == wanted:
            found.append(pytest.param(engine, original, candidate, id=f"{engine}-{name.replace(' ', '-')}"))
    return found


def grade(engine: str, original: str, candidate: str, scratch: tuple[Scratch, Scratch]) -> str:
    query, other = Query(original, engine, "a"), Query(candidate, engine, "b")
    schema = schema_of(DDL, engine)
    with Verifier(
        query, schema, engine, strict=False, databases=40, mutation_s=0.0, proof_s=PROOF_S, shrink_s=0.0, scratch=scratch
    ) as verifier:
        return verifier.verdict(Candidate(other, "a")).grade


@pytest.mark.parametrize(("engine", "original", "candidate"), pairs("different"))
def test_a_mistake_is_refuted(engine: str, original: str, candidate: str, scratches: dict[str, tuple[Scratch, Scratch]]) -> None:
    assert grade(engine, original, candidate, scratches[engine]) == "refuted"


@pytest.mark.parametrize(("engine", "original", "candidate"), pairs("equal"))
def test_what_is_right_is_not(engine: str, original: str, candidate: str, scratches: dict[str, tuple[Scratch, Scratch]]) -> None:
    assert grade(engine, original, candidate, scratches[engine]) in ("proved", "bounded", "tested")


@pytest.mark.parametrize(("engine", "original", "candidate"), pairs("different"))
def test_a_mistake_is_never_proved(engine: str, original: str, candidate: str) -> None:
    schema = schema_of(DDL, engine)
    trees = [qualify_text(text, schema, engine) for text in (original, candidate)]
    assert not isinstance(prove(trees[0], trees[1], schema, engine, PROOF_S), Proof)
