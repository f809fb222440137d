"""Querywright's tasks for verifiers."""

from querywright_verifiers.taskset import QuerywrightTaskset

__all__ = ["QuerywrightTaskset"]
