"""What a module of a shape provides.

A shape is one module: a docstring that says what it asks, and ``draw``. What it draws is clean, written as an expert would, so
that bad habits can be put into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from querywright.generation.scene import Scene


@dataclass(frozen=True, slots=True)
class Drawn:
    """A query and the question that it answers."""

    sql: str
    question: str


class Shape(Protocol):
    """The module-level interface of a shape."""

    def draw(self, scene: Scene) -> Drawn:
        """A query over the scene's tables; raises `querywright.generation.scene.Unsuitable` where they do not fit.

        A LIMIT or ROW_NUMBER stands over a total order, and every output column has a name.
        """
        ...
