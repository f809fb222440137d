"""A model on the wire as search modes ask it: in one burst, in the order asked for, and no longer than the search lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from chat.scripted_server import Action, Call, Script, ScriptedServer, after, embeds, hangs, says, unknown_model

from querywright.analyze import analyze
from querywright.chat.background import BackgroundChat
from querywright.chat.options import ChatOptions
from querywright.engines.protocol import PlanNode
from querywright.propose.gold import gold_examples
from querywright.propose.model import printer
from querywright.search.correspondence import Correspondence
from querywright.search.protocol import Budget, EmbeddingLost, Event, Position, Question
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.values import Query

SCHEMA = schema_of("CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER)", "duckdb")


def question(number: int) -> Question:
    """A question about a query of its own."""
    sql = f"SELECT a FROM t WHERE b = {number}"
    tree = qualify_text(sql, SCHEMA, "duckdb")
    query = Query(sql, "duckdb", fingerprint(tree, "duckdb"))
    return Question(number, Position(query, tree), analyze(query, tree, SCHEMA, "duckdb"))


QUESTIONS = [question(number) for number in (1, 2, 3)]


@contextmanager
def correspondence(
    script: Script, budget: Budget | None = None, **choices: Any
) -> Iterator[tuple[Correspondence, ScriptedServer]]:
    """A model of a scripted server, and the server."""
    with ScriptedServer(script) as server:
        options = ChatOptions(model="m", embedding_model="vectors", base_url=server.url, max_tokens=100)
        first = QUESTIONS[0].position
        with BackgroundChat(options) as chat:
            render = printer(first.query, first.tree, SCHEMA)
            plan_of = choices.pop("plan_of", lambda query: None)
            yield Correspondence(chat, "duckdb", budget or Budget(), render, plan_of, **choices), server


def numbered(call: Call) -> int:
    """The number of the question that a call asks."""
    return next(number for number in (1, 2, 3) if f"WHERE b = {number}\n" in call.question)


def test_no_prompt_is_sent_before_all_are_written() -> None:
    """The plan of each query is asked for while its prompt is written, here slowly: meanwhile nothing arrives at the server."""
    arrived: list[int] = []

    def plan_of(query: Query) -> PlanNode | None:
        time.sleep(0.1)
        arrived.append(len(server.calls))
        return None

    with correspondence(lambda call: says(""), plan_of=plan_of) as (model, server):
        answers = list(model.ask(QUESTIONS))
    assert arrived == [0, 0, 0]
    assert [answer.question.number for answer in answers] == [1, 2, 3]


def test_answers_come_in_the_order_of_the_questions() -> None:
    with correspondence(lambda call: after({1: 0.5, 2: 0.25, 3: 0.0}[numbered(call)], says(""))) as (model, _):
        assert [answer.question.number for answer in model.ask(QUESTIONS)] == [1, 2, 3]


def test_answers_come_as_they_arrive() -> None:
    """The first question is answered once the answers to the others were heard."""
    heard: list[int] = []

    def script(call: Call) -> Action:
        deadline = time.monotonic() + 60
        while numbered(call) == 1 and len(heard) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return says("")

    with correspondence(script) as (model, _):
        for answer in model.ask(QUESTIONS, in_order=False):
            heard.append(answer.question.number)
    assert sorted(heard[:2]) == [2, 3] and heard[2] == 1


def test_what_does_not_come_in_time_is_told_and_the_rest_kept() -> None:
    def script(call: Call) -> Action:
        return hangs() if numbered(call) == 1 else says("I cannot help with that.")

    with correspondence(script, Budget(seconds=12.0)) as (model, _):
        answers = {answer.question.number: answer for answer in model.ask(QUESTIONS, in_order=False)}
        (again,) = model.ask([replace(QUESTIONS[1], retry=True)])
    assert "declines" in again.problem, "half of the time is left, to judge what came or to ask again"
    assert answers[1].problem == "No answer came within the time of the search." and "--seconds" in answers[1].remedy
    assert all("declines" in answers[number].problem and not answers[number].remedy for number in (2, 3))
    assert not model.lost


def test_an_embedding_is_asked_for_once_a_query_and_its_loss_is_told_once() -> None:
    heard: list[Event] = []

    def script(call: Call) -> Action:
        return embeds(lambda text: (1.0, float(len(text)))) if call.texts and len(server.calls) < 3 else unknown_model()

    budget = Budget(examples="retrieved")
    with correspondence(script, budget, embedding=True, listen=heard.append) as (model, server):
        for asked in (QUESTIONS[:1], QUESTIONS[:2], QUESTIONS):
            list(model.ask(asked))
    texts = [call.texts for call in server.calls if call.texts]
    examples = list(dict.fromkeys(example.query for example in gold_examples()))
    assert texts == [[*examples, QUESTIONS[0].position.query.sql], *([one.position.query.sql] for one in QUESTIONS[1:2])]
    assert [type(event) for event in heard] == [EmbeddingLost]
