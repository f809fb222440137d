"""The profile `verified` without noise: instead of times, the rows that both plans process count, the same on every machine."""

from __future__ import annotations

from querywright.gym.rewards.verified import COMPONENTS, scored
from querywright.gym.values import Examination, Reward, Task
from querywright.gym.wire import Answer

WORK = True

__all__ = ["COMPONENTS", "WORK", "score"]


def score(task: Task, answer: Answer, examination: Examination, mask: frozenset[str] = frozenset()) -> Reward:
    """The reward by the ratio of rows processed; 0 gained where it was not counted."""
    return scored(task, answer, examination, examination.work if examination.work is not None else 1.0, mask)
