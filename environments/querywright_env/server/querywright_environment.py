"""The environment of one session."""

from querywright.gym.openenv.environment import QueryEnvironment

__all__ = ["QueryEnvironment"]
