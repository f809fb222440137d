"""Races every query of a workload against itself under the rules of a recommendation: nothing may be recommended.

python benchmarks/self_comparison.py tpcds:sf=1
"""

from __future__ import annotations

import math
import sys

from querywright.databases.opening import open_database
from querywright.databases.specification import workload_instance
from querywright.engines.session import Session
from querywright.measure.clock import Clock
from querywright.measure.decision import recommended
from querywright.values import Query


def main() -> int:
    """Print one line a query; the exit code is the number of false recommendations."""
    specification = sys.argv[1]
    chosen = workload_instance(specification)
    if chosen is None:
        sys.exit(f"{specification} is not a workload")
    database = open_database(specification)
    wrong, screened, ratios = 0, 0, []
    with Session(database.location) as session:
        clock = Clock(session, database.name)
        for name, sql in chosen.workload.queries(chosen.engine).items():
            query = Query(sql.strip().rstrip(";"), chosen.engine, name)
            screen = clock.screen(query, query)
            confirmed = clock.confirm(query, query, seconds=2.0)
            screened += screen.ratio > 1.05
            wrong += recommended(confirmed)
            ratios.append(screen.ratio)
            print(f"{name:>4} screened {screen.ratio:.3f}  confirmed {confirmed.ratio:.3f} low {confirmed.low:.3f}", flush=True)
    geomean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"{len(ratios)} queries, {screened} above 1.05 in screening (geomean {geomean:.3f}), {wrong} recommended")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
