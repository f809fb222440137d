"""Drafts come out the same, builds go on where they stopped, and only what is equal and faster is certified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from querywright.antipatterns.driver import antipatterns
from querywright.errors import InputError, RunError
from querywright.generation.queries import shapes
from querywright.gym import certifying
from querywright.gym.building import Workshop, build, difficulty
from querywright.gym.certifying import Certifier, Uncertified
from querywright.gym.crew import Crew
from querywright.gym.drafting import PAYING, Drafting
from querywright.gym.sources import SOURCES
from querywright.gym.tasks import shop
from querywright.gym.tried import Tried, read_tried
from querywright.gym.values import Reference
from querywright.runs.serialize import to_json
from querywright.serve.cli.gym import tasking
from querywright.sql.parse import parse_query

SMALL = {"hr": "hr:rows=1000", "ecommerce/sqlite": "ecommerce:rows=1000,engine=sqlite", "hr/questions": "hr:rows=1000"}
BOTH = (*range(4), *range(10, 14))
"""Drafts of both of two sources: ten follow each other."""


@pytest.fixture
def certifier(monkeypatch: pytest.MonkeyPatch) -> Iterator[Certifier]:
    """With small databases."""
    for source, label in SMALL.items():
        monkeypatch.setitem(SOURCES, source, ((label, (label, label)),))  # type: ignore[misc]
    with Certifier() as opened:
        yield opened


def test_a_draft_is_the_same_whenever_it_is_drawn(certifier: Certifier) -> None:
    for number in BOTH:
        draws = Drafting(certifier.databases, 7, ["hr", "ecommerce/sqlite"])
        one, again = draws.draft(number), Drafting(certifier.databases, 7, ["hr", "ecommerce/sqlite"]).draft(number)
        assert one is not None and again is not None and one.source == draws.source(number)
        assert (one.slow.sql, one.clean, one.question) == (again.slow.sql, again.clean, again.question)
        assert one.dialect == ("duckdb" if number < 10 else "sqlite")
        assert one.slow.confirmed and one.rules_s == 0


def test_drafts_answer_what_their_clean_queries_answer(certifier: Certifier) -> None:
    draws = Drafting(certifier.databases, 3, ["hr", "ecommerce/sqlite"])
    for number in BOTH:
        draft = draws.draft(number)
        assert draft is not None
        session = certifier.databases.session(SMALL[draft.source])
        rows = [sorted(map(repr, session.fetch(text, limit_s=60).rows)) for text in (draft.clean, draft.slow.sql)]
        assert rows[0] == rows[1], draft.slow.sql


def test_the_schemas_own_questions_are_drafted_as_they_are(certifier: Certifier) -> None:
    draws = Drafting(certifier.databases, 1, ["hr/questions"])
    draft = draws.draft(0)
    assert draft is not None and draft.family == "questions" and draft.clean == "" and draft.rules_s > 0
    assert draft.question.endswith("?") and draft.slow.labels
    assert draws.draft(100) is None


def test_what_is_known_to_pay_names_shapes_and_habits_that_exist() -> None:
    for paying in PAYING.values():
        assert set(paying) <= set(shapes()) and {name for names in paying.values() for name in names} <= set(antipatterns())


def test_a_query_is_placed_where_it_takes_neither_too_long_nor_no_time(
    certifier: Certifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(f"hr:rows={rows},engine=sqlite", ()) for rows in (1000, 3000)]
    pairs = (
        "SELECT COUNT(*) AS pairs FROM employees AS a, employees AS b, employees AS c, employees AS d WHERE a.salary > d.salary"
    )
    assert isinstance(certifier.placed(pairs, places), Uncertified)
    assert isinstance(certifier.placed("SELECT nothing FROM employees", places), Uncertified)
    monkeypatch.setitem(certifying.LEAST_MS, "sqlite", 1e9)
    assert isinstance(certifier.placed("SELECT COUNT(*) AS n FROM employees", places), Uncertified)
    monkeypatch.setitem(certifying.LEAST_MS, "sqlite", 0.0)
    monkeypatch.setattr(certifying, "MOST_MS", 1e9)
    assert certifier.placed("SELECT COUNT(*) AS n FROM employees", places) == places[1]


def test_only_equal_and_clearly_faster_rewrites_are_certified(certifier: Certifier) -> None:
    database = "hr:rows=1000,engine=sqlite"
    total = "SELECT SUM(x.salary) FROM employees AS x WHERE x.team_id + 0 = e.team_id + 0"
    slow = f"SELECT e.id, ({total}) AS payroll FROM employees AS e"
    fast = "SELECT e.id, SUM(e.salary) OVER (PARTITION BY e.team_id) AS payroll FROM employees AS e"
    wrong = "SELECT e.id, SUM(e.salary) OVER (PARTITION BY e.manager_id) AS payroll FROM employees AS e"
    hidden = "hr:rows=1000,seed=2,engine=sqlite"
    outcome = certifier.certify(slow, [wrong, fast], database, [hidden])
    assert isinstance(outcome, Reference) and outcome.sql == fast and outcome.speedup >= 1.5
    refused = certifier.certify(slow, [wrong], database, [hidden])
    assert isinstance(refused, Uncertified) and refused.reason
    assert isinstance(certifier.certify(fast, [fast], database, [hidden]), Uncertified)
    broken = certifier.certify("SELECT nothing FROM employees", [fast], database, [hidden])
    assert isinstance(broken, Uncertified)


def test_a_build_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    path = tmp_path / "seed-1.jsonl"
    task = shop.load()[0]
    both = [task, replace(task, id="another")]
    path.write_text("".join(f"{to_json(Tried(number, 'hr', task=one))}\n" for number, one in enumerate(both)))
    tried: list[int] = []

    def refused(number: int) -> Tried:
        tried.append(number)
        return Tried(number, "hr", refused="Not today.")

    assert len(build(path, 2, 1, [refused])) == 2 and not tried  # nothing to do
    build(path, 3, 1, [refused], stop=lambda: len(tried) == 2)
    assert tried == [2, 3]
    assert [one.number for one in read_tried(path)] == [0, 1, 2, 3]


def test_a_build_ends_where_no_source_has_more(tmp_path: Path) -> None:
    def nothing(number: int) -> Tried:
        return Tried(number, "hr/questions", refused="There was nothing to draft.")

    assert build(tmp_path / "seed-1.jsonl", 5, 20, [nothing]) == ()
    assert len(read_tried(tmp_path / "seed-1.jsonl")) == 20


def test_several_threads_build_each_draft_once(tmp_path: Path) -> None:
    path, task = tmp_path / "seed-1.jsonl", shop.load()[0]

    def made(number: int) -> Tried:
        return Tried(number, "hr", task=replace(task, id=str(number // 2)))  # each second one repeats the one before

    built = build(path, 30, 10, [made, made, made])
    done = read_tried(path)
    assert len(built) >= 30 and len({one.number for one in done}) == len(done)
    assert sum(one.task is not None for one in done) == len(built)


def test_a_crew_tries_the_drafts_of_its_seed(certifier: Certifier) -> None:
    drafting = partial(Drafting, seed=7, sources=("content/questions",))
    with Crew(2, drafting) as crew:
        one, other = (tries(100) for tries in crew.tries)
    assert one == other == Workshop(certifier, drafting(certifier.databases)).tried(100)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "seed-1.jsonl"
    path.write_text(f"{to_json(Tried(0, 'hr'))}\nnonsense\n")
    with pytest.raises(RunError, match="line 2"):
        read_tried(path)


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(InputError, match="nonsense"):
        tasking.build_tasks(1, 1, "nonsense", None, 1)


def test_difficulty_grows_with_what_there_is_to_see_through() -> None:
    easy = parse_query("SELECT a FROM t WHERE b = 1", "duckdb")
    hard = parse_query("SELECT a FROM t JOIN u ON t.x = u.x WHERE b IN (SELECT c FROM v) AND d IN (SELECT e FROM w)", "duckdb")
    assert difficulty(easy, ["scan_per_value"], 5.0) == "easy"
    labels = ["scan_per_value", "or_across_tables", "late_filter", "correlated_subquery"]
    assert difficulty(hard, labels, 1.6) in ("hard", "expert")
