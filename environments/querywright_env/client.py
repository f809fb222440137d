"""The environment's client."""

from querywright.gym.openenv.client import QuerywrightEnv

__all__ = ["QuerywrightEnv"]
