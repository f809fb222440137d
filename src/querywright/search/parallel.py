"""Five workers with different example sets, each from the original: one try, and one retry that sees how the others fared.

With rules a worker's try is its slice of the expansion of the original: the first four workers divide the transforms by the first
four example sets; the others explore, with several transforms at once. A worker whose try was not verified and faster retries:
it adds transforms of its own to the best rewrites that any worker had found by then. Every candidate is checked on the sample
first, then on the full data, and timed if it passed; the best of all workers wins. Candidates are judged one after another,
because what runs beside a timed run disturbs it. All workers ask a model at once, once the rules of all were judged, and again
where they retry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from querywright.propose.protocol import Proposal
from querywright.search.asking import answering, answers
from querywright.search.composing import Composer, family, leading, rooted
from querywright.search.examples import COVERING, worker_example_set
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

WORKERS = 5


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
    composer = Composer(start, expand, budget.seed)
    analysis, _ = composer.survey()
    total = budget.workers or WORKERS
    examples = {n: worker_example_set(budget.examples or "rotate", n, analysis.hints, budget.seed) for n in range(1, total + 1)}
    attempts: dict[int, list[Attempt]] = {}

    def tried(number: int) -> Iterator[Proposal]:
        if number <= COVERING:
            yield from (rooted(p, start) for p in _own(composer.survey()[1], examples[number]))
            return
        for length in range(2, 2 + budget.beam):
            drawn = composer.different(number, examples[number], length, tally.counted)
            if drawn is not None:
                yield drawn

    def retried(number: int, found: Sequence[Position], feedback: Sequence[Attempt]) -> Iterator[Proposal]:
        for position in found:
            proposals = list(expand(position, feedback)[1])
            chosen = _own(proposals, examples[number]) if number <= COVERING else leading(proposals, examples[number])
            yield from (rooted(proposal, start) for proposal in chosen)

    def work(number: int, proposals: Iterable[Proposal]) -> Iterator[Attempt]:
        for attempt in tally.trials(number, proposals, judge, listen):
            attempts[number].append(attempt)
            yield attempt

    def succeeded(number: int) -> bool:
        return any(map(tally.faster, attempts[number]))

    def begin(number: int, *, retry: bool) -> None:
        listen(IterationStarted(number, total, (start,), analysis, examples[number], retry))

    def end(number: int) -> None:
        best = max(filter(tally.usable, attempts[number]), key=tally.ratio, default=None)
        leads = best is not None and best is tally.best.attempt
        listen(IterationEnded(number, tuple(attempts[number]), best, tally.best, leads, leads and tally.target_met()))

    def asked(numbers: Iterable[int], *, retry: bool) -> Iterator[Attempt]:
        if tally.spent():
            return
        judged = tuple(tally.attempts)
        questions = [
            Question(number, start, analysis, examples[number], judged, tuple(problems.get(number, ())), retry)
            for number in numbers
        ]
        for answered in answers(model, questions, listen, tally.seen):
            number = answered.question.number
            if answered.problem:
                problems.setdefault(number, []).append(answered.problem)
            yield from work(number, (rooted(proposal, start) for proposal in answered.proposals))

    problems: dict[int, list[str]] = {}
    for number in examples:
        if tally.spent():
            break
        attempts[number] = []
        begin(number, retry=False)
        yield from work(number, tried(number))
        if model is None and succeeded(number):
            end(number)
    yield from asked(attempts, retry=False)
    if model is not None:
        for number in filter(succeeded, attempts):
            end(number)
    failed = [number for number in attempts if not succeeded(number)]
    found = [position for position in tally.frontier(1 + budget.beam) if position is not start][: budget.beam]
    fared = tuple(tally.attempts)
    if not tally.spent() and (found or answering(model)):
        for number in failed:
            begin(number, retry=True)
            yield from work(number, retried(number, found, fared))
        yield from asked(failed, retry=True)
    for number in failed:
        end(number)


def _own(proposals: Sequence[Proposal], families: Sequence[str]) -> list[Proposal]:
    """A worker's slice; a proposer that does not name its transforms was asked by this worker and answers it."""
    return [proposal for proposal in proposals if family(proposal) in (*families, "")]
