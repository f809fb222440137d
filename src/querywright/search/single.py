"""One worker, up to three tries, each a rewrite of the original; stops at the first success.

With rules a try is one expansion. The first try rewrites the original by each transform alone, the second by two, the third by
three: it adds to those of the last try that were verified but not faster, and lets drop what failed. The examples stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from querywright.propose.protocol import Proposal
from querywright.search.composing import leading, rooted
from querywright.search.examples import example_set
from querywright.search.protocol import Budget, Clock, Expand, IterationEnded, IterationStarted, Judge, Judged, Listener, Position
from querywright.search.tally import Tally
from querywright.values import Attempt

WORKERS = 1
TRIES = 3


def run(
    start: Position, expand: Expand, judge: Judge, budget: Budget, listen: Listener, clock: Clock, done: Sequence[Judged] = ()
) -> Iterator[Attempt]:
    """See `querywright.search.protocol.Mode`."""
    tally = Tally(start, budget, clock, done)
    bases = tally.frontier(1)
    analysis, first = expand(start, ())
    examples = example_set(budget.examples or "rotate", 1, analysis.hints, budget.seed)

    def proposals(number: int) -> Iterator[Proposal]:
        for base in bases:
            found = first if number == 1 else expand(base, tally.attempts)[1]
            yield from (rooted(proposal, start) for proposal in leading(found, examples))

    for number in range(1, TRIES + 1):
        if not bases or tally.spent():
            return
        attempts: list[Attempt] = []
        listen(IterationStarted(number, TRIES, (start,), analysis, examples))
        for proposal, attempt in tally.trials(proposals(number), judge):
            attempts.append(attempt)
            listen(Judged(number, attempt, proposal.tree))
            yield attempt
            if tally.faster(attempt):
                break
        success = next((attempt for attempt in attempts if tally.faster(attempt)), None)
        listen(IterationEnded(number, tuple(attempts), success, tally.best, success is not None, tally.target_met()))
        if success is not None:
            return
        bases = tally.frontier(budget.beam)
