"""The rule that decides whether a rewrite is recommended, in one place."""

from __future__ import annotations

from collections.abc import Sequence

from querywright.values import Run, Timing

CONFIRMATION_ALPHA = 0.0005
"""Error of the lower bound of a confirmation. A `drowned` one is tried once more, so a recommendation errs with twice this."""

LEAST_GAIN = 1.05
"""A rewrite whose ratio may be smaller than this is not worth a change."""

MEMORY_FACTOR = 4
"""How many times the original's peak memory a recommended rewrite may take."""


def threshold(floor: float) -> float:
    """The ratio that the lower bound must exceed, given the noise floor."""
    return max(floor, LEAST_GAIN)


def within_memory(original: Sequence[Run], candidate: Sequence[Run]) -> bool:
    """Whether the candidate's highest peak stays within `MEMORY_FACTOR` times the original's lowest.

    Both run in one process, whose memory keeps traces of the candidate while the original runs: its lowest peak holds the fewest.
    A peak of 0 was not measured: a stopped run has none, nor have engines whose memory is out of sight.
    """
    allowed = MEMORY_FACTOR * min((run.peak_bytes for run in original if run.peak_bytes), default=0)
    return not allowed or all(run.peak_bytes <= allowed for run in candidate)


def recommended(timing: Timing, *, accept_timeout: bool = False) -> bool:
    """Whether fresh, complete runs show that the candidate is faster, beyond noise and within memory.

    An original that was stopped at its limit leaves the gain a mere lower bound, which counts only with ``accept_timeout``.
    """
    complete = timing.censored is None or (timing.censored == "original" and accept_timeout)
    return (
        timing.phase == "confirm"
        and complete
        and not timing.abandoned
        and timing.alpha <= CONFIRMATION_ALPHA
        and timing.low > threshold(timing.floor)
        and within_memory(timing.original, timing.candidate)
    )


def drowned(timing: Timing) -> bool:
    """Whether the candidate of a confirmation was faster beyond chance, but the original's own runs differ by as much.

    Then the machine was too restless to tell; fresh runs may.
    """
    return (
        timing.phase == "confirm"
        and timing.censored is None
        and not timing.abandoned
        and LEAST_GAIN < timing.low <= timing.floor
        and within_memory(timing.original, timing.candidate)
    )
