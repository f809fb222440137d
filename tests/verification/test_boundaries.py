"""Pairs that only differ on the edge of something are refuted, and look-alikes that do not differ are not."""

import re
from pathlib import Path

import pytest

from querywright.sql.ddl import schema_of
from querywright.values import Candidate, Query
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

FIXTURE = (Path(__file__).parent.parent / "fixtures" / "verify" / "boundaries.sql").read_text()
DDL, *CASES = re.split(r"^-- (?=equal|different)", FIXTURE, flags=re.MULTILINE)


def pairs() -> list[object]:
    found: list[object] = []
    for case in CASES:
        title, _, body = case.partition("\n")
        queries = [text.strip() for text in re.split(r"^--$", body.strip(), flags=re.MULTILINE)]
        heading, _, name = title.partition(": ")
        label, *engines = heading.split()
        for engine in engines:
            found.append(pytest.param(engine, label, *queries, id=f"{engine}-{name.replace(' ', '-')}"))
    return found


@pytest.mark.parametrize(("engine", "label", "original", "candidate"), pairs())
def test_pairs(engine: str, label: str, original: str, candidate: str, scratches: dict[str, tuple[Scratch, Scratch]]) -> None:
    query, other = Query(original, engine, "a"), Query(candidate, engine, "b")
    schema = schema_of(DDL, engine)
    with Verifier(query, schema, engine, strict=False, databases=60, mutation_s=20.0, scratch=scratches[engine]) as verifier:
        verdict = verifier.verdict(Candidate(other, "a"))
        assert verdict.grade == ("refuted" if label == "different" else "tested"), verdict
