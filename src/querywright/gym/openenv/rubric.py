"""The reward as a tree of rubrics, so that training code sees what each component gave."""

from __future__ import annotations

from collections.abc import Iterable

from openenv.core.rubrics import Rubric

from querywright.gym.openenv.models import QueryAction, QueryObservation


class Component(Rubric):
    """One component of the reward, as the examination found it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, action: QueryAction, observation: QueryObservation) -> float:
        """What the component gave."""
        return observation.breakdown.get(self.name, 0.0)


class RewardRubric(Rubric):
    """The whole reward; each component is a child of its name."""

    def __init__(self, components: Iterable[str]) -> None:
        super().__init__()
        for name in components:
            setattr(self, name, Component(name))

    def forward(self, action: QueryAction, observation: QueryObservation) -> float:
        """The score of the answer, after all components have theirs."""
        for component in self.children():
            component(action, observation)
        return float(observation.reward or 0.0)
