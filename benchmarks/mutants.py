"""Measures refutation: python benchmarks/mutants.py PAIRS.jsonl --out RESULTS.jsonl [--most 10] [--seconds 3600]

Puts small mistakes into the second query of each labelled pair, as DuckDB runs it. A mutant counts if random databases, made by
a generator of its own, tell it apart from the first query. Each that counts is verified as ``qw verify`` does, and handed to
the prover alone, whose proof would be false. Pairs come in an order by chance, so that what a part of them shows holds for
all; a run continues where the last one with the same RESULTS stopped, and ends with a summary of them.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
from random_databases import RandomDatabases

from querywright.bench.pairs import Pair, read_pairs
from querywright.errors import QuerywrightError
from querywright.pipeline import verify
from querywright.sql.dialects import AUTO, likely, read_schema
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.verification.mutate import mutants
from querywright.verification.proof import Proof, prove
from querywright.verification.reading import read_pair
from querywright.verification.scratch import Scratch

ENGINE = "duckdb"
_PROOF_S = 2.0


def runnable(pair: Pair, schema: Schema) -> tuple[str, str] | None:
    """Both queries as DuckDB runs them, None where it does not."""
    with duckdb.connect() as connection:
        for table in schema.tables:
            connection.execute(f'CREATE TABLE "{table.name}" ({", ".join(f""""{c.name}" {c.type}""" for c in table.columns)})')
        for dialect in likely(AUTO, ENGINE):
            try:
                first, second = (query.sql for query in read_pair((pair.a, pair.b), schema, dialect, ENGINE, (), ("a", "b")))
                connection.execute(f"DESCRIBE {first}")
                connection.execute(f"DESCRIBE {second}")
            except (QuerywrightError, duckdb.Error):
                continue
            return first, second
    return None


def results(pair: Pair, most: int, seed: int, scratch: tuple[Scratch, Scratch]) -> Iterator[dict[str, object]]:
    """What becomes of each mutant of a pair, and of the pair itself."""
    schema = read_schema(pair.schema, AUTO, ENGINE)
    texts = runnable(pair, schema)
    if texts is None:
        yield {"pair": pair.id, "change": "", "kind": "not run"}
        return
    original, candidate = texts
    made = mutants(parse_query(candidate, ENGINE), ENGINE, seed=seed, most=most)
    databases = RandomDatabases(schema, [original, candidate, *(mutant.text for mutant in made)], seed)
    apart: set[int] = set()
    differs = False
    for first, second, *others in databases.answers([original, candidate, *(mutant.text for mutant in made)]):
        differs = differs or (first is not None and second is not None and first != second)
        apart |= {place for place, one in enumerate(others) if None not in (first, one) and first != one}
    yield {"pair": pair.id, "change": "", "kind": "pair", "differs": differs}
    for place, mutant in enumerate(made):
        result: dict[str, object] = {"pair": pair.id, "change": mutant.change, "kind": "mutant", "apart": place in apart}
        if place in apart:
            began = time.monotonic()
            try:
                verdict = verify(original, mutant.text, schema=schema, dialect=ENGINE, scratch=scratch)
                result |= {"grade": verdict.grade, "reason": verdict.reason}
                trees = [qualify_text(text, schema, ENGINE) for text in (original, mutant.text)]
                result |= {"proved": isinstance(prove(trees[0], trees[1], schema, ENGINE, _PROOF_S), Proof)}
            except QuerywrightError as error:
                result |= {"grade": "error", "reason": error.message}
            result |= {"seconds": round(time.monotonic() - began, 2)}
            if result["grade"] != "refuted" or result.get("proved"):
                result |= {"original": original, "mutant": mutant.text}
        yield result


def summary(rows: list[dict[str, object]]) -> None:
    """Print what all results say together."""
    judged = [row for row in rows if row.get("apart")]
    grades = Counter(str(row["grade"]) for row in judged)
    pairs = {row["pair"] for row in rows}
    made = sum(row["kind"] == "mutant" for row in rows)
    print(f"{len(pairs)} pairs, {made} mutants, {len(judged)} told apart by random databases")
    print("of those:", ", ".join(f"{count} {grade}" for grade, count in grades.most_common()))
    if judged:
        print(f"refuted: {grades['refuted'] / len(judged):.2%}, proved: {sum(bool(row.get('proved')) for row in judged)}")
    print("pairs that differ themselves:", *(row["pair"] for row in rows if row.get("differs")))
    for row in judged:
        if row["grade"] != "refuted" or row.get("proved"):
            print(f"\n{row['pair']} {row['change']}: {row['grade']} {row['reason']}\n  {row['original']}\n  {row['mutant']}")


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0)
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {row["pair"] for row in rows}
    pairs = read_pairs(given.pairs)
    random.Random(given.seed).shuffle(pairs)
    deadline = time.monotonic() + given.seconds
    scratch = Scratch(ENGINE, lanes=1), Scratch(ENGINE, lanes=1)
    for pair in pairs:
        if pair.id in done or time.monotonic() > deadline:
            continue
        found = list(results(pair, given.most, given.seed, scratch))
        with given.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in found)
        rows += found
    for one in scratch:
        one.close()
    summary(rows)


if __name__ == "__main__":
    main()
