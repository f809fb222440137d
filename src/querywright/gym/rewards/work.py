"""The profile `verified` without noise: instead of times, the rows that both plans process count, the same on every machine.

What the certified reference gains in rows earns 0.9, whatever it gains in time. An equal answer earns what the original does
where rows tell nothing: where the plans hold no actual rows, as in SQLite, or the reference itself processes no fewer.
"""

from __future__ import annotations

from dataclasses import replace

from querywright.gym.rewards.verified import COMPONENTS, DEFAULT_ANCHOR, scored
from querywright.gym.values import Examination, Reward, Task
from querywright.gym.wire import Answer

WORK = True

__all__ = ["COMPONENTS", "WORK", "score"]


def score(task: Task, answer: Answer, examination: Examination, mask: frozenset[str] = frozenset()) -> Reward:
    """The reward by the ratio of rows processed; nothing gained where it tells nothing."""
    anchored, uncounted = examination.reference_work or DEFAULT_ANCHOR, ""
    if examination.work is None:
        uncounted = "the plans of this engine do not tell how many rows they process"
    elif anchored <= 1:
        uncounted = "the certified reference is faster without processing fewer rows"
    gain = 1.0 if uncounted or examination.work is None else examination.work
    reward = scored(task, answer, examination, gain, anchored, mask)
    if not examination.match or examination.unchanged:
        return reward
    told = f"but no gain is counted, for {uncounted}" if uncounted else f"which processes {gain:.2f}x the rows"
    return replace(reward, feedback=f"Equal to the original, {told}.")
