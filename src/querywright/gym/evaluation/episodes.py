"""The log of an episode: every answer, what it earned and why, as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from querywright.errors import InputError
from querywright.gym.client import Execution, Observation
from querywright.gym.wire import Answer
from querywright.runs.files import read_lines

LOG = "episodes.jsonl"


@dataclass(frozen=True, slots=True)
class Move:
    """One step: the answer, its score with components and feedback, what came of running it, and the seconds it all took."""

    step: int
    answer: Answer
    score: float
    breakdown: Mapping[str, float]
    feedback: str
    done: bool
    execution: Execution
    found: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EpisodeLog:
    """An episode from begin to end. ``failure`` says why it was cut short, where it was: such an episode earns what it had."""

    agent: str
    seed: int
    environment: str
    opening: Observation
    moves: tuple[Move, ...] = ()
    failure: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it from the others of a run: agent, task, seed."""
        return self.agent, self.opening.task_id, self.seed

    @property
    def best(self) -> Move | None:
        """The step that earned most, the first of several."""
        return max(self.moves, key=lambda move: move.score, default=None)

    @property
    def score(self) -> float:
        """The highest reward of a step, as the published environment counts."""
        return self.best.score if self.best else 0.0

    @property
    def correct(self) -> bool:
        """Whether the best step returned the right rows."""
        return self.best is not None and self.best.execution.results_match

    @property
    def speedup(self) -> float:
        """Ratio of the best step; 1.0 where it was wrong or not timed, since the original is still there."""
        return self.best.execution.speedup if self.best and self.correct and self.best.execution.speedup > 0 else 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain values; `read` takes them back."""
        moves = [{**_fields(move), "answer": move.answer.model_dump(mode="json")} for move in self.moves]
        return {**_fields(self), "opening": asdict(self.opening), "moves": moves}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """From what `to_json` gave; raises KeyError, TypeError or ValueError for anything else."""
        moves = tuple(
            Move(
                **{
                    **move,
                    "answer": Answer.model_validate(move["answer"]),
                    "execution": Execution(**move["execution"]),
                    "found": tuple(move["found"]),
                }
            )
            for move in body["moves"]
        )
        return cls(**{**body, "opening": Observation.read(body["opening"]), "moves": moves})


def read_log(path: Path) -> tuple[EpisodeLog, ...]:
    """The episodes of a log file, or of the folder that holds one; raises `InputError` where there are none."""
    file = path / LOG if path.is_dir() else path
    remedy = "Record one: qw gym baseline --out FOLDER"
    if not file.is_file():
        raise InputError(f"There is no log of episodes at {file}.", remedy)
    try:
        found = tuple(EpisodeLog.read(json.loads(line)) for line in read_lines(file))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file} is not a log of episodes: {type(error).__name__}: {error}", remedy) from error
    if not found:
        raise InputError(f"{file} holds no episode.", remedy)
    return found


def log_line(episode: EpisodeLog) -> str:
    """An episode as a line of a log file."""
    return json.dumps(episode.to_json(), ensure_ascii=False)


def by_agent(episodes: Iterable[EpisodeLog]) -> dict[str, list[EpisodeLog]]:
    """Episodes of each agent, agents and episodes in order of appearance."""
    grouped: dict[str, list[EpisodeLog]] = {}
    for episode in episodes:
        grouped.setdefault(episode.agent, []).append(episode)
    return grouped


def _fields(value: Move | EpisodeLog) -> dict[str, Any]:
    return {name: field for name, field in asdict(value).items() if name not in ("answer", "moves", "opening")}
