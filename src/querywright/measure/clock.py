"""Times an original and a candidate in turns, so that whatever slows the machine slows both.

The session takes the machine-wide lock and reads the clock inside its worker process; this module decides what
runs, in which order, how often, and when to give up. A *round* of a query is one execution for each of its sets of
parameter values; its `Run` holds the sum of the times and the highest peak memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf
from typing import Literal, Protocol

from querywright.errors import ContractError, StatementTimeout
from querywright.measure.decision import CONFIRMATION_ALPHA, threshold
from querywright.measure.stats import bound_rank, noise_floor, ratio_bounds, trimmed_mean
from querywright.values import Bindings, Phase, Query, Run, Timing

SCREENING_RUNS = 5
SCREENING_ALPHA = 0.05
BASELINE_S = 1.5
CONFIRMATION_PAIRS = 15
MOST_PAIRS = 61
"""More pairs bring the bound closer to the ratio, but ever more slowly."""

CONFIRMATION_S = 10.0
CLEARLY = 1.5
CLEAR_S = 6.0
"""Seconds for more pairs than the fewest; a candidate that was clearly faster needs few of them."""

HOPELESS = 1.3
"""A candidate this many times slower than the original in its first two rounds is abandoned."""

FRUITLESS = 2
"""So is one that lost each of this many pairs: what is really a fifth faster hardly ever does."""

PATIENCE = 3.0
"""A candidate's warm-up is stopped after this many times the original's time …"""

LEAST_PATIENCE_S = 0.25
"""… but never before this, so that a first, cold execution cannot end a fast query.

Counted rounds have one limit for both sides: a tighter one for the candidate would cut its outliers alone."""

DECISIVE = 5.0
"""Where the original takes much longer than this many times the candidate, most of its runs are stopped at that point: such
a pair is decided, and counts with the ratio it had reached, which is less than it would have become."""

SLOW_S = 0.25
"""Originals faster than this are never stopped for being decided."""

COMPLETE_ROUNDS = 2
"""Rounds of such a race in which the original runs to its end all the same, for the ratio; none where screening knows its
baseline. The noise floor is then the widest ratio between any two complete runs of the original, its warm-up included."""

STEP_S = 0.15
STEP_PAIRS = range(4)
"""A step of an environment takes as many pairs as fit into so many seconds, within these bounds, and one where a first run looks
like a gain that could be chance."""

LOST = 1.5
"""A candidate whose first run took this many times the original's is not run again for a step."""

DRIFT = 1.6
"""How far the ratios of times and of processor times may lie apart; queries differ in how well they use several threads, too."""

LEAST_BAND = 1.1
WIDEST_BAND = 1.5
CPU_BAND = 1.07

Side = Literal["original", "candidate"]
Watcher = Callable[[Side, Run], None]


class TimedSession(Protocol):
    """What the clock needs of a database session."""

    def measure(self, sql: str, parameters: Bindings = (), *, limit_s: float | None = None) -> Run:
        """Materialize the query's result once; raises `StatementTimeout` when it passes ``limit_s`` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Baseline:
    """The original's own runs; ``milliseconds`` is their trimmed mean.

    ``stopped``: it passed the limit, and ``milliseconds`` is that limit.
    """

    runs: tuple[Run, ...]
    milliseconds: float
    stopped: bool = False


@dataclass
class _Race:
    """Runs rounds in order. A stopped round counts with its limit, and with no CPU time and memory."""

    session: TimedSession
    queries: dict[Side, Query]
    watch: Watcher | None
    position: int = 0
    stopped: set[Side] = field(default_factory=set)

    def warm_up(self, side: Side, limit_s: float, *, decided: bool = False) -> Run:
        """One round that is not counted; ``decided``: reaching the limit is expected and stops nothing else."""
        query, runs = self.queries[side], list[Run]()
        for parameters in query.bindings or ((),):
            remaining_s = limit_s - sum(run.wall_ns for run in runs) / 1e9
            try:
                if remaining_s <= 0:
                    raise StatementTimeout(f"A round passed its limit of {limit_s:g} s.")
                runs.append(self.session.measure(query.sql, parameters, limit_s=remaining_s))
            except StatementTimeout:
                if not decided:
                    self.stopped.add(side)
                return Run(int(limit_s * 1e9), 0, 0, self.position)
        return Run(
            wall_ns=max(1, sum(run.wall_ns for run in runs)),
            cpu_ns=sum(run.cpu_ns for run in runs),
            peak_bytes=max(run.peak_bytes for run in runs),
            position=self.position,
        )

    def run(self, side: Side, limit_s: float, *, decided: bool = False) -> Run:
        """One counted round."""
        run = self.warm_up(side, limit_s, decided=decided)
        self.position += 1
        if self.watch:
            self.watch(side, run)
        return run


@dataclass(frozen=True)
class Clock:
    """Measures queries on one session.

    ``database`` and ``settings`` are recorded with each timing. ``limit_s`` is the most seconds that one round may take.
    ``watch`` is called after every counted round. Errors of a statement other than its time limit pass through.
    """

    session: TimedSession
    database: str
    limit_s: float = 60.0
    settings: tuple[tuple[str, str], ...] = ()
    watch: Watcher | None = None

    def baseline(self, query: Query, runs: int = SCREENING_RUNS, first: Run | None = None) -> Baseline:
        """Time the original, which the session has run before, ``runs`` times, or as often as `BASELINE_S` allow; where those
        allow no second run of a query without further sets of parameter values, its ``first`` one is enough."""
        if first is not None and 2 * first.wall_ns > BASELINE_S * 1e9 and len(query.bindings) < 2:
            return Baseline((first,), _milliseconds([first]))
        race = _Race(self.session, {"original": query}, self.watch)
        timed = [race.run("original", self.limit_s)]
        enough = max(1, min(runs, int(BASELINE_S * 1e9 / timed[0].wall_ns)))
        while len(timed) < enough and not race.stopped:
            timed.append(race.run("original", self.limit_s))
        return self.never_finished() if race.stopped else Baseline(tuple(timed), _milliseconds(timed))

    def never_finished(self) -> Baseline:
        """The baseline of an original that passes the limit."""
        return Baseline((Run(int(self.limit_s * 1e9), 0, 0, 0),), self.limit_s * 1000, stopped=True)

    def screen(self, original: Query, candidate: Query, baseline: Baseline | None = None) -> Timing:
        """Five rounds a side after a warm-up of each, in the order O C C O O C C O O C.

        With the original's ``baseline`` it is not warmed up again, nor run at all where it was stopped, nor to its end where it
        is slow and far behind (see `DECISIVE`): its ratio is then that of the baseline. A candidate
        that its first rounds show to be hopeless or fruitless is abandoned; its warm-up is stopped after `PATIENCE` times the
        original's time.
        """
        race = self._race(original, candidate)
        reference_ns = baseline.milliseconds * 1e6 if baseline else race.warm_up("original", self.limit_s).wall_ns
        if race.stopped or (baseline and baseline.stopped):
            return self._against_limit(race, SCREENING_RUNS, "screen", SCREENING_ALPHA)
        warm = race.warm_up("candidate", self._patience_s(reference_ns))
        if race.stopped:
            reference = Run(int(reference_ns), 0, 0, 0)
            return self._timing(race, [reference], [warm], "screen", SCREENING_ALPHA)
        before: list[Run] = []
        after: list[Run] = []
        abandoned = False
        decisive_s = _decisive_s(reference_ns, warm.wall_ns)
        complete = 0 if baseline else COMPLETE_ROUNDS
        while len(after) < SCREENING_RUNS and not race.stopped and not abandoned:
            self._pair(race, before, after, decisive_s if len(after) >= complete else None)
            fastest = min(warm.wall_ns, after[0].wall_ns)
            abandoned = len(after) == 1 and fastest > HOPELESS * before[0].wall_ns
            abandoned |= len(after) == FRUITLESS and all(c.wall_ns > o.wall_ns for o, c in zip(before, after, strict=True))
        finished = (list(baseline.runs) if baseline else before[:complete]) if decisive_s is not None else before
        return self._timing(race, before, after, "screen", SCREENING_ALPHA, abandoned=abandoned, finished=finished)

    def confirm(
        self, original: Query, candidate: Query, screened: Timing | None = None, seconds: float = CONFIRMATION_S
    ) -> Timing:
        """Fresh rounds in pairs, O C C O O C C O …, so that neither position is favored.

        At least `CONFIRMATION_PAIRS` are run, and up to `MOST_PAIRS` where ``seconds`` allow, or `CLEAR_S` where the candidate
        was `CLEARLY` faster when it was ``screened``; the number is fixed before the first one, since stopping at a good
        moment would void the bound. Stopping early is sound only where no
        recommendation can come of it: once too many pairs fall short of the least gain, the candidate is abandoned.
        Each run of the original and its next one are a pair of the original with itself, for the noise floor. A slow
        original that is far behind runs to its end in `COMPLETE_ROUNDS` rounds only; see `DECISIVE`. One that ``screened`` shows
        to be far behind is not warmed up again.
        """
        race = self._race(original, candidate)
        known_ns = screened.original_ms * 1e6 if screened is not None and screened.censored is None else 0.0
        far_behind = screened is not None and _decisive_s(known_ns, screened.candidate_ms * 1e6) is not None
        warmed = [] if far_behind else [race.warm_up("original", self.limit_s)]
        reference_ns = warmed[0].wall_ns if warmed else int(known_ns)
        if race.stopped:
            return self._against_limit(race, CONFIRMATION_PAIRS, "confirm", CONFIRMATION_ALPHA)
        warm = race.warm_up("candidate", self._patience_s(reference_ns))
        if race.stopped:
            reference = Run(reference_ns, 0, 0, 0)
            return self._timing(race, [reference], [warm], "confirm", CONFIRMATION_ALPHA, floor=inf)
        if screened is not None and screened.ratio > CLEARLY:
            seconds = min(seconds, CLEAR_S)
        affordable = int(seconds * 1e9 / (reference_ns + warm.wall_ns))
        planned = max(CONFIRMATION_PAIRS, min(affordable, MOST_PAIRS))
        before: list[Run] = []
        after: list[Run] = []
        short, allowed, abandoned = 0, bound_rank(planned, CONFIRMATION_ALPHA), False
        decisive_s = _decisive_s(reference_ns, warm.wall_ns)
        while len(after) < planned and not race.stopped and not abandoned:
            self._pair(race, before, after, decisive_s if len(after) >= COMPLETE_ROUNDS else None)
            short += before[-1].wall_ns <= threshold(1.0) * after[-1].wall_ns
            abandoned = short >= allowed and len(after) < planned
        if decisive_s is None:
            finished = before
            floor = noise_floor([(one.wall_ns, following.wall_ns) for one, following in pairwise(before)])
        else:
            finished = before[:COMPLETE_ROUNDS]
            floor = max(r.wall_ns for r in (*warmed, *finished)) / min(r.wall_ns for r in (*warmed, *finished))
        return self._timing(race, before, after, "confirm", CONFIRMATION_ALPHA, floor, abandoned=abandoned, finished=finished)

    def step(
        self, original: Query, candidate: Query, known: Sequence[Run], first: Run, band: float, pairs: range = STEP_PAIRS
    ) -> Timing:
        """A few runs, in so many pairs, for one step of an environment. The ratio is that of the fastest runs.

        ``known`` are earlier runs of the original and ``first`` is one of the candidate, all measured alike: a clear loser is not
        run again, nor a slow query whose first run is decisive (no faster than ``band``, the ratio that noise reaches, or
        `CLEARLY` faster), unless the machine has `drifted` since.
        """
        race = self._race(original, candidate)
        reference_ns = min(run.wall_ns for run in known)
        steady = not drifted(known, first)
        if steady and first.wall_ns > LOST * max(run.wall_ns for run in known):
            return self.fastest(known, [first], band, abandoned=True)
        planned = max(pairs[0], min(pairs[-1], int(STEP_S * 1e9 / (reference_ns + first.wall_ns))))
        if steady and not planned and not band * first.wall_ns < reference_ns < CLEARLY * first.wall_ns:
            return self.fastest(known, [first], band)
        before, after = list[Run](), list[Run]()
        while len(after) < max(1, planned) and not race.stopped:
            self._pair(race, before, after, None)
        return self.fastest(before, after, band, stopped="candidate" in race.stopped)

    def fastest(
        self,
        before: Sequence[Run],
        after: Sequence[Run],
        band: float,
        database: str = "",
        abandoned: bool = False,
        stopped: bool = False,
    ) -> Timing:
        """The timing whose ratio is that of the fastest runs, 0 where the candidate was ``stopped``; ``band`` is its floor."""
        best = [min(run.wall_ns for run in side) for side in (before, after)]
        return Timing(
            original=tuple(before),
            candidate=tuple(after),
            ratio=0.0 if stopped else best[0] / best[1],
            low=0.0,
            high=inf,
            alpha=SCREENING_ALPHA,
            floor=band,
            phase="step",
            database=database or self.database,
            settings=self.settings,
            censored="candidate" if stopped else None,
            original_ms=best[0] / 1e6,
            candidate_ms=best[1] / 1e6,
            abandoned=abandoned,
        )

    def _pair(self, race: _Race, before: list[Run], after: list[Run], cut_s: float | None) -> None:
        """One run of each side, in the opposite order of the pair before; the original's is cut after ``cut_s`` seconds."""
        sides: tuple[Side, Side] = ("candidate", "original") if len(after) % 2 else ("original", "candidate")
        for side in sides:
            if side == "candidate":
                after.append(race.run(side, self.limit_s))
            else:
                before.append(race.run(side, cut_s or self.limit_s, decided=cut_s is not None))

    def _race(self, original: Query, candidate: Query) -> _Race:
        bindings = candidate.bindings or original.bindings
        if len(bindings) != len(original.bindings):
            raise ContractError("Original and candidate come with different numbers of parameter sets.")
        return _Race(
            self.session,
            {"original": original, "candidate": replace(candidate, bindings=bindings)},
            self.watch,
        )

    def _patience_s(self, original_ns: float) -> float:
        return min(self.limit_s, max(LEAST_PATIENCE_S, PATIENCE * original_ns / 1e9))

    def _against_limit(self, race: _Race, runs: int, phase: Phase, alpha: float) -> Timing:
        """Times the candidate alone; the original is known to take longer than the limit."""
        race.stopped.add("original")
        after = [race.warm_up("candidate", self.limit_s)]
        if "candidate" not in race.stopped:
            after = []
            while len(after) < runs and "candidate" not in race.stopped:
                after.append(race.run("candidate", self.limit_s))
        limit = Run(int(self.limit_s * 1e9), 0, 0, 0)
        return self._timing(race, [limit] * len(after), after, phase, alpha)

    def _timing(
        self,
        race: _Race,
        before: list[Run],
        after: list[Run],
        phase: Phase,
        alpha: float,
        floor: float = 1.0,
        abandoned: bool = False,
        finished: list[Run] | None = None,
    ) -> Timing:
        """``finished`` are the runs of the original that its time is taken from where others were cut; None for all of them."""
        ratio, low, high = ratio_bounds([run.wall_ns for run in before], [run.wall_ns for run in after], alpha)
        finished = before if finished is None else finished
        if finished != before:
            ratio, high = max(low, _milliseconds(finished) / _milliseconds(after)), inf
        if "candidate" in race.stopped:
            low = 0.0
        if "original" in race.stopped:
            ratio, high = (0.0 if "candidate" in race.stopped else ratio), inf
        return Timing(
            original=tuple(before),
            candidate=tuple(after),
            ratio=ratio,
            low=low,
            high=high,
            alpha=alpha,
            floor=floor,
            phase=phase,
            database=self.database,
            settings=(*self.settings, ("limit_s", f"{self.limit_s:g}"), ("complete_rounds", str(len(finished)))),
            censored=next((side for side in ("original", "candidate") if side in race.stopped), None),
            original_ms=_milliseconds(finished),
            candidate_ms=_milliseconds(after),
            abandoned=abandoned,
        )


def drifted(known: Sequence[Run], first: Run) -> bool:
    """Whether earlier runs of one query and a run of another cannot be compared, for the machine was not as busy then as now.

    Other processes change how long a query takes far more than how much processor time it needs: so the two ratios disagree.
    """
    cpu_ns = min(run.cpu_ns for run in known)
    if not cpu_ns or not first.cpu_ns:
        return False  # not measured, or too short to be
    ratio = min(run.wall_ns for run in known) / first.wall_ns
    return not 1 / DRIFT < ratio * first.cpu_ns / cpu_ns < DRIFT


def beyond_noise(timing: Timing) -> float:
    """The ratio of a step's timing; exactly 1 where it lies within the noise, by the clock or by processor time.

    What the clock alone shows comes from other processes far more often than from a better use of several threads.
    """
    sides = [[run.cpu_ns for run in side if run.cpu_ns] for side in (timing.original, timing.candidate)]
    worked = min(sides[0]) / min(sides[1]) if all(sides) else None
    quiet = 1 / timing.floor <= timing.ratio <= timing.floor
    return 1.0 if quiet or (timing.ratio and worked and 1 / CPU_BAND <= worked <= CPU_BAND) else timing.ratio


def noise_band(runs: Sequence[Run]) -> float:
    """The ratio within which two queries are as fast as each other, as far as the fastest of a few runs can tell.

    At least `LEAST_BAND`, and more where the two fastest runs of one query differ by more, up to `WIDEST_BAND`.
    """
    fastest, second = sorted(run.wall_ns for run in runs)[:2] if len(runs) > 1 else (1, 1)
    return min(WIDEST_BAND, max(LEAST_BAND, second / fastest))


def _decisive_s(original_ns: float, candidate_ns: float) -> float | None:
    """Seconds after which a run of the original decides its pair; None where it must run to its end."""
    if original_ns < max(SLOW_S * 1e9, 2 * DECISIVE * candidate_ns):
        return None
    return max(SLOW_S / 10, DECISIVE * candidate_ns / 1e9)


def _milliseconds(runs: list[Run]) -> float:
    return trimmed_mean([run.wall_ns for run in runs]) / 1e6
