"""The one prompt, and answers read from whatever a model writes."""

from __future__ import annotations

import json

import pytest
from observations import BY_LOOKUP, SCHEMA, came, observation

from querywright.gym.prompting import SCHEMA as ANSWER_SCHEMA
from querywright.gym.prompting import feedback, opening, outcome, read_answer, task_text, tool_opening
from querywright.gym.wire import LONGEST_SQL, Answer

WHOLE = {
    "suggestions": [
        {"issue_type": "correlated_subquery", "line": 2, "description": "once a user", "severity": "high", "fix": "join"}
    ],
    "optimized_query": "SELECT 1",
    "summary": "Ünïcode — fine",
    "estimated_improvement": "2x",
    "approved": False,
}


def test_the_opening_holds_the_task_and_how_to_answer() -> None:
    seen = observation(BY_LOOKUP)
    system, task = opening(seen)
    assert opening(seen) == (system, task)
    assert (system.role, task.role) == ("system", "user")
    assert BY_LOOKUP in task.content and SCHEMA.strip() in task.content and "try 1 of 5" in task.content
    assert "optimized_query" in system.content and "correlated_subquery" in system.content and "$" not in system.content


def test_the_example_answer_of_the_prompt_is_one() -> None:
    [system, _] = opening(observation())
    answer = read_answer(system.content)
    assert answer is not None and answer.suggestions[0].issue_type == "correlated_subquery"


def test_the_tools_prompt_leaves_the_task_to_the_episode() -> None:
    assert [message.role for message in tool_opening()] == ["system", "user"]
    assert task_text(observation()) in opening(observation())[1].content


@pytest.mark.parametrize(
    ("execution", "said"),
    [
        (came(2.5), "2.50 times as fast"),
        (came(0.8), "That gained nothing"),
        (came(3.0, match=False), "does not return the same rows"),
        (came(0.0, match=False, error="no such column"), "failed: no such column"),
    ],
    ids=["faster", "slower", "wrong", "failed"],
)
def test_feedback_says_what_came(execution: object, said: str) -> None:
    told = feedback(observation(step=2, last=execution))  # type: ignore[arg-type]
    assert told.role == "user" and said in told.content and "try 3 of 5" in told.content


def test_what_cannot_be_read_is_said_instead_of_an_outcome() -> None:
    told = feedback(observation(step=1, last=came(2.5)), "That holds no query.")
    assert "That holds no query." in told.content and "2.50" not in told.content
    assert outcome(came(2.5), "it").endswith("(100.00 ms before, 40.00 ms now).")


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(WHOLE),
        f"Sure!\n```json\n{json.dumps(WHOLE, indent=2)}\n```\nThat helps.",
        f'<think>{{"optimized_query": "SELECT 2"}}</think>{json.dumps(WHOLE)}',
        json.dumps({**WHOLE, "confidence": 0.9}),
        f'{{"note": 1}} {json.dumps(WHOLE)} {{"optimized_query": "SELECT 3"}}',
    ],
    ids=["bare", "fenced", "after thinking", "with more fields", "among others"],
)
def test_answers_are_read_tolerantly(content: str) -> None:
    answer = read_answer(content)
    assert answer == Answer.model_validate(WHOLE)


@pytest.mark.parametrize(
    ("content", "sql"),
    [
        ("```sql\nSELECT 1\n```", "SELECT 1"),
        ("SELECT a FROM t", "SELECT a FROM t"),
        ('{"optimized_query": "SELECT 1", "suggestions": "none", "summary": 3, "approved": "yes"}', "SELECT 1"),
        ('{"optimized_query": "SELECT 1", "suggestions": [{"severity": "high"}, 4]}', "SELECT 1"),
        (json.dumps({**WHOLE, "summary": "x" * 20_000}), "SELECT 1"),
    ],
    ids=["fence", "plain", "odd types", "odd suggestions", "too long a summary"],
)
def test_the_query_counts_where_the_rest_does_not_fit(content: str, sql: str) -> None:
    answer = read_answer(content)
    assert answer is not None and answer.optimized_query == sql and not answer.suggestions and not answer.approved


@pytest.mark.parametrize(
    "content",
    ["", "I cannot help with that.", "{", '{"optimized_query": 3}', json.dumps({"optimized_query": "x" * (LONGEST_SQL + 1)})],
    ids=["nothing", "refusal", "cut off", "no text", "too long"],
)
def test_there_may_be_no_answer(content: str) -> None:
    assert read_answer(content) is None


def test_the_schema_names_the_fields_of_an_answer() -> None:
    assert set(ANSWER_SCHEMA["properties"]) == set(Answer.model_fields) == set(ANSWER_SCHEMA["required"])  # type: ignore[call-overload]
