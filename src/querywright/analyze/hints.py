"""Which transforms to try first, and why.

A hint joins three things: the share of the query's work at stake where a transform applies, what the transform gained when it was
measured on this engine, and the bad habits it cures there. A trained ranker, where there is one, knows better than the figures
what to expect of this query. Hints order the search; the judge decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from querywright.analyze.figures import Promise, engine_version, promise
from querywright.analyze.work import Work
from querywright.antipatterns.driver import Habit
from querywright.antipatterns.protocol import Severity
from querywright.sql.facts import Facts
from querywright.transforms.driver import Finding, transforms

LARGEST_GAIN = 10.0
"""Figures are of queries made for the transform; none may promise more than this for another query."""

UNMEASURED_GAIN = 1.2
"""What orders a transform that was never measured on the engine."""

_LIKELIHOOD: dict[Severity, float] = {"critical": 0.9, "high": 0.8, "medium": 0.7, "low": 0.6}
"""How likely a transform helps that cures a habit of this severity; without a figure or a habit it is even odds."""

_EVEN_ODDS = 0.5


@dataclass(frozen=True, slots=True)
class Pattern:
    """Something in the query that speaks for a transform: an anti-pattern by name, or the transform's own pattern."""

    pattern: str
    severity: Severity
    transform: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Hint:
    """A recommendation: ``confidence`` between 0 and 1 that it helps, ``estimated_gain`` as a speedup ratio where the transform
    was measured on the engine. ``rank`` orders hints: the gain to expect, 0 for what is clearly harmful on the engine.
    """

    transform: str
    family: str
    confidence: float
    reason: str
    path: str
    estimated_gain: float | None = None
    patterns: tuple[Pattern, ...] = ()
    rank: float = 1.0


def hints(
    findings: Sequence[Finding],
    facts: Facts,
    engine: str,
    habits: Sequence[Habit] = (),
    work: Work | None = None,
    expected: Mapping[str, float] | None = None,
) -> tuple[Hint, ...]:
    """One hint for each transform that applies, at its heaviest site, most promising first.

    ``expected`` holds the speedups that a trained ranker expects of transforms; they replace what was measured elsewhere.
    """
    work, expected = work or Work(facts), expected or {}
    heaviest: dict[str, tuple[float, Finding]] = {}
    for finding in findings:
        share = work.share(finding.site.node)
        if finding.transform not in heaviest or heaviest[finding.transform][0] < share:
            heaviest[finding.transform] = share, finding
    version = engine_version(engine)
    found = [
        _expecting(
            _hint(finding, share, promise(name, engine, version), engine, [habit for habit in habits if name in habit.cures]),
            expected.get(name),
        )
        for name, (share, finding) in heaviest.items()
    ]
    return tuple(sorted(found, key=lambda hint: (-hint.rank, -hint.confidence, hint.transform)))


def _hint(finding: Finding, share: float, measured: Promise | None, engine: str, habits: Sequence[Habit]) -> Hint:
    module = transforms()[finding.transform]
    headline = (module.__doc__ or finding.transform).strip().splitlines()[0].rstrip(".")
    confidence = round(share * _likelihood(measured, habits), 2)
    reasons = [f"{headline} ({finding.path})", f"{share:.0%} of the rows read are at stake"]
    gain = None
    if measured is not None:
        gain = round(_gain(measured.gain, share), 2)
        reasons.append(f"measured {measured.gain:.2f}x on {engine} {measured.version}")
    reasons += [f"cures {habit.antipattern}" for habit in habits[:1]]
    patterns = tuple(
        Pattern(habit.antipattern, habit.severity, finding.transform, round(share * _LIKELIHOOD[habit.severity], 2))
        for habit in habits
    )
    own = Pattern(finding.transform, severity_of(confidence), finding.transform, confidence)
    expected = gain if gain is not None else _gain(UNMEASURED_GAIN, share)
    return Hint(
        finding.transform,
        module.FAMILY,
        confidence,
        "; ".join(reasons),
        finding.path,
        gain,
        (*patterns, own),
        0.0 if measured is not None and measured.harmful else expected,
    )


def _expecting(hint: Hint, gain: float | None) -> Hint:
    """The hint with what a trained ranker expects."""
    if gain is None:
        return hint
    return replace(hint, reason=f"{hint.reason}; a trained ranker expects {gain:.2f}x", estimated_gain=round(gain, 2), rank=gain)


def severity_of(confidence: float) -> Severity:
    """How much a pattern of this confidence matters."""
    return "high" if confidence >= 0.8 else "medium" if confidence >= 0.4 else "low"


def _likelihood(measured: Promise | None, habits: Sequence[Habit]) -> float:
    """The share of the transform's figures that are a gain, as far as there are figures, or what the habits it cures suggest."""
    suggested = max((_LIKELIHOOD[habit.severity] for habit in habits), default=_EVEN_ODDS)
    if measured is None:
        return suggested
    gains = sum(1.0 if figure.low > 1.0 else 0.0 if figure.high < 1.0 else _EVEN_ODDS for figure in measured.figures)
    return (suggested + gains) / (1 + len(measured.figures))


def _gain(measured: float, share: float) -> float:
    """The speedup of the whole query when ``share`` of its work becomes ``measured`` times as fast (Amdahl's law)."""
    return 1 / (1 - share + share / min(measured, LARGEST_GAIN))
