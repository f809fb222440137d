"""Finds profiles of rewards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from querywright.gym.rewards.protocol import Profile
from querywright.registry import plugins


def profiles() -> Mapping[str, Profile]:
    """All profiles by name."""
    return cast("Mapping[str, Profile]", plugins("querywright.gym.rewards"))
