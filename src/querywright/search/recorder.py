"""Writes what a search does into its run directory, as it happens, and reads back what an interrupted run had finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from querywright.analyze import Analysis
from querywright.propose.history import OTHERS, PREVIOUS, Round, challenge, history, speedup
from querywright.runs.directory import RunDirectory
from querywright.runs.iteration import Iteration
from querywright.runs.layout import layout
from querywright.search.protocol import Answered, Event, IterationEnded, IterationStarted, Judged
from querywright.search.transcript import prompt, response
from querywright.values import Attempt

UNJUDGED = "The sample has not judged it yet."


class Recorder:
    """Listens to a search and keeps its run directory up to date. Attempts that a resumed run replays are not written twice."""

    def __init__(self, directory: RunDirectory, target: float) -> None:
        self.directory = directory
        self._target = target
        self._written = {
            (iteration.number, attempt.candidate.query.fingerprint)
            for iteration in directory.iterations()
            for attempt in iteration.attempts
        }
        self._begun = {iteration.number for iteration in directory.iterations()}

    def earlier_attempts(self) -> tuple[tuple[int, Attempt], ...]:
        """What an interrupted run judged before, each with the number of its iteration, try, worker or generation."""
        return tuple((iteration.number, attempt) for iteration in self.directory.iterations() for attempt in iteration.attempts)

    def listen(self, event: Event) -> None:
        """Store one event of the search."""
        if isinstance(event, IterationStarted):
            self._begin(event)
        elif isinstance(event, Answered):
            self._answered(event)
        elif isinstance(event, Judged):
            self._judged(event)
        elif isinstance(event, IterationEnded):
            self._end(event)

    def _begin(self, event: IterationStarted) -> None:
        if event.number in self._begun and not event.retry:
            return
        best = event.positions[0]
        self.directory.iteration(event.number).begin(
            best.query.sql,
            examples=event.examples,
            ml_hints=hint_document(event.analysis, event.number, best.ratio, self._target),
            history=self._history(event),
        )

    def _history(self, event: IterationStarted) -> str:
        """What the worker knows: its own earlier iterations, or, in a retry, how the other workers fared."""
        stored = [one for one in self.directory.iterations() if one.number != event.number and (one.complete or event.retry)]
        if not stored or (self.directory.mode == "parallel" and not event.retry):
            return ""
        rounds = [Round(one.number, one.attempts, _ended_with(one)) for one in stored]
        told = history(rounds, layout(self.directory.mode).noun, OTHERS if event.retry else PREVIOUS)
        return f"{told}\n\n{challenge(event.positions[0].ratio, self._target)}\n"

    def _answered(self, event: Answered) -> None:
        question = event.question
        self.directory.iteration(question.number).record_model(event.prompt, event.response, retry=question.retry)

    def _judged(self, event: Judged) -> None:
        key = (event.iteration, event.attempt.candidate.query.fingerprint)
        if key not in self._written:
            self._written.add(key)
            self.directory.iteration(event.iteration).record(event.attempt)

    def _end(self, event: IterationEnded) -> None:
        self.directory.iteration(event.number).finish(event.best)
        self.directory.write_progression()


def _ended_with(iteration: Iteration) -> Attempt | None:
    """The best attempt, or the fastest so far of a worker that has not ended."""
    return iteration.best if iteration.complete else max(iteration.attempts, key=speedup, default=None)


class GenerationRecorder(Recorder):
    """Keeps the run directory of a swarm: each generation is stored, whole, the moment the sample has judged it."""

    def __init__(self, directory: RunDirectory, target: float) -> None:
        super().__init__(directory, target)
        self._asked: dict[int, IterationStarted] = {}
        self._answers: dict[int, Answered] = {}
        self._begun = {iteration.number for iteration in directory.iterations() if iteration.attempts}
        self._stored = set(self.earlier_attempts())

    def _begin(self, event: IterationStarted) -> None:
        self._asked[event.number] = event

    def _answered(self, event: Answered) -> None:
        number = event.question.number
        self._answers[number] = event
        if number not in self._begun:
            written = event.proposals[0].candidate.query.sql if event.proposals else ""
            self.directory.generation(number).record_answer(event.prompt, event.content, event.problem or UNJUDGED, written)

    def _judged(self, event: Judged) -> None:
        if (event.iteration, event.attempt) in self._stored:
            return
        generation = self.directory.generation(event.iteration)
        if event.iteration in self._begun:
            generation.record_full(event.attempt)
        else:
            self._begun.add(event.iteration)
            candidate, answered = event.attempt.candidate, self._answers.get(event.iteration)
            if answered is not None:
                generation.record(event.attempt, answered.prompt, answered.content)
            else:
                generation.record(event.attempt, prompt(self._asked[event.iteration], candidate), response(candidate))

    def _end(self, event: IterationEnded) -> None:
        """A generation ends when it is judged."""


def recorder(directory: RunDirectory, target: float) -> Recorder:
    """The recorder for the directory's mode; ``target`` is the speedup asked for."""
    return GenerationRecorder(directory, target) if directory.mode == "swarm" else Recorder(directory, target)


def hint_document(analysis: Analysis, iteration: int, speedup: float, target: float) -> dict[str, Any]:
    """The hints as JSON: iteration, current speedup, target, gap, the patterns found, and the top three recommendations."""
    patterns = [pattern for hint in analysis.hints for pattern in hint.patterns]
    return {
        "iteration": iteration,
        "current_speedup": round(speedup, 4),
        "target": target,
        "gap": round(max(0.0, target - speedup), 4),
        "needed_gain": round(max(1.0, target / speedup), 4),
        "method": "ast_pattern_matching",
        "patterns": [asdict(pattern) for pattern in sorted(patterns, key=lambda pattern: -pattern.confidence)],
        "recommendations": [
            {
                "transform": hint.transform,
                "family": hint.family,
                "confidence": hint.confidence,
                "reason": hint.reason,
                "estimated_gain": hint.estimated_gain,
            }
            for hint in analysis.hints[:3]
        ],
    }


def graph_document(analysis: Analysis) -> dict[str, Any]:
    """The query graph as JSON."""
    return {"nodes": [asdict(node) for node in analysis.graph.nodes], "edges": list(_edges(analysis))}


def _edges(analysis: Analysis) -> Iterator[Sequence[str]]:
    for node in analysis.graph.nodes:
        for consumer in node.consumers:
            yield (node.name, consumer)
