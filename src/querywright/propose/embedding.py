"""Likeness in text by an embedding model: vectors of the gold examples' queries and of the query at hand.

Each text is sent once. Vectors of texts lie in a narrow cone, all of them alike: likeness is stretched, so that the least
like of the examples counts 0 and the most like counts 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from querywright.propose.gold import gold_examples
from querywright.propose.likeness import cosine

Vector = Sequence[float]
Embed = Callable[[Sequence[str]], Sequence[Vector]]
"""The vectors of texts, in their order; may raise `querywright.errors.ChatError`."""


class EmbeddedExamples:
    """The gold examples as vectors, which are asked for together with those of the first query."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._vectors: dict[str, Vector] = {}

    def likeness(self, text: str) -> list[float]:
        """How like ``text`` the query of each of `gold_examples` is, 0 to 1. Raises what the embedding raises."""
        examples = [example.query for example in gold_examples()]
        missing = [one for one in dict.fromkeys([*examples, text]) if one not in self._vectors]
        if missing:
            self._vectors.update(zip(missing, self._embed(missing), strict=True))
        alike = [cosine(self._vectors[text], self._vectors[example]) for example in examples]
        least, most = min(alike), max(alike)
        return [(one - least) / (most - least) if most > least else 0.0 for one in alike]
