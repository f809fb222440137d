"""One worker, up to three tries, each from the original; stops at the first success.

With rules a try is one expansion: the first tries each transform alone, the second what combines with the tries that
passed, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from querywright.search.protocol import Budget, Clock, Expand, IterationEnded, IterationStarted, Judge, Judged, Listener, Position
from querywright.search.tally import Tally
from querywright.values import Attempt

TRIES = 3


def run(
    start: Position, expand: Expand, judge: Judge, budget: Budget, listen: Listener, clock: Clock, done: Sequence[Judged] = ()
) -> Iterator[Attempt]:
    """See `querywright.search.protocol.Mode`."""
    tally = Tally(start, replace(budget, early_stop=True), clock, done)
    for number in range(1, TRIES + 1):
        frontier = tally.frontier(1)
        if not frontier or tally.spent():
            return
        attempts: list[Attempt] = []
        analysis, proposals = expand(frontier[0], tally.attempts)
        listen(IterationStarted(number, TRIES, tuple(frontier), analysis))
        for proposal, attempt in tally.trials(proposals, judge):
            attempts.append(attempt)
            listen(Judged(number, attempt, proposal.tree))
            yield attempt
            if tally.faster(attempt):
                break
        success = next((attempt for attempt in attempts if tally.faster(attempt)), None)
        listen(IterationEnded(number, tuple(attempts), success, tally.best, success is not None, success is not None))
        if success is not None:
            return
