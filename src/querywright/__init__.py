"""Querywright makes SQL faster and shows that it still answers the same question.

    import querywright
    outcome = querywright.optimize("SELECT …", "warehouse.duckdb")
    verdict = querywright.verify("SELECT …", "SELECT …", db="warehouse.duckdb")

Names load when first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from querywright.errors import QuerywrightError as QuerywrightError
    from querywright.pipeline import optimize as optimize
    from querywright.pipeline import verify as verify
    from querywright.values import Attempt as Attempt
    from querywright.values import Outcome as Outcome
    from querywright.values import Timing as Timing
    from querywright.values import Verdict as Verdict

__version__ = "0.1.0"

_HOMES = {
    "optimize": "pipeline",
    "verify": "pipeline",
    "QuerywrightError": "errors",
    "Attempt": "values",
    "Outcome": "values",
    "Timing": "values",
    "Verdict": "values",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
