"""Hill climbing: each iteration expands the best queries found so far, until the target is met or nothing is left to try.

The input of iteration N is the best verified query of iterations 1 to N-1. A beam keeps the runners-up in play, because
some rewrites pay only together with the next one: each iteration also expands the fastest queries that were not expanded yet.
Rules come in the order of the hints, or those of the iteration's example set first where a strategy asks for it; with early
stopping, an iteration ends as soon as the target is met. A model is asked once an iteration, after the rules, to improve on the
best query of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from querywright.search.asking import answering, answers
from querywright.search.composing import leading
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
    problems: list[str] = []

    def stopped() -> bool:
        return tally.spent() or (budget.early_stop and tally.target_met())

    for number in range(1, budget.iterations + 1):
        frontier = tally.frontier(budget.beam)
        if tally.spent() or not (frontier or answering(model)):
            return
        best_before, counted_before = tally.best, len(tally.attempts)
        if not any(position is tally.best for position in frontier):
            frontier.insert(0, tally.best)
        examples: tuple[str, ...] = ()
        for place, position in enumerate(frontier):
            if place and stopped():
                break
            analysis, proposals = expand(position, tally.attempts)
            if place == 0:
                examples = example_set(budget.examples or "rotate", number, analysis.hints, budget.seed)
                listen(IterationStarted(number, budget.iterations, tuple(frontier), analysis, examples))
            ordered = leading(proposals, examples) if budget.examples else proposals
            for attempt in tally.trials(number, ordered, judge, listen):
                yield attempt
                if stopped():
                    break
        if answering(model) and not stopped():
            analysis, _ = expand(tally.best, tally.attempts)
            question = Question(number, tally.best, analysis, examples, tuple(tally.attempts), tuple(problems))
            for answered in answers(model, [question], listen, tally.seen):
                problems += filter(None, [answered.problem])
                yield from tally.trials(number, answered.proposals, judge, listen)
        attempts = tally.attempts[counted_before:]
        best = max(filter(tally.usable, attempts), key=tally.ratio, default=None)
        met = tally.target_met()
        listen(IterationEnded(number, tuple(attempts), best, tally.best, tally.best is not best_before, met))
        if met and budget.early_stop:
            return
