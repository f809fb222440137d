"""The judge as search modes see it: on the full data one candidate at a time, on a sample many side by side."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial

from querywright.databases.database import Database
from querywright.engines.protocol import Limits
from querywright.judge import Case, Rules, judge, open_case
from querywright.values import Attempt, Candidate, Query
from querywright.workers import fan_out

MOST_PROCESSES = 4
"""Each holds an original, its witness databases and its sample open; beyond a few they wait for each other's timed runs."""


@dataclass(frozen=True)
class CaseJudge:
    """See `querywright.search.protocol.Judge`; ``smaller`` opens the sample, which is not needed before `on_sample`."""

    case: Case
    smaller: Callable[[], Database]
    limits: Limits

    def __call__(self, candidate: Candidate) -> Attempt:
        """Judge on the full data, after the sample where the case has one."""
        return judge(self.case, candidate)

    def on_sample(self, candidates: Sequence[Candidate]) -> Iterator[tuple[int, Attempt]]:
        """Judge in processes of their own, so that killing this one or leaving the loop ends them at once."""
        if not candidates:
            return
        # The keys are those of the full database: a key that only the sample's rows happen to satisfy proves nothing.
        database = replace(self.smaller(), role="sample", schema=self.case.database.schema)
        setup = _Setup(self.case.query, database, self.limits, self.case.rules)
        processes = min(len(candidates), os.cpu_count() or 1, MOST_PROCESSES)
        yield from fan_out(partial(_judged, setup), list(enumerate(candidates)), processes, in_order=False)


@dataclass(frozen=True)
class _Setup:
    query: Query
    database: Database
    limits: Limits
    rules: Rules


def _judged(setup: _Setup, numbered: tuple[int, Candidate]) -> tuple[int, Attempt]:
    index, candidate = numbered
    return index, judge(_opened(setup), candidate)


@cache
def _opened(setup: _Setup) -> Case:
    """The case of this process, kept open for all the candidates it gets."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(open_case(setup.query, setup.database, None, setup.limits, setup.rules))
