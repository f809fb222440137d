"""Runs with a model on the wire: a scripted server plays the junior developer and the expert, and nothing is paid twice."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from threading import Lock

import pytest
from chat.scripted_server import Action, Call, Script, ScriptedServer, fails, hangs, says
from command_line import command, private_machine
from sqlglot import exp

from querywright.antipatterns.driver import antipatterns
from querywright.databases.opening import open_database
from querywright.engines.session import Session
from querywright.errors import ChatRefused, ChatUnavailable, InputError
from querywright.factory.folder import all_examples, journal_of
from querywright.factory.journal import products
from querywright.factory.loop import _made, run
from querywright.factory.values import Order, Plan, Product
from querywright.factory.workshop import Workshop, make
from querywright.generation.inject import NEVER, inject_habits
from querywright.generation.queries import GeneratedQuery, QueryGenerator, shapes
from querywright.generation.statistics import statistics
from querywright.judge import ACCEPTED
from querywright.workers import Worker

SLOW_HABITS = {
    "correlated_subquery",
    "grouped_join_per_figure",
    "inequality_self_join",
    "latest_row_by_rescan",
    "latest_row_by_sorting",
    "n_plus_one_lookups",
    "previous_row_by_search",
    "rank_by_counting",
    "running_total_by_rescan",
    "search_for_later_row",
}
MOST_ORDERS = 100


class Developers:
    """Who answers: a junior developer puts one of the slow habits into the clean query; an expert says that one, then a wrong one
    that is faster still, then nothing of use."""

    def __init__(self, database: Path) -> None:
        opened = open_database(str(database))
        self._schema = opened.schema
        with Session(opened.location) as session:
            self._generator = QueryGenerator(opened.schema, statistics(opened.schema, session), "sqlite", 0)
        self._known: dict[str, GeneratedQuery] = {}
        self._numbers = count()
        self._said: Counter[str] = Counter()
        self._turn = Lock()

    def _clean(self, question: str) -> GeneratedQuery:
        """The query that the factory drew for a question: the first one of so many."""
        with self._turn:
            while question not in self._known:
                number = next(self._numbers)
                assert number < MOST_ORDERS
                for shape in shapes():
                    try:
                        found = self._generator.query(number, shape)
                    except InputError:  # the schema does not suit the shape
                        continue
                    self._known.setdefault(found.question, found)
            return self._known[question]

    def rescanning(self, call: Call) -> str:
        """The clean query, which reads a table many times more for conditions that always hold."""
        tree = self._asked(call).tree
        if not isinstance(tree, exp.Select):
            return "I would not know."
        read = "(SELECT COUNT(*) FROM visits AS further WHERE further.minutes = {}) >= 0"
        return tree.where(*map(read.format, range(40)), dialect="sqlite").sql("sqlite")

    def _asked(self, call: Call) -> GeneratedQuery:
        return self._clean(call.question.partition("\n\n-- ")[2].partition("\n")[0])

    def __call__(self, call: Call) -> Action:
        clean = self._asked(call)
        if not is_junior(call):
            wrong = f"SELECT * FROM ({clean.sql}) AS answer WHERE 1 = 0"
            with self._turn:
                asked = f"{call.headers['host']} {call.body['messages']}"
                self._said[asked] += 1
                return says(whole((clean.sql, wrong, "SELECT")[self._said[asked] % 3 - 1]))
        weights = {name: 1.0 if name in SLOW_HABITS else 0.0 for name in antipatterns()}
        slow = inject_habits(clean.tree, self._schema, "sqlite", Random(0), 1, weights)
        return says(whole(slow.sql) if slow else "I would not know.")


def whole(sql: str) -> str:
    return f"Here it is:\n```sql\n{sql};\n```"


def is_junior(call: Call) -> bool:
    return "junior developer" in str(call.body["messages"][0]["content"])


def conversations(server: ScriptedServer) -> Counter[str]:
    """How often each conversation was asked."""
    return Counter(json.dumps(call.body["messages"]) for call in server.calls)


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        for name in ("MODEL", "PROVIDER", "BASE_URL", "API_KEY", "OFFLINE"):
            patch.delenv(f"QUERYWRIGHT_{name}", raising=False)
        yield


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE shops (id INTEGER PRIMARY KEY, city TEXT NOT NULL, size INTEGER NOT NULL)")
        connection.execute(
            "CREATE TABLE visits (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL REFERENCES shops (id), "
            "kind TEXT NOT NULL, minutes INTEGER NOT NULL)"
        )
        cities, kinds = ("Rome", "Oslo", "Lima"), ("walk in", "order", "return")
        connection.executemany("INSERT INTO shops VALUES (?, ?, ?)", [(n, cities[n % 3], n * 7 % 90) for n in range(40)])
        connection.executemany(
            "INSERT INTO visits VALUES (?, ?, ?, ?)", [(n, n * 11 % 40, kinds[n % 3], n * 13 % 240) for n in range(1000)]
        )
        connection.commit()
    return path


@pytest.fixture(scope="module")
def developers(database: Path) -> Developers:
    return Developers(database)


@pytest.fixture(scope="module")
def plan(database: Path) -> Plan:
    """With the threshold at 0 whatever is faster counts, so that a busy machine finds something as well."""
    return Plan(
        engines=("sqlite",),
        iterations=1,
        queries=8,
        candidates=3,
        threshold=0.0,
        proposers=("model",),
        databases=(str(database),),
        model="m",
        price=(10.0, 10.0),
    )


def test_a_model_s_answers_become_judged_examples_and_are_counted(plan: Plan, developers: Developers, tmp_path: Path) -> None:
    with ScriptedServer(developers) as server:
        summary = run(replace(plan, base_url=server.url), tmp_path)
    found = list(all_examples(tmp_path))
    assert any(one.solution.proposer == "model" for one in found)
    assert all(one.solution.grade in ACCEPTED and "1 = 0" not in one.solution.sql for one in found)
    assert any(one.habits and not one.injected and one.pattern != "semantic_rewrite" for one in found)
    metrics = json.loads((tmp_path / "stage2" / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["model_calls"] == summary["model_calls"] == len(server.calls)
    assert metrics["cost_usd"] == pytest.approx(len(server.calls) * 110 * 10 / 1e6, abs=1e-4)
    juniors = [call for call in server.calls if is_junior(call)]
    assert len(juniors) == len({call.question for call in juniors}) == plan.queries
    experts = [times for asked, times in conversations(server).items() if "junior developer" not in asked]
    assert experts and set(experts) == {plan.candidates}
    shown = {
        (before["content"], after["content"])
        for call in server.calls
        for before, after in zip(call.body["messages"], call.body["messages"][1:], strict=False)
        if after["role"] == "assistant"
    }
    assert shown and shown <= {(one.slow, one.solution.text) for one in found}


def test_an_expert_s_indexes_are_tried_and_nothing_else_of_what_it_would_create(
    plan: Plan, developers: Developers, database: Path, tmp_path: Path
) -> None:
    index, numbers = "CREATE INDEX for_minutes ON Visits (MINUTES DESC)", count()
    hostile = (
        "CREATE TABLE hostile (id INTEGER)",
        "CREATE UNIQUE INDEX hostile ON visits (id, minutes)",
        "CREATE INDEX hostile ON visits (nothing)",
        "CREATE INDEX hostile ON visits (abs(minutes))",
        "CREATE INDEX hostile ON visits (minutes) WHERE minutes > 5",
    )

    def script(call: Call) -> Action:
        if is_junior(call):
            return says(whole(developers.rescanning(call)))
        slow = call.question.rpartition("\n\n-- ")[2].partition("\n")[2]
        statement = (*hostile, index, index)[next(numbers) % 7]
        return says(whole(f"{statement};\n\n{slow}"))

    before = database.read_bytes()
    with ScriptedServer(script) as server:
        run(replace(plan, base_url=server.url, candidates=7), tmp_path)
        assert all("CREATE INDEX" in call.body["messages"][0]["content"] for call in server.calls if not is_junior(call))
    found = [one for one in all_examples(tmp_path) if one.solution.statements]
    assert found and {one.solution.proposer for one in found} == {"model"}
    assert {one.solution.statements for one in found} == {("CREATE INDEX idx_visits_minutes ON visits (minutes)",)}
    assert all(one.solution.sql == one.slow and one.pattern == "indexing" for one in found)
    assert database.read_bytes() == before and "hostile" not in journal_of(tmp_path, 2).read_text(encoding="utf-8")


def test_the_end_of_the_budget_ends_the_run_and_more_of_it_pays_nothing_twice(
    plan: Plan,
    developers: Developers,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    qw, out = command(monkeypatch, capsys), tmp_path / "run"
    words = (
        "--engine",
        "sqlite",
        "--proposers",
        "model",
        "--db",
        database,
        "--candidates",
        3,
        "--threshold",
        0,
        "--iterations",
        1,
    )
    with ScriptedServer(developers) as server:
        model = ("--model", "m", "--base-url", server.url, "--price", "10,10", "--max-tokens", 100, "--out", out)
        first = qw("factory", "run", *words, *model, "--max-cost", 0.06)
        assert first.code == 0 and "the model cannot be asked" in first.err and "--max-cost" in first.err
        done, calls = list(products(journal_of(out, 2))), len(server.calls)
        assert 0 < len(done) < 20
        assert not any(one.unheard for one in done)
        metrics = json.loads((out / "stage2" / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["model_calls"] == calls and 0 < metrics["cost_usd"] <= 0.06
        qw("factory", "run", *words, *model, "--max-cost", 0.12)
        after = list(products(journal_of(out, 2)))
        assert after[: len(done)] == done and len(after) > len(done)
        assert len({one.order.number for one in after}) == len(after)
        assert all(times <= (1 if "junior developer" in asked else 3) for asked, times in conversations(server).items())


def test_a_server_that_is_away_ends_a_run_of_the_model_alone(plan: Plan, tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(ChatRefused, match="No model is named"):
        run(replace(plan, model=None), tmp_path / "nameless")
    with ScriptedServer([fails(400, "no such field")]) as server, pytest.raises(ChatRefused, match="no such field"):
        run(replace(plan, base_url=server.url), tmp_path / "refused")
    with ScriptedServer([fails(503, "asleep", retry_after="600")]) as server:
        with pytest.raises(ChatUnavailable, match="asleep") as raised:
            run(replace(plan, base_url=server.url), tmp_path / "alone", tell=told.append)
        assert "same command" in raised.value.remedy and told == []
        assert list(products(journal_of(tmp_path / "alone", 2))) == []
        with_rules = replace(plan, proposers=("rules", "model"), base_url=server.url)
        summary = run(with_rules, tmp_path / "rules", tell=told.append)
    assert summary["questions"] == plan.queries and summary["model_calls"] == 0
    assert len(told) == 1 and "asleep" in told[0]


def test_a_price_that_is_unknown_is_mended_as_the_message_says(
    database: Path,
    developers: Developers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    qw = command(monkeypatch, capsys)
    with ScriptedServer(developers) as server:
        words = ("--engine", "sqlite", "--proposers", "model", "--db", database, "--model", "m", "--base-url", server.url)
        run_it = partial(qw, "factory", "run", *words, "--iterations", 1, "--out", tmp_path, "--max-cost", 1)
        refused = run_it()
        assert refused.code == 2 and "--max-calls" in refused.err and "--price" in refused.err and not server.calls
        assert run_it("--max-calls", 2).code == 0 and 0 < len(server.calls) <= 2
        assert run_it("--price", "0.5,1.5", "--max-calls", 3).code == 0 and len(server.calls) == 3


def orders(plan: Plan, **changed: object) -> Order:
    weights = tuple((name, 1.0) for name in antipatterns() if name not in NEVER)
    order = Order("sqlite", 2, plan.databases[0], 0, "varying_groups", weights)
    return replace(order, **changed)  # type: ignore[arg-type]


@pytest.fixture
def working(plan: Plan, tmp_path: Path) -> Iterator[Callable[[str], Worker]]:
    """A worker whose model is at an address."""
    workers: list[Worker] = []

    def start(address: str) -> Worker:
        workers.append(Worker(partial(Workshop, "sqlite", replace(plan, base_url=address), tmp_path / "model.jsonl")))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


def test_where_a_pattern_is_closed_no_expert_is_asked(
    plan: Plan, developers: Developers, working: Callable[[str], Worker]
) -> None:
    with ScriptedServer(developers) as server:
        worker = working(server.url)
        first = worker.call(make, orders(plan))
        patterns = {one.pattern for one in first.examples}
        assert len(patterns) == 1 and len(server.calls) == 1 + plan.candidates
        before = len(server.calls)
        closed = worker.call(make, orders(plan, number=7, closed=frozenset(patterns)))
        assert closed.fate == "quota" and [is_junior(call) for call in server.calls[before:]] == [True]


def test_what_a_lost_order_has_cost_is_kept(
    plan: Plan, developers: Developers, working: Callable[[str], Worker], tmp_path: Path
) -> None:
    running: list[Worker] = []

    def script(call: Call) -> Action:
        if is_junior(call):
            return developers(call)
        running[0].kill()
        return hangs()

    lost = _lost(script, working, running, orders(plan), tmp_path / "model.jsonl")
    assert lost.fate == "failed" and lost.cost > 0
    assert 2 <= lost.calls <= 1 + plan.candidates  # the expert is asked all at once; how far that got is a matter of chance


def _lost(script: Script, working: Callable[[str], Worker], running: list[Worker], order: Order, recording: Path) -> Product:
    with ScriptedServer(script) as server:
        running.append(working(server.url))
        return _made(running[0], order, 600.0, recording)
