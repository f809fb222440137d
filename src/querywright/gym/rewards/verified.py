"""The default profile: correctness is a gate, then speed counts, and texts weigh next to nothing.

Wrong, refused or failing: 0. The original again: `FLOOR`, whatever else is in the answer. Equal but slower: between the two.
Faster: `FLOOR` plus the logarithm of the speedup, so that each doubling earns the same until the certified reference is reached,
which earns 0.9, and less beyond, up to `MOST_SPEEDUP`. Only there the texts count.
"""

from __future__ import annotations

import math

from querywright.gym.issues import detected
from querywright.gym.values import Examination, Reward, Task
from querywright.gym.wire import Answer
from querywright.sql.parse import nesting

COMPONENTS = ("correctness", "speed", "issues", "readability", "summary")
WORK = False

FLOOR = 0.05
MOST_SPEEDUP = 100.0
DEFAULT_ANCHOR = 4.0
"""The speedup that earns 0.9 where no reference is certified."""

_LEAST_ANCHOR = 1.25
_ANCHOR_EXPONENT = 0.9
"""The certified speedup to this power suffices for 0.9: timings of a few runs vary."""

_REFERENCE_SPEED = 0.85
_BEYOND_SPEED = 0.07
_ISSUES = 0.02
_READABILITY = 0.005
_SUMMARY = 0.005
_SLOWEST = 0.01
_SLOWER = 0.03
_LONGEST_LINE = 120
_SHORT_SUMMARY = 50


def score(task: Task, answer: Answer, examination: Examination, mask: frozenset[str] = frozenset()) -> Reward:
    """The reward by the speedup that counts, which is the lower one of the visible and the hidden database."""
    return scored(task, answer, examination, examination.speedup, anchor(task), mask)


def scored(task: Task, answer: Answer, examination: Examination, gain: float, anchored: float, mask: frozenset[str]) -> Reward:
    """The reward of an answer whose gain is the ratio ``gain``, where ``anchored`` earns 0.9."""
    found = detected(task.issues, answer)
    parts = dict.fromkeys(COMPONENTS, 0.0)
    if examination.match and examination.unchanged:
        parts["correctness"] = FLOOR
        feedback = "This is the original query: nothing gained."
    elif not examination.match:
        feedback = examination.refusal or examination.error or examination.reason or "The result is not that of the original."
    elif gain < 1:
        parts["correctness"] = _SLOWEST + _SLOWER * max(0.0, gain)
        feedback = f"Equal to the original, but slower: {gain:.2f}x."
    elif gain == 1:
        parts["correctness"] = FLOOR
        feedback = "Equal to the original, and as fast within the noise."
    else:
        parts["correctness"] = FLOOR
        parts["speed"] = speed_term(gain, anchored)
        parts["issues"] = _ISSUES * found.f1
        parts["readability"] = _READABILITY * readability(task.sql, answer.optimized_query)
        parts["summary"] = _SUMMARY * (len(answer.summary.strip()) > _SHORT_SUMMARY)
        feedback = f"Equal to the original and {gain:.2f}x as fast."
    kept = {name: 0.0 if name in mask else round(part, 4) for name, part in parts.items()}
    return Reward(round(min(1.0, sum(kept.values())), 4), tuple(kept.items()), feedback, found.found)


def anchor(task: Task) -> float:
    """The speedup that earns 0.9."""
    if task.reference is None:
        return DEFAULT_ANCHOR
    return max(_LEAST_ANCHOR, math.pow(task.reference.speedup, _ANCHOR_EXPONENT))


def speed_term(gain: float, anchored: float) -> float:
    """What a ratio of at least 1 earns for speed, from 0 to 0.92; it grows with each gain up to `MOST_SPEEDUP`."""
    if gain <= anchored:
        return _REFERENCE_SPEED * math.log(gain) / math.log(anchored)
    most = max(MOST_SPEEDUP, 4 * anchored)
    beyond = math.log(min(gain, most) / anchored) / math.log(most / anchored)
    return _REFERENCE_SPEED + _BEYOND_SPEED * beyond


def readability(original: str, candidate: str) -> float:
    """Half for lines that fit on a page, half for nesting no deeper than the original's."""
    fits = all(len(line) <= _LONGEST_LINE for line in candidate.splitlines())
    return 0.5 * fits + 0.5 * (nesting(candidate) <= nesting(original))
