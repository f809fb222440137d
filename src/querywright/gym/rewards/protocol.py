"""What a profile of rewards provides. A profile is one module of this package; its file name is its name."""

from __future__ import annotations

from typing import Protocol

from querywright.gym.values import Examination, Reward, Task
from querywright.gym.wire import Answer


class Profile(Protocol):
    """The module-level interface of a profile."""

    COMPONENTS: tuple[str, ...]
    """Names of the components of its score, in the order of the breakdown."""

    WORK: bool
    """Whether it needs `Examination.work`, which takes one more run of both queries."""

    def score(self, task: Task, answer: Answer, examination: Examination, mask: frozenset[str] = frozenset()) -> Reward:
        """The reward of an answer, from 0 to 1; components in ``mask`` count nothing."""
        ...
