"""Times analyzing and proposing: every query of a workload, every candidate one step away.

A candidate counts once it is found, rewritten, qualified and told apart from the others. Its text is printed and checked when
it is first asked for, to be judged or shown; that is timed by itself.

python benchmarks/proposing.py tpcds:sf=1
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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
    """Print the seconds of the slowest queries and of all together, and those of printing every candidate."""
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
    proposing: dict[str, Spent] = {}
    printing: dict[str, Spent] = {}
    proposed = 0
    for name in names:
        if arguments.profile:
            profile.enable()
        with timed(proposing, name):
            found = list(candidates(queries[name], database))
        profile.disable()
        with timed(printing, name):
            proposed += sum(1 for proposal in found if proposal.candidate.query.sql)
    for name in sorted(proposing, key=lambda name: -proposing[name].wall_s)[:10]:
        print(f"{name:>4} {proposing[name].wall_s:6.2f} s")
    print(f"{len(names)} queries, {proposed} candidates found and qualified: {total(proposing)}")
    print(f"their texts printed and checked: another {total(printing)}")
    if arguments.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock and of the processor."""

    wall_s: float
    cpu_s: float


@contextmanager
def timed(spent: dict[str, Spent], name: str) -> Iterator[None]:
    """Note what the block takes."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    yield
    spent[name] = Spent(time.perf_counter() - wall_s, time.process_time() - cpu_s)


def total(spent: dict[str, Spent]) -> str:
    """All together, in words."""
    wall_s, cpu_s = sum(one.wall_s for one in spent.values()), sum(one.cpu_s for one in spent.values())
    return f"{wall_s:.1f} s ({cpu_s:.1f} s of processor time)"


def candidates(text: str, database: Database) -> Iterator[Proposal]:
    """Everything from the text of a query to its candidates, as `querywright.pipeline` does it."""
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
