"""What a search knows so far: what was tried, what passed, what to expand next, what is left of the budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from querywright.judge import ACCEPTED
from querywright.propose.protocol import Proposal
from querywright.search.protocol import Budget, Clock, Judge, Judged, Listener, Position
from querywright.values import Attempt

_FASTER = 1.05
_WORTH_EXPANDING = 0.2
"""A verified rewrite at a fifth of the speed may still lead somewhere, once all faster ones were expanded."""


class Tally:
    """The book-keeping that search modes share. Candidates are told apart by fingerprint."""

    def __init__(self, start: Position, budget: Budget, clock: Clock, done: Sequence[Judged]) -> None:
        self.best = start
        self.attempts: list[Attempt] = []
        self._budget = budget
        self._clock = clock
        self._began = clock()
        self._earlier = {judged.attempt.candidate.query.fingerprint: judged.attempt for judged in done}
        self._seen = {start.query.fingerprint}
        self._waiting: list[Position] = [start]

    def trials(self, number: int, proposals: Iterable[Proposal], judge: Judge, listen: Listener) -> Iterator[Attempt]:
        """Judge and count what is new among ``proposals``, for iteration ``number``, until the budget is spent."""
        for proposal in proposals:
            if self.spent():
                return
            if self.seen(proposal):
                continue
            attempt = self.earlier(proposal) or judge(proposal.candidate)
            self.add(proposal, attempt)
            listen(Judged(number, attempt, proposal.tree))
            yield attempt

    def seen(self, proposal: Proposal) -> bool:
        """Whether an equal candidate, or the original itself, was counted already."""
        return proposal.fingerprint in self._seen

    def earlier(self, proposal: Proposal) -> Attempt | None:
        """The judgement that an interrupted run made of an equal candidate."""
        return self._earlier.get(proposal.fingerprint)

    def add(self, proposal: Proposal, attempt: Attempt) -> None:
        """Count an attempt."""
        self.attempts.append(attempt)
        self._seen.add(proposal.fingerprint)
        if not self.usable(attempt):
            return
        position = Position(attempt.candidate.query, proposal.tree, attempt.candidate.steps, self.ratio(attempt), attempt)
        if position.ratio >= _WORTH_EXPANDING:
            self._waiting.append(position)
        if self.faster(attempt) and position.ratio > self.best.ratio:
            self.best = position

    def agreed(self, attempt: Attempt) -> bool:
        """Whether the attempt was verified on premises that count, if on any."""
        return attempt.verdict.grade in ACCEPTED and (self._budget.conditional or not attempt.verdict.conditions)

    def usable(self, attempt: Attempt) -> bool:
        """Whether the attempt was verified and timed on the full data, on premises that count."""
        return self.agreed(attempt) and attempt.timing is not None and attempt.timing.phase != "sample"

    def ratio(self, attempt: Attempt) -> float:
        """Measured speedup; 0 where nothing was measured."""
        return attempt.timing.ratio if attempt.timing is not None else 0.0

    def faster(self, attempt: Attempt) -> bool:
        """Whether screening shows a gain worth confirming."""
        return self.usable(attempt) and self.ratio(attempt) > _FASTER

    @property
    def counted(self) -> frozenset[str]:
        """Fingerprints of the original and of all that was tried."""
        return frozenset(self._seen)

    def frontier(self, width: int) -> list[Position]:
        """The fastest positions not expanded yet, the best first; they count as expanded from now on."""
        self._waiting.sort(key=lambda position: -position.ratio)
        chosen, self._waiting = self._waiting[:width], self._waiting[width:]
        return chosen

    def target_met(self) -> bool:
        """Whether the lower end of the best attempt's interval reaches the target."""
        timing = self.best.attempt.timing if self.best.attempt is not None else None
        return timing is not None and timing.low >= self._budget.target

    def spent(self) -> bool:
        """Whether seconds or candidates have run out."""
        return len(self.attempts) >= self._budget.candidates or self._clock() - self._began >= self._budget.seconds
