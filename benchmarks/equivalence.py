"""Measures the prover: python benchmarks/equivalence.py PAIRS.jsonl [--seconds 10] [--only ID ...] [--mutants 10] [--fixtures]

PAIRS.jsonl holds labelled pairs as ``qw verify --pairs`` reads them; the set of a pair is the first word of its ``id``. Printed
are the proved pairs by set, the reasons of the others, and times. With ``--mutants`` small mistakes are put into ``b``, and each
mutant that is "proved" equal to ``a`` is run against it on witness databases: a difference is a false proof. With ``--fixtures``
the pairs of tests/fixtures/transforms are proved and their candidates mutated instead.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from querywright.bench.pairs import read_pairs
from querywright.errors import QuerywrightError
from querywright.sql.ddl import schema_of
from querywright.sql.dialects import AUTO, likely, read_schema
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.verification.mutate import mutants
from querywright.verification.proof import Proof, Unproved, prove
from querywright.verification.reading import read_pair
from querywright.verification.scratch import Scratch
from querywright.verification.witness import Laboratory

ENGINE = "duckdb"
FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures" / "transforms"


@dataclass(frozen=True)
class Pair:
    """Two queries that are labelled equal."""

    name: str
    group: str
    schema: Schema
    original: str
    candidate: str

    def attempt(self, seconds: float) -> tuple[exp.Query, exp.Query, Proof | Unproved]:
        """Both queries as DuckDB would run them, read in the first likely dialect in which they can be proved, or just be read.

        Raises `QuerywrightError` where they can be read in none.
        """
        first: tuple[exp.Query, exp.Query, Proof | Unproved] | None = None
        failure: QuerywrightError | None = None
        tried: set[tuple[str, ...]] = set()
        for dialect in likely(AUTO, ENGINE):
            try:
                queries = read_pair((self.original, self.candidate), self.schema, dialect, ENGINE, (), ("a", "b"))
                original, candidate = (qualify_text(query.sql, self.schema, ENGINE) for query in queries)
            except QuerywrightError as error:
                failure = failure or error
                continue
            texts = tuple(query.sql for query in queries)
            if texts in tried:
                continue
            tried.add(texts)
            found = prove(original, candidate, self.schema, ENGINE, seconds)
            if isinstance(found, Proof):
                return original, candidate, found
            first = first or (original, candidate, found)
        if first is None:
            assert failure is not None
            raise failure
        return first


def labelled(path: Path) -> Iterator[Pair]:
    """The pairs of a file, in groups by the word that their ids begin with."""
    for pair in read_pairs(path):
        schema = read_schema(pair.schema, AUTO, ENGINE)
        yield Pair(pair.id, pair.id.partition("-")[0], schema, pair.a, pair.b)


def fixtures() -> Iterator[Pair]:
    """The rewrites that the fixtures of the transforms show."""
    for path in sorted(FIXTURES.glob("*.sql")):
        header, *cases = re.split(r"^# title:", path.read_text(), flags=re.MULTILINE)
        schema = schema_of("\n".join(line for line in header.splitlines() if not line.startswith("#")), "duckdb")
        for number, case in enumerate(cases):
            if "# becomes" not in case:
                continue
            body = "\n".join(case.splitlines()[1:])
            before, after = (
                "\n".join(line for line in part.splitlines() if not line.startswith("#")).strip().rstrip(";")
                for part in body.split("# becomes")[:2]
            )
            yield Pair(f"{path.stem}-{number}", path.stem, schema, before, after)


def differs(pair: Pair, original: exp.Query, mutant: exp.Query, scratch: Scratch) -> str:
    """How a mutant differs from the original on witness databases; empty if it does not."""
    texts = [tree.sql("duckdb") for tree in (original, mutant)]
    with Laboratory(texts[0], pair.schema, "duckdb", databases=60, strict=False, aim=(texts[1],), scratch=scratch) as laboratory:
        found = laboratory.run(texts[1])
    return found.difference.reason if found.difference is not None else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--mutants", type=int, default=0)
    parser.add_argument("--fixtures", action="store_true")
    given = parser.parse_args()
    proved, total, reasons, times = Counter[str](), Counter[str](), Counter[str](), []
    mutated, suspicious, false = 0, 0, 0
    scratch = Scratch("duckdb") if given.mutants else None
    for pair in fixtures() if given.fixtures else labelled(given.pairs):
        if given.only and pair.name not in given.only and pair.group not in given.only:
            continue
        total[pair.group] += 1
        started = time.perf_counter()
        try:
            original, candidate, found = pair.attempt(given.seconds)
        except QuerywrightError as error:
            reasons["syntax"] += 1
            print(f"{pair.name}: syntax: {error.message[:150]}", flush=True)
            continue
        took = time.perf_counter() - started
        times.append(took)
        if isinstance(found, Proof):
            proved[pair.group] += 1
            if took > 5 or given.only:
                print(f"{pair.name}: proved in {took:.2f} s, premises {[(p.kind, p.table, p.columns) for p in found.premises]}")
        else:
            reasons[found.kind] += 1
            print(f"{pair.name}: {found.kind}: {found.reason[:150]} ({took:.2f} s)", flush=True)
        for mutant in mutants(candidate, ENGINE, most=given.mutants) if scratch is not None else ():
            mutated += 1
            try:
                changed = qualify_text(mutant.text, pair.schema, ENGINE)
                if not isinstance(prove(original, changed, pair.schema, ENGINE, min(given.seconds, 2.0)), Proof):
                    continue
                suspicious += 1
                difference = differs(pair, original, changed, scratch) if "SINGLE_VALUE" not in mutant.text else ""
            except QuerywrightError as error:
                print(f"  {pair.name} {mutant.change}: not run: {error.message[:150]}")
                continue
            false += bool(difference)
            if difference:
                print(
                    f"  FALSE PROOF {pair.name} {mutant.change}: {difference}\n    {original.sql(ENGINE)}\n    {mutant.text}",
                    flush=True,
                )
            elif given.only:
                print(f"  proved mutant {pair.name} {mutant.change}\n    {original.sql(ENGINE)}\n    {mutant.text}", flush=True)
    print(f"proved {sum(proved.values())} of {sum(total.values())}:", *(f"{name} {proved[name]}/{total[name]}" for name in total))
    print("not proved:", dict(reasons))
    if times:
        ordered = sorted(times)
        slow = ordered[int(len(ordered) * 0.95)]
        print(f"seconds: median {statistics.median(times):.2f}, 95 % below {slow:.2f}, all {sum(times):.0f}")
    if given.mutants:
        print(f"mutants {mutated}, proved {suspicious}, of which false {false}")
    if scratch is not None:
        scratch.close()


if __name__ == "__main__":
    sys.exit(main())
