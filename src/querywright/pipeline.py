"""``optimize()`` and ``verify()``: the whole of Querywright in one readable page."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlglot import exp

from querywright.analyze import Analysis, analyze
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.premises import discover_keys
from querywright.engines.protocol import Limits
from querywright.errors import InputError
from querywright.judge import Case, Rules, confirm, judge, open_case, recommend
from querywright.propose import rules as rule_proposer
from querywright.propose.protocol import Proposal
from querywright.registry import plugins
from querywright.search.protocol import Budget, Event, Judged, Position
from querywright.search.recorder import Recorder
from querywright.sql.fingerprint import fingerprint
from querywright.sql.layout import render
from querywright.sql.parse import normalize_parameters, parse_query
from querywright.sql.qualify import qualify, qualify_text
from querywright.sql.schema import Schema
from querywright.values import Attempt, Bindings, Outcome, Query


@dataclass(frozen=True)
class Options:
    """How to optimize; every field has the default that `qw optimize` documents."""

    mode: str = "iterative"
    budget: Budget = field(default_factory=Budget)
    bindings: tuple[Bindings, ...] = ()
    sample: Database | None = None
    rules: Rules = field(default_factory=Rules)
    limits: Limits = field(default_factory=Limits)
    runs: Path | None = None
    resume: Path | None = None


def prepare(text: str, database: Database, bindings: tuple[Bindings, ...] = (), name: str | None = None, source: str = "the query") -> tuple[Query, exp.Query]:
    ...
