"""Querywright's environment for OpenEnv: make slow SQL fast, with rewards that are verified."""

from .client import QuerywrightEnv
from .models import QueryAction, QueryObservation, QueryState

__all__ = ["QueryAction", "QueryObservation", "QueryState", "QuerywrightEnv"]
