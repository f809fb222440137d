"""Questions to a model, as modes put them: many at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeGuard

from querywright.search.protocol import Answered, Listener, Model, ModelLost, Question


def answering(model: Model | None) -> TypeGuard[Model]:
    """Whether there is a model that still answers."""
    return model is not None and not model.lost


def answers(model: Model | None, questions: Iterable[Question], listen: Listener) -> Iterator[Answered]:
    """Ask all questions side by side; the answers come in the order of the questions, so that a replayed run repeats itself.

    ``listen`` hears each answer.
    """
    if not answering(model):
        return
    told = ""
    for wait in [model.ask(question) for question in questions]:
        answered = wait()
        if model.lost and not told:
            listen(ModelLost(told := model.lost))
        listen(answered)
        yield answered
