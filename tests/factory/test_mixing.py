"""Rewrites are tried with indexes as well, and both are kept together where that is far faster than the rewrite alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import private_machine

from querywright.advise.candidates import IndexCandidate
from querywright.antipatterns.driver import habits
from querywright.factory.checking import check
from querywright.factory.curing import pattern_for
from querywright.factory.drafting import Draft
from querywright.factory.examining import Examiner, Trial
from querywright.factory.exporting import export
from querywright.factory.proposing import MODEL, reference
from querywright.factory.stock import Stock
from querywright.factory.values import Example, Order, Plan, Solution, Stage, Try
from querywright.generation.inject import Injected
from querywright.generation.queries import GeneratedQuery
from querywright.judge import ACCEPTED
from querywright.propose.protocol import Proposal
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.values import Candidate, Origin, Query

ROWS = 60_000
CLEAN = "SELECT SUM(v.minutes) AS minutes, COUNT(*) AS visits FROM visits AS v WHERE v.shop_id = 7 AND v.kind = 'usual'"
SLOW = (
    "SELECT (SELECT SUM(a.minutes) FROM visits AS a WHERE a.shop_id + 0 = 7 AND a.kind || '' = 'usual') AS minutes, "
    "(SELECT COUNT(*) FROM visits AS b WHERE b.shop_id + 0 = 7 AND b.kind || '' = 'usual') AS visits"
)
"""It reads the table twice, and no index can help with its conditions."""

LOOKUPS = SLOW.replace(" + 0", "").replace(" || ''", "")
"""It reads the table twice as well, but an index helps."""

INDEX = "CREATE INDEX idx_visits_shop_id_kind ON visits (shop_id, kind)"
BY_MODEL = (IndexCandidate("visits", ("shop_id", "kind"), "is asked for"),)
HARMFUL = (IndexCandidate("visits", ("kind",), "is asked for"),)
"""All rows are of one kind."""


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        yield


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table that takes a while to be read, though few of its rows are wanted."""
    path = tmp_path_factory.mktemp("own") / "own.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE visits (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL, minutes INTEGER NOT NULL, "
            "kind TEXT NOT NULL, note TEXT)"
        )
        rows = ((number, number % 10_000, number % 240, "usual", "a note of some length " * 8) for number in range(ROWS))
        connection.executemany("INSERT INTO visits VALUES (?, ?, ?, ?, ?)", rows)
        connection.commit()
    return path


@pytest.fixture(scope="module")
def stock() -> Iterator[Stock]:
    with closing(Stock("sqlite", 0)) as opened:
        yield opened


def plan(stage: Stage = 1, *proposers: str) -> Plan:
    """With the threshold at 0 whatever is faster counts."""
    return Plan(engines=("sqlite",), stage=stage, threshold=0.0, proposers=proposers or ("rules", "indexes"))


def trial(
    stock: Stock, database: Path, indexing: bool = True, *, text: str = SLOW, **advised: tuple[IndexCandidate, ...]
) -> Trial:
    """A trial whose one rewrite is the clean query; ``advised`` are a model's indexes for the ``slow`` and the ``clean`` one."""
    bench = stock.bench(str(database), 0)
    schema = bench.database.schema
    trees = {name: qualify_text(text, schema, "sqlite") for name, text in (("slow", text), ("clean", CLEAN))}
    identities = {name: fingerprint(tree, "sqlite") for name, tree in trees.items()}
    clean = GeneratedQuery(CLEAN, "sqlite", "How many visits?", "figures", identities["clean"], "family", trees["clean"])
    shown = tuple(habits(trees["slow"], parse_query(text, "sqlite"), schema, "sqlite"))
    written = Injected(text, trees["slow"], identities["slow"], (), shown)
    draft = Draft(clean, written, "train", pattern_for((), Facts(trees["slow"], schema, "sqlite")))
    indexes = {identities[name]: indexes for name, indexes in advised.items()}
    return Trial(draft, bench, 0, 40.0, wanted=((2.0, reference(draft)),), indexing=indexing, advised=indexes)


def by_model(trial: Trial) -> Trial:
    """The same trial where the model wrote the rewrite."""
    draft = trial.draft
    query = Query(CLEAN, "sqlite", draft.clean.fingerprint)
    answer = Proposal.of(Candidate(query, draft.slow.fingerprint, (), Origin(MODEL, model="m")), draft.clean.tree)
    return replace(trial, wanted=((2.0, answer),))


def tried(stock: Stock, plan: Plan, trial: Trial, closed: frozenset[str] = frozenset()) -> Try:
    order = Order("sqlite", 0, str(trial.bench.database.location.address), 0, closed=closed)
    (found,) = Examiner("sqlite", plan, stock).tries(order, [trial])
    return found


def kinds(examples: tuple[Example, ...]) -> list[tuple[str, bool, str]]:
    """Who proposed each solution, whether it has indexes, and its pattern."""
    return [(one.solution.proposer, bool(one.solution.statements), one.pattern) for one in examples]


def solutions(found: Try) -> dict[tuple[str, bool], Solution]:
    return {(one.solution.proposer, bool(one.solution.statements)): one.solution for one in found.examples}


def test_a_rewrite_with_an_index_is_a_solution_beside_the_rewrite(stock: Stock, database: Path) -> None:
    before = database.read_bytes()
    found = tried(stock, plan(), trial(stock, database))
    assert kinds(found.examples) == [
        ("mixed", True, "indexing|semantic_rewrite"),
        ("reference", False, "semantic_rewrite"),
    ]
    mixed, alone = (one.solution for one in found.examples)
    assert mixed.statements == (INDEX,) and mixed.sql == alone.sql == CLEAN and mixed.grade in ACCEPTED
    assert mixed.transforms == alone.transforms and mixed.fingerprint == alone.fingerprint
    assert mixed.speedup == pytest.approx(mixed.slow_ms / mixed.fast_ms, rel=0.01) and mixed.speedup > 3 * alone.speedup
    assert found.judged == 3
    assert database.read_bytes() == before and list(database.parent.iterdir()) == [database]


def test_of_many_queries_the_rewrite_with_its_index_is_kept_and_preferred_to_the_rewrite(stock: Stock, database: Path) -> None:
    (found,) = tried(stock, plan(2), trial(stock, database)).examples
    assert found.solution.text == f"{INDEX};\n{CLEAN}"
    assert [(one.proposer, one.text) for one in found.rejected] == [("reference", CLEAN)]


def test_an_index_alone_is_preferred_to_a_rewrite_alone(stock: Stock, database: Path) -> None:
    (found,) = tried(stock, plan(2), trial(stock, database, text=LOOKUPS)).examples
    assert found.solution.statements == (INDEX,) and "indexing" in found.pattern
    assert ("reference", CLEAN) in [(one.proposer, one.text) for one in found.rejected]


def test_a_kind_of_which_there_is_enough_is_left_out_and_the_rewrite_takes_its_place(stock: Stock, database: Path) -> None:
    found = tried(stock, plan(2), trial(stock, database), frozenset({"indexing|semantic_rewrite"}))
    assert kinds(found.examples) == [("reference", False, "semantic_rewrite")] and found.judged == 2
    assert found.examples[0].rejected == ()


@pytest.mark.parametrize(("indexing", "proposers"), [(False, ("rules", "indexes")), (True, ("indexes",))])
def test_only_orders_that_try_indexes_beside_rewrites_mix_them(
    stock: Stock, database: Path, indexing: bool, proposers: tuple[str, ...]
) -> None:
    found = tried(stock, plan(1, *proposers), trial(stock, database, indexing=indexing))
    assert [one.solution.proposer for one in found.examples] == ["reference"]


def test_what_was_mixed_is_exported_and_holds_when_it_is_checked(stock: Stock, database: Path, tmp_path: Path) -> None:
    (found,) = tried(stock, plan(2), trial(stock, database)).examples
    assert export([found], tmp_path).files["training_data.jsonl"] == 1
    checked = check(tmp_path / "training_data.jsonl")
    assert (checked.lines, checked.equal, checked.empty) == (1, 1, 0)
    assert f"{INDEX};\\n{CLEAN};" in (tmp_path / "quill_training_data.jsonl").read_text(encoding="utf-8")


def test_a_model_s_index_for_its_rewrite_is_part_of_its_solution(stock: Stock, database: Path) -> None:
    wanted = by_model(trial(stock, database, indexing=False, clean=BY_MODEL))
    found = solutions(tried(stock, plan(1, "model"), wanted))
    assert found.keys() == {("model", True), ("model", False)}
    assert found["model", True].statements == (INDEX,)
    mixed = solutions(tried(stock, plan(), trial(stock, database, indexing=False, clean=BY_MODEL)))
    assert mixed.keys() == {("mixed", True), ("reference", False)}  # the query is not the model's


def test_a_model_s_index_that_does_harm_is_left_out(stock: Stock, database: Path) -> None:
    wanted = by_model(trial(stock, database, indexing=False, clean=HARMFUL))
    assert solutions(tried(stock, plan(1, "model"), wanted)).keys() == {("model", False)}
    both = solutions(tried(stock, plan(1, "model", "indexes"), replace(wanted, indexing=True)))
    assert both.keys() == {("mixed", True), ("model", False)} and both["mixed", True].statements == (INDEX,)


def test_a_model_s_index_for_the_slow_query_as_it_is_is_a_solution(stock: Stock, database: Path) -> None:
    wanted = trial(stock, database, indexing=False, text=LOOKUPS, slow=BY_MODEL)
    (found,) = tried(stock, plan(2, "model"), wanted).examples
    assert kinds((found,)) == [("model", True, "indexing")]
    assert found.solution.text == f"{INDEX};\n{LOOKUPS}"
