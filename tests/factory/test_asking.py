"""What a model answers is used where it can be read, judged like anything else, and paid for within the budget."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Message, Reply
from querywright.errors import BudgetExhausted, ChatUnavailable
from querywright.factory.asking import Ask, Model
from querywright.factory.drafting import Draft
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


def draft() -> Draft:
    tree = qualify_text(CLEAN, SCHEMA, "sqlite")
    clean = GeneratedQuery(CLEAN, "sqlite", "Which orders?", "rows_with_lookups", fingerprint(tree, "sqlite"), "family", tree)
    slow = inject_habits(tree, SCHEMA, "sqlite", Random(0), 1, {"correlated_subquery": 1e6})
    assert slow is not None and slow.injected == ("correlated_subquery",)
    return Draft(clean, slow, "train", "decorrelate")


def answering(*contents: str) -> tuple[Ask, list[tuple[Sequence[Message], str]]]:
    """Recorded answers, given out in turn, and what was asked."""
    asked: list[tuple[Sequence[Message], str]] = []

    def ask(messages: Sequence[Message], key: str) -> Reply:
        asked.append((messages, key))
        return Reply(contents[len(asked) - 1], "small-model", "stop", 100, 50, 0.002, 1.0)

    return ask, asked


def test_a_junior_s_query_is_labeled_by_what_can_be_seen_in_it() -> None:
    ask, asked = answering(f"```sql\n{LOOKUP};\n```")
    with Model(ChatOptions(), None, ask) as model:
        written = model.junior(draft(), SCHEMA, "7")
    assert written is not None and written.slow.sql == LOOKUP
    assert "correlated_subquery" in written.habits and written.slow.injected == ()
    messages, key = asked[0]
    assert key == "7 junior" and "junior developer" in messages[0].content
    assert "Which orders?" in messages[-1].content and CLEAN not in messages[-1].content


def test_an_expert_s_query_is_a_solution_and_sees_what_worked_before() -> None:
    ask, asked = answering(f"```sql\n{CLEAN}\n```")
    with Model(ChatOptions(model="small-model"), None, ask) as model:
        found = model.solution(draft(), SCHEMA, [("SLOW BEFORE", "FAST BEFORE")], "7")
        assert found is not None and found.candidate.query.sql == CLEAN
        assert (found.candidate.origin.proposer, found.candidate.origin.model) == ("model", "small-model")
        assert (model.calls, model.cost) == (1, 0.002)
    assert [message.content for message in asked[0][0]][1:3] == ["SLOW BEFORE", "FAST BEFORE"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "I would rather not.",
        "```sql\nSELECT nothing FROM nowhere\n```",
        "```sql\nDROP TABLE orders\n```",
        "```sql\nSELECT\n```",
    ],
)
def test_answers_that_cannot_be_used_are_passed_over(content: str) -> None:
    ask, _ = answering(content, content)
    with Model(ChatOptions(), None, ask) as model:
        assert model.junior(draft(), SCHEMA, "1") is None
        assert model.solution(draft(), SCHEMA, (), "1") is None
        assert model.calls == 2


def test_a_junior_s_query_with_more_than_one_answer_is_passed_over() -> None:
    ask, _ = answering("```sql\nSELECT o.id FROM orders AS o LIMIT 3\n```")
    with Model(ChatOptions(), None, ask) as model:
        assert model.junior(draft(), SCHEMA, "1") is None


def test_once_the_budget_is_used_up_nothing_is_asked_any_more() -> None:
    asked: list[str] = []

    def ask(_: Sequence[Message], key: str) -> Reply:
        asked.append(key)
        raise BudgetExhausted("no more", "")

    with Model(ChatOptions(), None, ask) as model:
        assert model.junior(draft(), SCHEMA, "1") is None
        assert model.solution(draft(), SCHEMA, (), "1") is None
        assert model.exhausted and asked == ["1 junior"]


def test_a_server_that_is_away_costs_one_query_only() -> None:
    def ask(_: Sequence[Message], key: str) -> Reply:
        raise ChatUnavailable("away", "")

    with Model(ChatOptions(), None, ask) as model:
        assert model.solution(draft(), SCHEMA, (), "1") is None
        assert not model.exhausted and model.calls == 0
