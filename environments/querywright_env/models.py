"""The environment's actions, observations and states."""

from querywright.gym.openenv.models import QueryAction, QueryObservation, QueryState

__all__ = ["QueryAction", "QueryObservation", "QueryState"]
