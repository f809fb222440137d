"""What a model is told of a task, and what its answer says: the one prompt of inference, evaluation and training.

Pure and deterministic: the same observation gives the same text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from pydantic import ValidationError

from querywright.antipatterns.driver import antipatterns
from querywright.chat.protocol import Message
from querywright.gym.client import Execution, Observation
from querywright.gym.wire import Answer, Suggestion
from querywright.propose.answers import read

_TEXT = {"type": "string"}
_SUGGESTION: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "issue_type": _TEXT,
        "line": {"type": "integer"},
        "description": _TEXT,
        "severity": {"type": "string", "enum": ["critical", "high", "medium", "low"]},
        "fix": _TEXT,
    },
    "required": ["issue_type", "line", "description", "severity", "fix"],
    "additionalProperties": False,
}

SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "suggestions": {"type": "array", "items": _SUGGESTION},
        "optimized_query": _TEXT,
        "summary": _TEXT,
        "estimated_improvement": _TEXT,
        "approved": {"type": "boolean"},
    },
    "required": ["suggestions", "optimized_query", "summary", "estimated_improvement", "approved"],
    "additionalProperties": False,
}
"""JSON schema of an answer, strict enough for servers that enforce schemas."""

_EXAMPLE = {
    "suggestions": [
        {
            "issue_type": "correlated_subquery",
            "line": 3,
            "description": "runs once for every user",
            "severity": "high",
            "fix": "one grouped join",
        }
    ],
    "optimized_query": "SELECT …",
    "summary": "what was slow, and what was done about it",
    "estimated_improvement": "about 10x",
    "approved": False,
}
_TEMPLATES = Path(__file__).with_name("prompts")
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)


def opening(observation: Observation) -> tuple[Message, ...]:
    """The conversation to start with: the rules of the game, and the task."""
    habits = ", ".join(name for name, module in antipatterns().items() if module.SEVERITY in ("critical", "high"))
    example = json.dumps(_EXAMPLE, indent=1, ensure_ascii=False)
    system = _filled("system", dialect=observation.dialect, example=example, habits=habits)
    asked = f"Answer with the JSON object. This is try {observation.step_count + 1} of {observation.max_steps}."
    return Message("system", system), Message("user", f"{task_text(observation)}\n\n{asked}")


def tool_opening() -> tuple[Message, ...]:
    """The conversation to start with where the model has tools; the task is added behind it."""
    return Message("system", _filled("tool_system")), Message("user", "Make this query faster.\n")


def task_text(observation: Observation) -> str:
    """The task: title, description, query and schema."""
    return _filled(
        "task",
        name=observation.task_name or observation.task_id,
        description=observation.task_description,
        query=observation.sql_query.strip(),
        schema=observation.schema_info.strip(),
    )


def feedback(observation: Observation, problem: str = "") -> Message:
    """What came of the last answer, or the ``problem`` that it could not be read for."""
    last = observation.last_execution
    came = problem or (outcome(last, "your query") if last else "Nothing was run.")
    advice = "" if problem or last is None else _advice(last)
    return Message(
        "user", _filled("feedback", came=came, advice=advice, step=observation.step_count + 1, steps=observation.max_steps)
    )


def outcome(execution: Execution, what: str) -> str:
    """One sentence or two about an execution."""
    if execution.error:
        return f"Running {what} failed: {execution.error}"
    if not execution.results_match:
        return f"It cannot count: {what} does not return the same rows. {execution.verdict}".strip()
    times = f"{execution.original_ms:.2f} ms before, {execution.optimized_ms:.2f} ms now"
    return f"Running {what} gave the same rows, {execution.speedup:.2f} times as fast as the original ({times})."


def read_answer(content: str) -> Answer | None:
    """The answer in a model's reply, tolerantly: JSON with text around it, or a bare query; None where there is no query.

    What does not fit an `Answer` is left out, never repaired.
    """
    text = _THINKING.sub("", content)
    for document in _objects(text):
        answer = _answer(document)
        if answer is not None:
            return answer
    rewrites = read(content).rewrites
    sql = next((rewrite.sql for rewrite in rewrites if rewrite.sql), "")
    return _valid({"optimized_query": sql}) if sql else None


def _advice(execution: Execution) -> str:
    if execution.error or not execution.results_match:
        return "Correct it, or rewrite the query in another way that is sure to return the same rows."
    if execution.speedup > 1.0:
        return "Keep what was gained and look for what still costs most."
    return "That gained nothing. Look for what really costs: rows read again and again, columns and rows that nobody needs."


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    """JSON objects in the text that hold a query, the outermost ones."""
    decoder = json.JSONDecoder(strict=False)
    position = text.find("{")
    while position >= 0:
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            end = position + 1
        else:
            if isinstance(value, dict) and isinstance(value.get("optimized_query"), str):
                yield value
        position = text.find("{", end)


def _answer(document: Mapping[str, Any]) -> Answer | None:
    listed = document.get("suggestions")
    suggestions = [one for item in listed if (one := _suggestion(item))] if isinstance(listed, list) else []
    texts = {name: document[name] for name in ("summary", "estimated_improvement") if isinstance(document.get(name), str)}
    approved = document.get("approved") is True
    return _valid(
        {"optimized_query": document["optimized_query"], "suggestions": suggestions, "approved": approved, **texts}
    ) or _valid({"optimized_query": document["optimized_query"]})


def _suggestion(item: object) -> Suggestion | None:
    if not isinstance(item, dict):
        return None
    known = {name: item[name] for name in Suggestion.model_fields if item.get(name) is not None}
    try:
        return Suggestion.model_validate(known)
    except ValidationError:
        return None


def _valid(fields: Mapping[str, Any]) -> Answer | None:
    try:
        return Answer.model_validate(fields)
    except ValidationError:
        return None


def _filled(template: str, /, **values: object) -> str:
    """A template with its sections; those that are empty leave no gap."""
    text = _template(template).substitute({key: str(value) for key, value in values.items()})
    return re.sub(r"\n{3,}", "\n\n", text).strip()


@cache
def _template(name: str) -> Template:
    return Template((_TEMPLATES / f"{name}.md").read_text(encoding="utf-8"))


def conversation(messages: Sequence[Message]) -> list[dict[str, str]]:
    """A conversation as chat templates take it."""
    return [{"role": message.role, "content": message.content} for message in messages]
