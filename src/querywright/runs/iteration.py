"""One iteration of a run: what went in, every judged attempt, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from querywright.errors import RunError
from querywright.runs.files import append_line, read_json, read_lines, read_text, write_json, write_text, writing
from querywright.runs.serialize import from_json, to_json
from querywright.values import Attempt, Run

BEGUN, ATTEMPTS, FINISHED = "input.sql", "attempts.jsonl", "benchmark_summary.json"
PROMPT, ANSWER = "prompt.txt", "llm_response.json"
RETRY_PROMPT, RETRY_ANSWER = "retry_prompt.txt", "retry_llm_response.json"


@dataclass(frozen=True, slots=True)
class Iteration:
    """A stored iteration. ``best`` is the attempt it ended with; ``complete`` is False where it was interrupted."""

    number: int
    input_sql: str
    attempts: tuple[Attempt, ...]
    best: Attempt | None
    complete: bool


@dataclass(frozen=True, slots=True)
class IterationDirectory:
    """Writes and reads the folder of one iteration. Call `begin`, then `record` per attempt, then `finish`."""

    path: Path
    number: int

    def begin(
        self,
        input_sql: str,
        examples: Sequence[str] = (),
        ml_hints: Mapping[str, Any] | None = None,
        history: str = "",
    ) -> None:
        """Store what the iteration starts from; ``history`` is left out where there is none yet."""
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "examples.json", list(examples))
        write_json(self.path / "ml_hints.json", ml_hints or {})
        if history:
            write_text(self.path / "history.txt", history)
        write_text(self.path / BEGUN, input_sql)

    def record(self, attempt: Attempt) -> None:
        """Store a judged attempt; it survives a crash once this returns."""
        append_line(self.path / ATTEMPTS, to_json(attempt))

    def record_model(self, prompt: str, response: Mapping[str, Any], *, retry: bool = False) -> None:
        """Store what a model was asked and its raw answer, a retry apart; not called where rules alone took part."""
        question, answer = (RETRY_PROMPT, RETRY_ANSWER) if retry else (PROMPT, ANSWER)
        write_text(self.path / question, prompt)
        write_json(self.path / answer, response)

    def prompt(self) -> str | None:
        """What a model was asked; None where rules alone took part."""
        path = self.path / PROMPT
        return read_text(path) if path.is_file() else None

    def finish(self, best: Attempt | None) -> None:
        """Store the attempt the iteration ends with, if any; its summary comes last and marks the iteration complete."""
        stored = read_attempts(self.path / ATTEMPTS)
        if best is not None and best not in stored:
            self.record(best)
            stored = (*stored, best)
        if best is not None:
            write_text(self.path / "optimized.sql", best.candidate.query.sql)
            write_text(self.path / "verdict.json", to_json(best.verdict) + "\n")
        write_json(self.path / "benchmark_runs.json", _runs(best))
        summary = {
            "iteration": self.number,
            **summarize(best),
            "attempts": len(stored),
            "best_attempt": None if best is None else stored.index(best) + 1,
        }
        write_json(self.path / FINISHED, summary)

    def read(self) -> Iteration | None:
        """The stored iteration; None where it was interrupted before it began. Raises `RunError` where it is damaged."""
        if not (self.path / BEGUN).is_file():
            return None
        attempts, complete = read_attempts(self.path / ATTEMPTS), (self.path / FINISHED).is_file()
        number = read_json(self.path / FINISHED).get("best_attempt") if complete else None
        if number is not None and not (isinstance(number, int) and 1 <= number <= len(attempts)):
            raise RunError(f"{self.path / ATTEMPTS} lacks attempt {number}, the best of its iteration.")
        best = attempts[number - 1] if number else None
        return Iteration(self.number, read_text(self.path / BEGUN), attempts, best, complete)


def read_attempts(path: Path) -> tuple[Attempt, ...]:
    """The attempts stored in a file, one a line; raises `RunError` where it is damaged."""
    try:
        return tuple(from_json(Attempt, line) for line in read_lines(path))
    except (RunError, UnicodeDecodeError) as error:
        raise RunError(f"{path} is damaged: {error}", "Remove the run directory and optimize again.") from error


def summarize(attempt: Attempt | None) -> dict[str, Any]:
    """An attempt in the words of ``benchmark_summary.json``; times in milliseconds are trimmed means.

    ``status`` is ``faster`` or ``slower`` by the ratio, ``failed`` where the attempt was not timed, ``none`` without attempt.
    """
    if attempt is None:
        return {"status": "none", "speedup": None, "transforms": []}
    timing = attempt.timing
    told: dict[str, Any] = {
        "status": "failed" if timing is None else "faster" if timing.ratio > 1 else "slower",
        "speedup": timing and timing.ratio,
        "transforms": [step.transform for step in attempt.candidate.steps],
        "grade": attempt.verdict.grade,
        "failure": attempt.failure,
    }
    if timing:
        told |= {
            "low": timing.low,
            "high": finite(timing.high),
            "alpha": timing.alpha,
            "noise_floor": finite(timing.floor),
            "phase": timing.phase,
            "censored": timing.censored,
            "abandoned": timing.abandoned,
            "original_ms": timing.original_ms,
            "optimized_ms": timing.candidate_ms,
        }
    return told


def finite(number: float) -> float | None:
    """The number, or None for infinity, which strict JSON cannot hold."""
    return number if abs(number) != float("inf") else None


def _runs(attempt: Attempt | None) -> dict[str, Any]:
    def side(runs: tuple[Run, ...]) -> list[dict[str, Any]]:
        return [
            {
                "run": number,
                "position": run.position,
                "milliseconds": run.wall_ns / 1e6,
                "cpu_milliseconds": run.cpu_ns / 1e6,
                "peak_bytes": run.peak_bytes,
            }
            for number, run in enumerate(runs, 1)
        ]

    timing = attempt.timing if attempt else None
    return {
        "original": side(timing.original if timing else ()),
        "optimized": side(timing.candidate if timing else ()),
    }
