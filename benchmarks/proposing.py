"""Times analyzing and proposing: every query of a workload, every candidate one step away, printed as the user would see it.

python benchmarks/proposing.py tpcds:sf=1
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import time
from collections.abc import Iterator

from sqlglot import exp

from querywright.analyze import analyze
from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.specification import workload_instance
from querywright.engines.session import engine_of
from querywright.propose import rules
from querywright.propose.protocol import Proposal
from querywright.serve.cli import COLLECTION
from querywright.sql.fingerprint import fingerprint
from querywright.sql.layout import Layout
from querywright.sql.qualify import qualify_text
from querywright.values import Query


def main() -> None:
    """Print the seconds of the slowest queries and of all together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload", help="a workload, such as tpcds:sf=1")
    parser.add_argument("--only", help="comma-separated query names")
    parser.add_argument("--profile", action="store_true", help="also print where the time goes")
    arguments = parser.parse_args()
    chosen = workload_instance(arguments.workload)
    if chosen is None:
        parser.error(f"{arguments.workload} is not a workload")
    database = open_database(arguments.workload)
    queries = chosen.workload.queries(chosen.engine)
    names = arguments.only.split(",") if arguments.only else list(queries)
    gc.set_threshold(*COLLECTION)
    list(candidates("SELECT 1", database))  # loads what is loaded once
    profile = cProfile.Profile()
    seconds: dict[str, float] = {}
    cpu_s, proposed = time.process_time(), 0
    for name in names:
        began = time.perf_counter()
        if arguments.profile:
            profile.enable()
        proposed += sum(1 for _ in candidates(queries[name], database))
        profile.disable()
        seconds[name] = time.perf_counter() - began
    cpu_s = time.process_time() - cpu_s
    for name in sorted(seconds, key=lambda name: -seconds[name])[:10]:
        print(f"{name:>4} {seconds[name]:6.2f} s")
    total = sum(seconds.values())
    print(f"{len(names)} queries, {proposed} candidates: {total:.1f} s ({cpu_s:.1f} s of processor time)")
    if arguments.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


def candidates(text: str, database: Database) -> Iterator[Proposal]:
    """Everything from the text of a query to the texts of its candidates, as `querywright.pipeline` does it."""
    schema, dialect = database.schema, engine_of(database.location).CAPABILITIES.dialect
    tree = qualify_text(text, schema, dialect)
    query = Query(text, dialect, fingerprint(tree, dialect))

    def requalify(printed: str) -> exp.Query:
        return qualify_text(printed, schema, dialect, tree.named_selects, typed=False)

    layout = Layout(text, tree, dialect)
    analysis = analyze(query, tree, schema, database.location.engine)
    yield from rules.propose(analysis, (), (), lambda changed: layout.render(changed, requalify), 0)


if __name__ == "__main__":
    main()
