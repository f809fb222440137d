"""The judge: verify, then measure. Nothing else constructs an `Attempt`, so nothing counts as fast that was not verified.

`open_case` runs the original once and keeps what every candidate is held against: its answer, its times, its witness databases. `judge`
takes a candidate through the checks, cheapest first, and times it only if it passed them all; `confirm` times a winner afresh.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from sqlglot import exp

from querywright.databases.database import Database
from querywright.engines.protocol import Limits
from querywright.engines.session import Session, engine_of
from querywright.errors import ExecutionError, QueryError, StatementTimeout
from querywright.measure.clock import Baseline, Clock
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.values import Attempt, Bindings, Candidate, Check, Query, Timing, Verdict
from querywright.verify.compare import Stored, Terms, compare, store_original, terms_of

ACCEPTED = frozenset({"proved", "bounded", "tested"})
