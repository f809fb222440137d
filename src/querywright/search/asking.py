"""Questions to a model, as modes put them: many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeGuard

from querywright.propose.protocol import Proposal
from querywright.search.protocol import Answered, Listener, Model, ModelLost, Question

REPEATED = "The rewrite is the original or was tried before. Find another one."


def answering(model: Model | None) -> TypeGuard[Model]:
    """Whether there is a model that still answers."""
    return model is not None and not model.lost


def answers(
    model: Model | None,
    questions: Iterable[Question],
    listen: Listener,
    seen: Callable[[Proposal], bool] = lambda proposal: False,
    *,
    in_order: bool = True,
) -> Iterator[Answered]:
    """Ask all questions side by side; in the order of the questions, so that a replayed run repeats itself, or as they arrive.

    ``listen`` hears each answer. One that only repeats what was ``seen`` has a problem, of which the model can be told.
    """
    if not answering(model):
        return
    told = ""
    for answered in model.ask(list(questions), in_order=in_order):
        if model.lost and not told:
            listen(ModelLost(told := model.lost))
        if answered.proposals and all(map(seen, answered.proposals)):
            answered = replace(answered, proposals=(), response={**answered.response, "problem": REPEATED}, problem=REPEATED)
        listen(answered)
        yield answered
