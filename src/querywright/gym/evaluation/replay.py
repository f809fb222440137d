"""Episodes as one HTML file with a scrubber over all their steps: no server, no network, any characters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from querywright.gym.evaluation.episodes import EpisodeLog, Move
from querywright.sql.difference import unified

_TEMPLATE = Path(__file__).with_name("replay.html")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""JSON may write these characters by number, and HTML must not see them inside a script element."""


def replay_document(episodes: Sequence[EpisodeLog], title: str) -> dict[str, Any]:
    """What the page shows, as plain values: the episodes, each step with the difference to the original query."""
    return {"title": title, "episodes": [_episode(episode) for episode in episodes]}


def replay_page(document: dict[str, Any]) -> str:
    """The page with the document inside."""
    data = json.dumps(document, ensure_ascii=False, allow_nan=False)
    for character, written in _ESCAPES.items():
        data = data.replace(character, written)
    return _TEMPLATE.read_text(encoding="utf-8").replace("{{title}}", escape(document["title"])).replace("{{data}}", data)


def _episode(episode: EpisodeLog) -> dict[str, Any]:
    opening = episode.opening
    return {
        "agent": episode.agent,
        "seed": episode.seed,
        "environment": episode.environment,
        "task_id": opening.task_id,
        "task_name": opening.task_name,
        "task_description": opening.task_description,
        "difficulty": opening.difficulty,
        "sql_query": opening.sql_query,
        "schema_info": opening.schema_info,
        "max_steps": opening.max_steps,
        "score": episode.score,
        "failure": episode.failure,
        "steps": [_step(move, opening.sql_query) for move in episode.moves],
    }


def _step(move: Move, original: str) -> dict[str, Any]:
    return {
        "step": move.step,
        "action": move.answer.model_dump(mode="json"),
        "reward": {"score": move.score, "breakdown": dict(move.breakdown), "feedback": move.feedback},
        "done": move.done,
        "execution": asdict(move.execution),
        "issues_found": list(move.found),
        "seconds": move.seconds,
        "difference": [[line.kind, line.text] for line in unified(original, move.answer.optimized_query)],
    }
