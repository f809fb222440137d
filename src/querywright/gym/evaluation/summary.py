"""What agents earned: a line for each agent, and a line for each task with the agents side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from querywright.gym.evaluation.episodes import EpisodeLog, by_agent
from querywright.gym.evaluation.intervals import Interval, interval


@dataclass(frozen=True, slots=True)
class Cell:
    """One agent on one task: means over seeds, the speedup a geometric one; ``correct`` is the share of right best answers."""

    score: Interval
    speedup: float
    correct: float
    episodes: int


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One task: the cell of each agent that played it."""

    task: str
    title: str
    difficulty: str
    cells: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class AgentRow:
    """One agent over all its tasks; ``failures`` are episodes that were cut short, ``seconds`` of a step on average."""

    agent: str
    tasks: int
    episodes: int
    steps: int
    score: Interval
    speedup: float
    correct: float
    failures: int
    seconds: float


def agent_rows(episodes: Sequence[EpisodeLog]) -> tuple[AgentRow, ...]:
    """A row for each agent, in order of appearance."""
    return tuple(_agent_row(agent, played) for agent, played in by_agent(episodes).items())


def task_rows(episodes: Sequence[EpisodeLog]) -> tuple[TaskRow, ...]:
    """A row for each task, in order of appearance."""
    rows = []
    for task, played in _by_task(episodes).items():
        opening = played[0].opening
        cells = {agent: _cell(own) for agent, own in by_agent(played).items()}
        rows.append(TaskRow(task, opening.task_name, opening.difficulty, cells))
    return tuple(rows)


def document(episodes: Sequence[EpisodeLog]) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "environment": episodes[0].environment if episodes else "",
        "agents": [
            {
                "agent": row.agent,
                "tasks": row.tasks,
                "episodes": row.episodes,
                "steps": row.steps,
                **_values(row.score),
                "avg_speedup": round(row.speedup, 4),
                "correct": round(row.correct, 4),
                "failures": row.failures,
                "seconds_a_step": round(row.seconds, 3),
            }
            for row in agent_rows(episodes)
        ],
        "tasks": [
            {
                "task_id": row.task,
                "task_name": row.title,
                "difficulty": row.difficulty,
                "results": {
                    agent: {
                        **_values(cell.score),
                        "speedup": round(cell.speedup, 4),
                        "correct": round(cell.correct, 4),
                        "episodes": cell.episodes,
                    }
                    for agent, cell in row.cells.items()
                },
            }
            for row in task_rows(episodes)
        ],
    }


def scores(episodes: Sequence[EpisodeLog]) -> dict[str, list[float]]:
    """Scores by task, one for each seed."""
    return {task: [episode.score for episode in played] for task, played in _by_task(episodes).items()}


def geometric_mean(ratios: Sequence[float]) -> float:
    """Of ratios above 0."""
    return math.exp(fmean(map(math.log, ratios)))


def _agent_row(agent: str, played: Sequence[EpisodeLog]) -> AgentRow:
    moves = [move for episode in played for move in episode.moves]
    tasks = _by_task(played)
    return AgentRow(
        agent,
        len(tasks),
        len(played),
        len(moves),
        interval(list(scores(played).values())),
        geometric_mean([geometric_mean([episode.speedup for episode in own]) for own in tasks.values()]),
        fmean(fmean(episode.correct for episode in own) for own in tasks.values()),
        sum(bool(episode.failure) for episode in played),
        fmean(move.seconds for move in moves) if moves else 0.0,
    )


def _cell(played: Sequence[EpisodeLog]) -> Cell:
    return Cell(
        interval([[episode.score for episode in played]]),
        geometric_mean([episode.speedup for episode in played]),
        fmean(episode.correct for episode in played),
        len(played),
    )


def _by_task(episodes: Sequence[EpisodeLog]) -> dict[str, list[EpisodeLog]]:
    grouped: dict[str, list[EpisodeLog]] = {}
    for episode in episodes:
        grouped.setdefault(episode.opening.task_id, []).append(episode)
    return grouped


def _values(score: Interval) -> dict[str, float | None]:
    bounds = (None if bound is None else round(bound, 4) for bound in (score.low, score.high))
    low, high = bounds
    return {"score": round(score.mean, 4), "score_low": low, "score_high": high}
