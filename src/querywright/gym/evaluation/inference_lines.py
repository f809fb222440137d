"""The lines that inference prints for whoever evaluates it: ``[START]``, a ``[STEP]`` for each step, ``[END]``.

    [START] task=task_1_basic_antipatterns env=querywright model=rules
    [STEP] step=1 action=SELECT id FROM orders reward=0.83 done=false error=null
    [END] success=true steps=1 score=0.83 rewards=0.83

Numbers have two decimals; a query is shown on one line, cut where it is long.
"""

from __future__ import annotations

from querywright.gym.evaluation.episodes import EpisodeLog, Move

ENVIRONMENT = "querywright"
SUCCESS = 0.5
"""An episode with this score or more is a success."""

_LONGEST_ACTION = 400


def start_line(episode: EpisodeLog) -> str:
    """The line before the first step."""
    return f"[START] task={episode.opening.task_id} env={ENVIRONMENT} model={_plain(episode.agent)}"


def step_line(move: Move) -> str:
    """The line of a step; ``error`` is that of running the query."""
    action = _plain(move.answer.optimized_query)
    shown = action[:_LONGEST_ACTION] + ("…" if len(action) > _LONGEST_ACTION else "")
    error = _plain(move.execution.error) or "null"
    return f"[STEP] step={move.step} action={shown} reward={move.score:.2f} done={_truth(move.done)} error={error}"


def end_line(episode: EpisodeLog) -> str:
    """The line after the last step."""
    rewards = ",".join(f"{move.score:.2f}" for move in episode.moves)
    success = _truth(episode.score >= SUCCESS)
    return f"[END] success={success} steps={len(episode.moves)} score={episode.score:.2f} rewards={rewards}"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _truth(value: bool) -> str:
    return "true" if value else "false"
