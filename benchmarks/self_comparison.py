"""Races every query of a workload against itself under the rules of a recommendation: nothing may be recommended.

python benchmarks/self_comparison.py tpcds:sf=1
"""

from __future__ import annotations

import sys

from querywright.bench.questions import read_suite
from querywright.bench.summary import geomean
from querywright.engines.session import Session
from querywright.measure.clock import Clock
from querywright.measure.decision import recommended
from querywright.values import Query


def main() -> int:
    """Print one line a query; the exit code is the number of false recommendations."""
    suite = read_suite(sys.argv[1], None)
    database = suite.database
    wrong, screened, ratios = 0, 0, []
    with Session(database.location) as session:
        clock = Clock(session, database.name)
        for question in suite.questions:
            query = Query((question.text or "").strip().rstrip(";"), database.location.engine, question.name)
            screen = clock.screen(query, query)
            confirmed = clock.confirm(query, query, seconds=2.0)
            screened += screen.ratio > 1.05
            wrong += recommended(confirmed)
            ratios.append(screen.ratio)
            print(
                f"{question.name:>4} screened {screen.ratio:.3f}  confirmed {confirmed.ratio:.3f} low {confirmed.low:.3f}",
                flush=True,
            )
    print(f"{len(ratios)} queries, {screened} above 1.05 in screening (geomean {geomean(ratios):.3f}), {wrong} recommended")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
