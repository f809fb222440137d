"""What clients send: the action, in the published environment's shape, checked field by field."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

LONGEST_SQL = 100_000
"""Characters of a submitted query; a longer one is refused before it is parsed."""

_LONGEST_TEXT = 10_000


class Suggestion(BaseModel):
    """One problem that the client sees in the query."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issue_type: str = Field(max_length=200, description="What is wrong, best by the name of an anti-pattern.")
    line: int | None = Field(default=None, description="Line of the query, from 1.")
    description: str = Field(default="", max_length=_LONGEST_TEXT)
    severity: str = Field(default="", max_length=50, description="critical, high, medium or low.")
    fix: str = Field(default="", max_length=_LONGEST_TEXT)


class Answer(BaseModel):
    """An action: a rewritten query with what its author has to say about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    optimized_query: str = Field(max_length=LONGEST_SQL, description="One SELECT that returns what the task's query returns.")
    suggestions: tuple[Suggestion, ...] = Field(default=(), max_length=100)
    summary: str = Field(default="", max_length=_LONGEST_TEXT)
    estimated_improvement: str = Field(default="", max_length=_LONGEST_TEXT)
    approved: bool = Field(default=False, description="Whether the query is fine as it is.")
