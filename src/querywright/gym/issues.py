"""Which of a task's labeled issues an answer names, and how precisely."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from querywright.gym.wire import Answer

_SEPARATORS = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Detection:
    """The labels that an answer names, in the labels' order, and its F1 score (0 to 1).

    ``precision`` is the share of what it names that is labeled, ``recall`` the share of the labels that it names.
    """

    found: tuple[str, ...]
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def detected(labels: Iterable[str], answer: Answer) -> Detection:
    """What the ``issue_type`` of the answer's suggestions say; no other text counts, nor how often something is named.

    Layout and letter case of names do not matter. Without labels, silence is perfect.
    """
    wanted = {_normalized(label): label for label in labels}
    named = {name for suggestion in answer.suggestions if (name := _normalized(suggestion.issue_type))}
    found = tuple(label for name, label in wanted.items() if name in named)
    precision = len(found) / len(named) if named else float(not wanted)
    recall = len(found) / len(wanted) if wanted else float(not named)
    return Detection(found, precision, recall)


def _normalized(name: str) -> str:
    return _SEPARATORS.sub("_", name.lower()).strip("_")
