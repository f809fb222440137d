"""What a model answers is used where it can be read, judged like anything else, and paid for within the budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from chat.scripted_server import Action, ScriptedServer, fails, refuses, says

from querywright.chat.options import ChatOptions
from querywright.errors import ChatUnavailable
from querywright.factory.asking import Advice, Model, options
from querywright.factory.drafting import Draft
from querywright.factory.values import Plan
from querywright.generation.inject import inject_habits
from querywright.generation.queries import GeneratedQuery
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text

SCHEMA = schema_of(
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id), amount REAL NOT NULL);",
    "sqlite",
)
CLEAN = "SELECT o.id, u.name FROM orders AS o LEFT JOIN users AS u ON u.id = o.user_id WHERE o.amount > 5"
LOOKUP = "SELECT o.id, (SELECT u.name FROM users AS u WHERE u.id = o.user_id) AS name FROM orders AS o WHERE o.amount > 5"
OTHER = "SELECT o.id, u.name FROM orders AS o LEFT JOIN users AS u ON o.user_id = u.id AND u.id > 0 WHERE o.amount > 5"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MODEL", "PROVIDER", "BASE_URL", "API_KEY", "OFFLINE"):
        monkeypatch.delenv(f"QUERYWRIGHT_{name}", raising=False)


def draft(engine: str = "sqlite") -> Draft:
    tree = qualify_text(CLEAN, SCHEMA, "sqlite")
    clean = GeneratedQuery(CLEAN, engine, "Which orders?", "rows_with_lookups", fingerprint(tree, "sqlite"), "family", tree)
    slow = inject_habits(tree, SCHEMA, "sqlite", Random(0), 1, {"correlated_subquery": 1e6})
    assert slow is not None and slow.injected == ("correlated_subquery",)
    return Draft(clean, slow, "train", "decorrelate")


@contextmanager
def answering(*script: Action, alone: bool = False, **choices: object) -> Iterator[tuple[Model, ScriptedServer]]:
    """A model whose server answers as the script says, at a dollar for a thousand tokens."""
    with ScriptedServer(script) as server:
        chat = ChatOptions(model="small-model", base_url=server.url, price=(1000.0, 1000.0), retries=0, **choices)  # type: ignore[arg-type]
        model = Model(chat, None, alone)
        yield model, server
        model.close()


def whole(sql: str) -> Action:
    return says(f"```sql\n{sql};\n```", tokens=(1, 1))


def test_a_junior_s_query_is_labeled_by_what_can_be_seen_in_it() -> None:
    with answering(whole(LOOKUP)) as (model, server):
        written = model.junior(draft(), SCHEMA, "7")
    assert written is not None and written.slow.sql == LOOKUP
    assert "correlated_subquery" in written.habits and written.slow.injected == ()
    assert written.pattern == "decorrelate"
    assert "junior developer" in server.calls[0].body["messages"][0]["content"]
    question = server.calls[0].question
    assert "Which orders?" in question and "in this order: id, name" in question and CLEAN not in question
    assert "Looks up a value by a subquery that runs for each row." in question


def test_a_junior_who_writes_the_clean_query_wrote_nothing_slow() -> None:
    with answering(whole(CLEAN)) as (model, _):
        assert model.junior(draft(), SCHEMA, "7") is None


def test_an_expert_s_queries_are_solutions_and_it_sees_what_worked_before() -> None:
    with answering(whole(CLEAN), whole(LOOKUP.replace("5", "6")), whole(CLEAN), whole(OTHER)) as (model, server):
        found = model.solutions(draft(), SCHEMA, [("SLOW BEFORE", "FAST BEFORE")], "7", 4).rewrites
        assert {one.candidate.query.sql for one in found} == {CLEAN, OTHER, LOOKUP.replace("5", "6")}
        assert {(one.candidate.origin.proposer, one.candidate.origin.model) for one in found} == {("model", "small-model")}
        assert (model.spending.calls, model.spending.cost) == (4, pytest.approx(0.008))
    assert [message["content"] for message in server.calls[0].body["messages"]][1:3] == ["SLOW BEFORE", "FAST BEFORE"]


@pytest.mark.parametrize(
    "answer",
    [
        says(""),
        says("I would rather not."),
        refuses(),
        whole("SELECT nothing FROM nowhere"),
        whole("DROP TABLE orders"),
        whole("SELECT"),
    ],
)
def test_answers_that_cannot_be_used_are_passed_over(answer: Action) -> None:
    with answering(answer) as (model, _):
        assert model.junior(draft(), SCHEMA, "1") is None
        assert model.solutions(draft(), SCHEMA, (), "1", 2) == Advice()
        assert model.spending.calls == 3 and model.unheard == ""


INDEX = "CREATE INDEX for_the_join ON ORDERS (User_Id)"


def test_an_expert_s_indexes_are_read_and_printed_anew() -> None:
    slow, unique = draft().slow, "CREATE UNIQUE INDEX u ON orders (amount)"
    answers = (
        whole(f"{INDEX};\n{CLEAN}"),
        whole(f"{INDEX};\n\n{unique};\n{slow.sql}"),
        says(f"{INDEX};\n\n{OTHER};", tokens=(1, 1)),  # without a fence
        says(f"First\n```sql\n{INDEX};\n```\nand then\n```sql\n{LOOKUP.replace('5', '6')};\n```", tokens=(1, 1)),
    )
    with answering(*answers) as (model, server):
        found = model.solutions(draft(), SCHEMA, (), "7", 4)
    rewrites = {one.candidate.query.sql for one in found.rewrites}
    assert rewrites == {CLEAN, OTHER, LOOKUP.replace("5", "6")}
    assert found.indexes.keys() == {slow.fingerprint, *(one.fingerprint for one in found.rewrites)}
    statements = {index.statement for indexes in found.indexes.values() for index in indexes}
    assert statements == {"CREATE INDEX idx_orders_user_id ON orders (user_id)"}
    assert "CREATE INDEX" in server.calls[0].body["messages"][0]["content"]


def test_indexes_alone_are_for_the_slow_query() -> None:
    with answering(whole(INDEX)) as (model, _):
        found = model.solutions(draft(), SCHEMA, (), "7", 1)
    assert found.rewrites == () and found.indexes.keys() == {draft().slow.fingerprint}


def test_where_indexes_are_not_tried_out_none_are_asked_for() -> None:
    with answering(whole(f"{INDEX};\n{CLEAN}")) as (model, server):
        found = model.solutions(draft("duckdb"), SCHEMA, (), "7", 1)
    assert len(found.rewrites) == 1 and found.indexes == {}
    assert "CREATE INDEX" not in server.calls[0].body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("statement", "usable"),
    [
        ("CREATE TABLE hostile (id INTEGER)", False),
        ("DROP TABLE orders", False),
        ("CREATE TRIGGER t AFTER INSERT ON orders BEGIN SELECT 1; END", False),
        ("CREATE UNIQUE INDEX u ON orders (user_id)", True),
        ("CREATE INDEX i ON orders (nothing)", True),
        ("CREATE INDEX i ON orders (abs(amount))", True),
        ("CREATE INDEX i ON orders (amount) WHERE amount > 5", True),
    ],
)
def test_of_hostile_statements_nothing_is_left(statement: str, usable: bool) -> None:
    with answering(whole(f"{statement};\n{CLEAN}")) as (model, _):
        found = model.solutions(draft(), SCHEMA, (), "7", 1)
    assert [one.candidate.query.sql for one in found.rewrites] == [CLEAN] * usable and found.indexes == {}


def test_a_junior_s_query_with_more_than_one_answer_is_passed_over() -> None:
    with answering(whole("SELECT o.id, '' AS name FROM orders AS o LIMIT 3")) as (model, _):
        assert model.junior(draft(), SCHEMA, "1") is None


def test_once_the_budget_is_used_up_nothing_is_asked_any_more() -> None:
    with answering(whole(CLEAN), max_calls=3) as (model, server):
        assert len(model.solutions(draft(), SCHEMA, (), "1", 5).rewrites) == 1
        assert len(server.calls) == 3 and model.unheard == ""
        assert model.junior(draft(), SCHEMA, "2") is None
        assert len(server.calls) == 3 and "No call of the model is left" in model.unheard


def test_a_server_that_is_away_costs_one_query_only() -> None:
    with answering(fails(503, "asleep"), fails(503, "asleep"), whole(CLEAN)) as (model, _):
        assert model.solutions(draft(), SCHEMA, (), "1", 2) == Advice() and "asleep" in model.unheard
        assert len(model.solutions(draft(), SCHEMA, (), "2", 2).rewrites) == 1 and model.unheard == ""


def test_a_model_that_is_alone_says_that_its_server_is_away() -> None:
    with answering(fails(503, "asleep"), alone=True) as (model, _), pytest.raises(ChatUnavailable, match="asleep"):
        model.junior(draft(), SCHEMA, "1")


def test_another_question_under_the_same_key_is_asked_anew() -> None:
    with answering(whole(CLEAN)) as (model, server):
        for shots in ((), (), [("SLOW", "FAST")]):
            assert len(model.solutions(draft(), SCHEMA, shots, "1", 1).rewrites) == 1
        assert len(server.calls) == 2


def test_engines_share_the_budget() -> None:
    plan = Plan(engines=("duckdb", "sqlite"), max_cost=3.0, max_calls=5, price=(1.0, 2.0))
    shares = [options(plan, engine) for engine in plan.engines]
    assert [one.max_cost for one in shares] == [1.5, 1.5] and [one.max_calls for one in shares] == [3, 2]
