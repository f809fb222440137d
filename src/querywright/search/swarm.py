"""Twenty generations, each one rewrite of the original, judged side by side on a sample; the best few again on the full data.

With rules a generation differs from the others by its example set and its seed: the first round leads with one transform of each
set, later rounds are walks over two, three and four transforms. Where fewer different rewrites exist, fewer generations run.
What the sample shows is labelled as sample-only and recommends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from querywright.propose.protocol import Proposal
from querywright.search.composing import LONGEST, Composer
from querywright.search.examples import EXAMPLE_ROTATION, worker_example_set
from querywright.search.protocol import Budget, Clock, Expand, IterationEnded, IterationStarted, Judge, Judged, Listener, Position
from querywright.search.tally import Tally
from querywright.values import Attempt

WORKERS = 20


def run(
    start: Position, expand: Expand, judge: Judge, budget: Budget, listen: Listener, clock: Clock, done: Sequence[Judged] = ()
) -> Iterator[Attempt]:
    """See `querywright.search.protocol.Mode`. ``done`` keep their generations' numbers; attempts come in that order."""
    tally = Tally(start, budget, clock, ())
    on_sample, on_full = _earlier(done)
    for judged in on_sample.values():
        listen(judged)
    proposals = _generations(start, expand, budget, listen, on_sample, tally)
    numbers = list(proposals)
    for index, attempt in judge.on_sample([proposal.candidate for proposal in proposals.values()]):
        number = numbers[index]
        on_sample[number] = Judged(number, attempt, proposals[number].tree)
        listen(on_sample[number])
        if tally.spent():
            break
    for _, judged in sorted(on_sample.items()):
        tally.add(Proposal.of(judged.attempt.candidate, judged.tree), judged.attempt)
        yield judged.attempt
    for judged in _best(tally, list(on_sample.values()), budget.beam):
        if tally.spent():
            return
        candidate = judged.attempt.candidate
        earlier = on_full.get(judged.iteration)
        attempt = earlier.attempt if earlier is not None else judge(candidate)
        before = tally.best
        tally.add(Proposal.of(candidate, judged.tree), attempt)
        listen(Judged(judged.iteration, attempt, judged.tree))
        yield attempt
        best = attempt if tally.usable(attempt) else None
        improved = tally.best is not before
        pair = (judged.attempt, attempt)
        listen(IterationEnded(judged.iteration, pair, best, tally.best, improved, improved and tally.target_met()))


def _generations(
    start: Position, expand: Expand, budget: Budget, listen: Listener, done: Mapping[int, Judged], tally: Tally
) -> dict[int, Proposal]:
    """What each generation that is not done yet writes, by number, as long as there is time; all differ."""
    composer = Composer(start, expand, budget.seed)
    analysis, _ = composer.survey()
    total = min(budget.workers or WORKERS, max(1, budget.candidates - budget.beam))
    taken = {start.query.fingerprint, *(judged.attempt.candidate.query.fingerprint for judged in done.values())}
    proposals: dict[int, Proposal] = {}
    for number in (number for number in range(1, total + 1) if number not in done):
        examples = worker_example_set(budget.examples or "rotate", number, analysis.hints, budget.seed)
        length = min(LONGEST, 1 + (number - 1) // len(EXAMPLE_ROTATION))
        proposal = composer.different(number, examples, length, taken)
        if proposal is None or tally.spent():
            break
        proposals[number] = proposal
        taken.add(proposal.fingerprint)
        listen(IterationStarted(number, total, (start,), analysis, examples))
    return proposals


def _earlier(done: Sequence[Judged]) -> tuple[dict[int, Judged], dict[int, Judged]]:
    """What an interrupted run judged on the sample, and then on the full data, by generation."""
    on_sample: dict[int, Judged] = {}
    on_full: dict[int, Judged] = {}
    for judged in done:
        (on_full if judged.iteration in on_sample else on_sample)[judged.iteration] = judged
    return on_sample, on_full


def _best(tally: Tally, judged: Sequence[Judged], count: int) -> list[Judged]:
    """The fastest on the sample; those that hold only under premises come last."""
    timed = [one for one in judged if one.attempt.timing is not None]
    return sorted(timed, key=lambda one: (not tally.agreed(one.attempt), -tally.ratio(one.attempt), one.iteration))[:count]
