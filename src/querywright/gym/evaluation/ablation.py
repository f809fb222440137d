"""What each component of the reward contributes: every answer is examined once, then graded under several masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from querywright.gym.evaluation.tables import markdown_table
from querywright.gym.values import Examination, Reward, Task
from querywright.gym.wire import Answer

Score = Callable[[Task, Answer, Examination, frozenset[str]], Reward]

EXECUTION = ("correctness", "speed", "speedup")
"""Components that come from running the query; a mask keeps just these."""


@dataclass(frozen=True, slots=True)
class Examined:
    """An answer that an agent gave in one episode, and what was found of it."""

    agent: str
    episode: int
    task: Task
    answer: Answer
    examination: Examination


@dataclass(frozen=True)
class Ablation:
    """The mean over episodes of the best score, by mask and agent, of so many answers in so many episodes."""

    components: tuple[str, ...]
    masks: dict[str, frozenset[str]]
    scores: dict[str, dict[str, float]]
    answers: int
    episodes: int


def masks(components: Sequence[str]) -> dict[str, frozenset[str]]:
    """All components; each left out in turn; only those that come from running the query, where there are others."""
    found = {"full": frozenset[str](), **{f"without {name}": frozenset({name}) for name in components}}
    texts = frozenset(components) - frozenset(EXECUTION)
    if texts and texts != frozenset(components):
        found["execution only"] = texts
    return found


def ablate(examined: Sequence[Examined], components: Sequence[str], score: Score) -> Ablation:
    """Grade every answer under every mask; nothing is executed. Raises ValueError where there are no answers."""
    if not examined:
        raise ValueError("no answers to grade")
    agents = list(dict.fromkeys(one.agent for one in examined))
    chosen = masks(components)
    table: dict[str, dict[str, float]] = {}
    for name, mask in chosen.items():
        best: dict[tuple[str, int], float] = {}
        for one in examined:
            earned = score(one.task, one.answer, one.examination, mask).score
            key = (one.agent, one.episode)
            best[key] = max(best.get(key, 0.0), earned)
        table[name] = {agent: fmean(value for (whose, _), value in best.items() if whose == agent) for agent in agents}
    episodes = len({(one.agent, one.episode) for one in examined})
    return Ablation(tuple(components), chosen, table, len(examined), episodes)


def table(ablation: Ablation) -> str:
    """Masks in lines; for each agent the mean score and its difference to the full reward."""
    agents = list(ablation.scores["full"])
    headers = ["reward", *(cell for agent in agents for cell in (agent, "difference"))]
    rows = []
    for name, means in ablation.scores.items():
        cells = [name]
        for agent in agents:
            cells += [f"{means[agent]:.3f}", "" if name == "full" else f"{means[agent] - ablation.scores['full'][agent]:+.3f}"]
        rows.append(cells)
    return markdown_table(headers, rows)


def document(ablation: Ablation) -> dict[str, Any]:
    """The ablation as plain values."""
    return {
        "components": list(ablation.components),
        "answers": ablation.answers,
        "episodes": ablation.episodes,
        "masks": {
            name: {
                "left_out": sorted(mask),
                "scores": {agent: round(mean, 4) for agent, mean in ablation.scores[name].items()},
            }
            for name, mask in ablation.masks.items()
        },
    }
