"""Twenty generations, each one rewrite of the original, judged side by side on a sample; the best few again on the full data.

With rules a generation differs from the others by its example set and its seed: the first round leads with one transform of each
set, later rounds are walks over two, three and four transforms. Where fewer different rewrites exist, fewer generations run.
What the sample shows is labelled as sample-only and recommends nothing. A model writes the first twenty generations, all asked at
once; those of the rules have the numbers after them, but are judged before, so that the model sees what they reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from querywright.propose.protocol import Proposal
from querywright.search.asking import answering, answers
from querywright.search.composing import LONGEST, Composer, rooted
from querywright.search.examples import EXAMPLE_ROTATION, worker_example_set
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

WORKERS = 20


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
    """See `querywright.search.protocol.Mode`. ``done`` keep their generations' numbers; attempts come in that order."""
    tally = Tally(start, budget, clock, ())
    on_sample, on_full = _earlier(done)
    for judged in on_sample.values():
        listen(judged)
    room = max(1, budget.candidates - budget.beam) // (1 if model is None else 2)
    total = min(budget.workers or WORKERS, max(1, room))
    first = 0 if model is None else total

    by_model, by_rules = range(1, first + 1), range(first + 1, first + total + 1)

    def sampled(numbers: range, proposals: Mapping[int, Proposal]) -> Iterator[Attempt]:
        """Judge the generations of ``numbers`` that are new; those that wrote the same query share its judgement."""

        def heard(number: int, attempt: Attempt) -> None:
            on_sample[number] = Judged(number, attempt, proposals[number].tree)
            listen(on_sample[number])

        known = {judged.attempt.candidate.query.fingerprint: judged.attempt for judged in on_sample.values()}
        writers: dict[str, list[int]] = {}
        for number, proposal in proposals.items():
            if proposal.fingerprint in known:
                heard(number, known[proposal.fingerprint])
            else:
                writers.setdefault(proposal.fingerprint, []).append(number)
        different = list(writers.values())
        for index, attempt in judge.on_sample([proposals[writer].candidate for writer, *_ in different]):
            for number in different[index]:
                heard(number, attempt)
            if tally.spent():
                break
        for judged in (on_sample[number] for number in numbers if number in on_sample):
            tally.add(Proposal.of(judged.attempt.candidate, judged.tree), judged.attempt)
            yield judged.attempt

    def answered() -> Iterator[tuple[int, Proposal]]:
        analysis, _ = expand(start, ())
        attempts = tuple(tally.attempts)
        questions = []
        for number in (number for number in by_model if number not in on_sample):
            examples = worker_example_set(budget.examples or "rotate", number, analysis.hints, budget.seed)
            listen(IterationStarted(number, first + total, (start,), analysis, examples))
            questions.append(Question(number, start, analysis, examples, attempts))
        for answer in answers(model, questions, listen, in_order=False):
            written = next((one for one in answer.proposals if one.fingerprint != start.query.fingerprint), None)
            if written is not None:
                yield answer.question.number, rooted(written, start)

    yield from sampled(by_rules, _generations(start, expand, budget, listen, on_sample, tally, by_rules))
    asking = answering(model) and not tally.spent()
    yield from sampled(by_model, dict(sorted(answered())) if asking else {})
    for place, judged in enumerate(_best(tally, [on_sample[number] for number in sorted(on_sample)], budget.beam)):
        if place and tally.spent():  # the best is worth its time: without the full data there is no result at all
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
    start: Position,
    expand: Expand,
    budget: Budget,
    listen: Listener,
    done: Mapping[int, Judged],
    tally: Tally,
    numbers: Sequence[int],
) -> dict[int, Proposal]:
    """What each generation of the rules that is not done yet writes, by number, as long as there is time; all differ."""
    composer = Composer(start, expand, budget.seed)
    analysis, _ = composer.survey()
    taken = {start.query.fingerprint, *(judged.attempt.candidate.query.fingerprint for judged in done.values())}
    proposals: dict[int, Proposal] = {}
    for place, number in enumerate(numbers, 1):
        if number in done:
            continue
        examples = worker_example_set(budget.examples or "rotate", place, analysis.hints, budget.seed)
        length = min(LONGEST, 1 + (place - 1) // len(EXAMPLE_ROTATION))
        proposal = composer.different(place, examples, length, taken)
        if proposal is None or tally.spent():
            break
        proposals[number] = proposal
        taken.add(proposal.fingerprint)
        listen(IterationStarted(number, numbers[-1], (start,), analysis, examples))
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
    different = {one.attempt.candidate.query.fingerprint: one for one in reversed(judged)}
    timed = [one for one in different.values() if one.attempt.timing is not None]
    return sorted(timed, key=lambda one: (not tally.agreed(one.attempt), -tally.ratio(one.attempt), one.iteration))[:count]
