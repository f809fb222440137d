"""One worker, up to three tries, each a rewrite of the original; stops at the first success.

With rules a try is one expansion. The first try rewrites the original by each transform, the second by two, the third by
three: it adds to those of the last try that were verified but not faster, and lets drop what failed. A model is asked where the
rules of a try gained nothing, and learns from what failed before. The examples stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from querywright.propose.protocol import Proposal
from querywright.search.asking import answering, answers
from querywright.search.composing import leading, rooted
from querywright.search.examples import example_set
from querywright.search.protocol import (
    Budget,
    Clock,
    Expand,
    IterationEnded,
    IterationStarted,
    Judge,
    Judged,
    Listener,
    Model,
    Position,
    Question,
)
from querywright.search.tally import Tally
from querywright.values import Attempt

WORKERS = 1
TRIES = 3


def run(
    start: Position,
    expand: Expand,
    judge: Judge,
    budget: Budget,
    listen: Listener,
    clock: Clock,
    done: Sequence[Judged] = (),
    model: Model | None = None,
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

    problems: list[str] = []
    for number in range(1, TRIES + 1):
        if tally.spent() or not (bases or answering(model)):
            return
        counted_before = len(tally.attempts)
        success: Attempt | None = None
        listen(IterationStarted(number, TRIES, (start,), analysis, examples))
        for attempt in tally.trials(number, proposals(number), judge, listen):
            yield attempt
            if tally.faster(attempt):
                success = attempt
                break
        if success is None and not tally.spent():
            question = Question(number, start, analysis, examples, tuple(tally.attempts), tuple(problems))
            for answered in answers(model, [question], listen, tally.seen):
                problems += filter(None, [answered.problem])
                for attempt in tally.trials(number, answered.proposals, judge, listen):
                    yield attempt
                    success = success or (attempt if tally.faster(attempt) else None)
        attempts = tuple(tally.attempts[counted_before:])
        listen(IterationEnded(number, attempts, success, tally.best, success is not None, tally.target_met()))
        if success is not None:
            return
        bases = tally.frontier(budget.beam)
