"""On witness databases LIMIT and OFFSET are small as well, in both queries alike, or not at all."""

from __future__ import annotations

import pytest

from querywright.sql.ddl import schema_of
from querywright.values import Candidate, Query, Verdict
from querywright.verification.lowering import Cut, Lowering
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier

DDL = (
    "CREATE TABLE buyer (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL);"
    "CREATE TABLE purchase (id INTEGER PRIMARY KEY, buyer INTEGER, amount INTEGER)"
)
PAGE = (
    "SELECT p.id, b.name FROM purchase AS p LEFT JOIN buyer AS b ON b.id = p.buyer"
    " ORDER BY p.amount DESC, p.id LIMIT 50 OFFSET 500"
)
FIRST_ROWS = (
    "SELECT p.id, b.name FROM (SELECT id, buyer, amount FROM purchase ORDER BY {order} LIMIT 50 OFFSET {offset}) AS p"
    " LEFT JOIN buyer AS b ON b.id = p.buyer ORDER BY p.amount DESC, p.id LIMIT 50"
)
NUMBERED = (
    "SELECT id, name FROM (SELECT p.id, b.name, ROW_NUMBER() OVER (ORDER BY p.amount DESC, p.id) AS n FROM purchase AS p"
    " LEFT JOIN buyer AS b ON b.id = p.buyer) AS x WHERE n BETWEEN 501 AND {last} ORDER BY n"
)


def judged(original: str, candidate: str, engine: str, scratch: tuple[Scratch, Scratch]) -> Verdict:
    query, other = Query(original, engine, "a"), Query(candidate, engine, "b")
    with Verifier(query, schema_of(DDL, engine), engine, strict=False, mutation_s=30.0, scratch=scratch) as verifier:
        return verifier.verdict(Candidate(other, "a"))


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_later_page_is_tested(engine: str, scratches: dict[str, tuple[Scratch, Scratch]]) -> None:
    verdict = judged(PAGE, FIRST_ROWS.format(order="amount DESC, id", offset=500), engine, scratches[engine])
    assert verdict.grade == "tested", verdict


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
@pytest.mark.parametrize(
    "candidate",
    [
        FIRST_ROWS.format(order="amount, id", offset=500),
        FIRST_ROWS.format(order="amount DESC, id", offset=499),
        FIRST_ROWS.format(order="amount DESC, id", offset=500) + " OFFSET 500",
        PAGE.replace("LEFT JOIN", "JOIN"),
        PAGE.replace("DESC, p.id", "DESC, p.id DESC"),
        PAGE.replace(" OFFSET 500", ""),
        NUMBERED.format(last=549),
    ],
)
def test_another_page_is_refuted(candidate: str, engine: str, scratches: dict[str, tuple[Scratch, Scratch]]) -> None:
    assert judged(PAGE, candidate, engine, scratches[engine]).grade == "refuted"


def test_numbers_that_stand_for_the_page_are_not_taken_for_a_mistake(scratches: dict[str, tuple[Scratch, Scratch]]) -> None:
    longer = PAGE.replace("50 OFFSET 500", "550")
    for candidate in (NUMBERED.format(last=550), f"SELECT * FROM ({longer}) AS x LIMIT 50 OFFSET 500"):
        assert judged(PAGE, candidate, "duckdb", scratches["duckdb"]).grade != "refuted"


def test_both_queries_get_the_same_numbers() -> None:
    lowering = Lowering(PAGE, "duckdb")
    assert lowering.cut == Cut(50, 500)
    for candidate in (PAGE, FIRST_ROWS.format(order="id", offset=500)):
        texts = lowering.candidates(candidate)
        assert set(texts) == {PAGE, *lowering.variants.values()}
        assert all("500" not in text and "50" not in text for lowered, text in texts.items() if lowered != PAGE)


@pytest.mark.parametrize(
    "candidate",
    [
        PAGE.replace("500", "501"),
        PAGE.replace("LIMIT 50 ", "LIMIT 51 "),
        PAGE.replace(" OFFSET 500", ""),
        NUMBERED.format(last=550) + " LIMIT 50",
        NUMBERED.format(last=550) + " LIMIT 50 OFFSET 500",
    ],
)
def test_what_means_something_else_is_left_alone(candidate: str) -> None:
    assert set(Lowering(PAGE, "duckdb").candidates(candidate)) == {PAGE}
