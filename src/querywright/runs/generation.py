"""One generation of a swarm: the rewrite, what it was asked and answered, and what the sample says of it.

gen_03/
├── optimized.sql, validation.json, prompt.txt, response.txt      there as soon as the sample has judged it, all or none; those of
│                                                                 a model as soon as it has answered, without optimized.sql where
│                                                                 the answer holds no query
├── attempts.jsonl                                                the judgement in full; that of the full data is added
└── full_validation.json                                          only where the full data has judged it as well
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from querywright.durable import sync_folder
from querywright.runs.files import append_line, read_text, write_json, write_text, writing
from querywright.runs.iteration import ATTEMPTS, PROMPT, Iteration, read_attempts
from querywright.runs.serialize import to_json
from querywright.values import Attempt

ON_SAMPLE, ON_FULL, RESPONSE = "validation.json", "full_validation.json", "response.txt"


@dataclass(frozen=True, slots=True)
class GenerationDirectory:
    """Writes and reads the folder of one generation."""

    path: Path
    number: int

    def record(self, attempt: Attempt, prompt: str, response: str) -> None:
        """Store the generation with the sample's judgement: its folder appears in one step, complete."""
        with self._appearing() as draft:
            write_text(draft / PROMPT, prompt)
            write_text(draft / RESPONSE, response)
            write_text(draft / "optimized.sql", attempt.candidate.query.sql)
            write_json(draft / ON_SAMPLE, validation(self.number, attempt, sample_only=True))
            append_line(draft / ATTEMPTS, to_json(attempt))

    def record_answer(self, prompt: str, response: str, problem: str, sql: str = "") -> None:
        """Store an answer that was not judged, and why not; ``sql`` where it waits for the sample."""
        with self._appearing() as draft:
            write_text(draft / PROMPT, prompt)
            write_text(draft / RESPONSE, response)
            if sql:
                write_text(draft / "optimized.sql", sql)
            write_json(draft / ON_SAMPLE, failed_validation(self.number, problem))

    def record_full(self, attempt: Attempt) -> None:
        """Add the full data's judgement."""
        append_line(self.path / ATTEMPTS, to_json(attempt))
        write_json(self.path / ON_FULL, validation(self.number, attempt, sample_only=False))

    def prompt(self) -> str:
        """What the proposer was asked."""
        return read_text(self.path / PROMPT)

    def read(self, original: str) -> Iteration:
        """The stored generation, which started from ``original``; its best is the full data's judgement where there is one."""
        attempts = read_attempts(self.path / ATTEMPTS)
        return Iteration(self.number, original, attempts, attempts[-1] if attempts else None, complete=True)

    @contextmanager
    def _appearing(self) -> Iterator[Path]:
        """A folder to fill, which then takes the place of the generation's; what was not judged before is replaced."""
        draft = self.path.with_name(f".{self.path.name}.tmp")
        with writing(self.path):
            shutil.rmtree(draft, ignore_errors=True)  # what a killed run left
            draft.mkdir(parents=True)
            yield draft
            if not (self.path / ATTEMPTS).exists():
                shutil.rmtree(self.path, ignore_errors=True)
            draft.rename(self.path)
            sync_folder(self.path.parent)


def validation(number: int, attempt: Attempt, *, sample_only: bool) -> dict[str, Any]:
    """A judgement in the words of ``validation.json``; times are trimmed means in seconds, 0 where nothing was timed."""
    timing, passed = attempt.timing, attempt.timing is not None
    return {
        "worker_id": number,
        "status": "pass" if passed else "validation_failed",
        "speedup": round(timing.ratio, 2) if timing else 0.0,
        "error": None if passed else failure(attempt),
        "original_time": round(timing.original_ms / 1000, 6) if timing else 0.0,
        "optimized_time": round(timing.candidate_ms / 1000, 6) if timing else 0.0,
        "sample_only": sample_only,
        "grade": attempt.verdict.grade,
        "transforms": [step.transform for step in attempt.candidate.steps],
        "premises": len(attempt.verdict.premises),
        "fingerprint": attempt.candidate.query.fingerprint,
    }


def failed_validation(number: int, problem: str) -> dict[str, Any]:
    """An answer that could not be judged, in the words of ``validation.json``."""
    told = {"worker_id": number, "status": "validation_failed", "speedup": 0.0, "error": " ".join(problem.split())}
    return told | {"original_time": 0.0, "optimized_time": 0.0, "sample_only": True}


def failure(attempt: Attempt) -> str:
    """Why an attempt did not pass, on one line."""
    return " ".join((attempt.failure or attempt.verdict.reason or f"not verified: {attempt.verdict.grade}").split())
