"""Finds search modes by name."""

from __future__ import annotations

from typing import cast

from querywright.errors import InputError
from querywright.registry import plugins
from querywright.search.protocol import Mode


def modes() -> dict[str, Mode]:
    """All search modes by name."""
    return {name: cast(Mode, module) for name, module in plugins("querywright.search").items() if hasattr(module, "run")}


def find_mode(name: str) -> Mode:
    """The mode of that name; raises `InputError` where there is none."""
    known = modes()
    if name not in known:
        raise InputError(f"There is no mode {name}.", f"Use one of: --mode {' | '.join(known)}")
    return known[name]
