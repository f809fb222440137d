"""The environment by name: in this process with a profile of rewards, or behind a URL."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from querywright.gym.client import Environment
from querywright.gym.remote import RemoteGym


@contextmanager
def open_environment(profile: str = "verified", url: str | None = None) -> Iterator[Environment]:
    """The environment while the ``with`` block lasts; raises `querywright.errors.InputError` for what does not exist."""
    if url is not None:
        yield RemoteGym(url)
        return
    from querywright.gym.local import local_gym

    with local_gym(profile) as gym:
        yield gym


@cache
def shared_environment(profile: str = "verified", url: str | None = None) -> Environment:
    """The one environment of this process with these arguments, closed when the process ends; for frameworks that make many
    objects out of one.
    """
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(open_environment(profile, url))
