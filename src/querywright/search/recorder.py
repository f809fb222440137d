"""Writes what a search does into its run directory, as it happens, and reads back what an interrupted run had finished."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from querywright.analyze import Analysis
from querywright.runs.directory import RunDirectory
from querywright.runs.history import history
from querywright.search.protocol import Event, IterationEnded, IterationStarted, Judged
from querywright.transforms.driver import transforms
from querywright.values import Attempt


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

    def earlier_attempts(self) -> tuple[Attempt, ...]:
        """What an interrupted run judged before."""
        return tuple(attempt for iteration in self.directory.iterations() for attempt in iteration.attempts)

    def listen(self, event: Event) -> None:
        """Store one event of the search."""
        if isinstance(event, IterationStarted):
            self._begin(event)
        elif isinstance(event, Judged):
            key = (event.iteration, event.attempt.candidate.query.fingerprint)
            if key not in self._written:
                self._written.add(key)
                self.directory.iteration(event.iteration).record(event.attempt)
        else:
            self._end(event)

    def _begin(self, event: IterationStarted) -> None:
        if event.number in self._begun:
            return
        best = event.positions[0]
        earlier = self.directory.iterations()
        self.directory.iteration(event.number).begin(
            best.query.sql,
            examples=list(dict.fromkeys(hint.transform for hint in event.analysis.hints[:3])),
            ml_hints=hint_document(event.analysis, event.number, best.ratio, self._target),
            history=history(earlier, self._target) if earlier else "",
        )

    def _end(self, event: IterationEnded) -> None:
        self.directory.iteration(event.number).finish(event.best)
        self.directory.write_progression()


def hint_document(analysis: Analysis, iteration: int, speedup: float, target: float) -> dict[str, Any]:
    """The hints as JSON: iteration, current speedup, target, gap, the patterns found, and the top three recommendations."""
    known = transforms()
    return {
        "iteration": iteration,
        "current_speedup": round(speedup, 4),
        "target": target,
        "gap": round(max(0.0, target - speedup), 4),
        "method": "ast_pattern_matching",
        "patterns": [
            {
                "pattern": hint.transform,
                "severity": _severity(hint.confidence),
                "transform": hint.family,
                "confidence": hint.confidence,
            }
            for hint in analysis.hints
        ],
        "recommendations": [
            {
                "transform": hint.transform,
                "family": known[hint.transform].FAMILY,
                "confidence": hint.confidence,
                "reason": hint.reason,
                "estimated_gain": hint.estimated_gain,
            }
            for hint in analysis.hints[:3]
        ],
    }


def _severity(confidence: float) -> str:
    return "high" if confidence >= 0.8 else "medium" if confidence >= 0.4 else "low"


def graph_document(analysis: Analysis) -> dict[str, Any]:
    """The query graph as JSON."""
    return {"nodes": [asdict(node) for node in analysis.graph.nodes], "edges": list(_edges(analysis))}


def _edges(analysis: Analysis) -> Iterator[Sequence[str]]:
    for node in analysis.graph.nodes:
        for consumer in node.consumers:
            yield (node.name, consumer)
