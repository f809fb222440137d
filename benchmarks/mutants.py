"""Measures refutation: python benchmarks/mutants.py PAIRS.jsonl --out RESULTS.jsonl [--most 10] [--seconds 3600]
    [--confirmed EARLIER.jsonl] [--small]

Puts small mistakes into the second query of each labelled pair, as DuckDB runs it. A mutant counts if random databases, made by
a generator of its own, tell it apart from the first query. Each that counts is verified as ``qw verify`` does, and handed to
the prover alone, whose proof would be false. Pairs come in an order by chance, so that what a part of them shows holds for
all; a run continues where the last one with the same RESULTS stopped, and ends with a summary of them. With ``--confirmed``
earlier results say which mutants were told apart, so that only verdicts are made anew; with ``--small`` counterexamples are
made small, as ``qw verify`` does.
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
from querywright.pipeline import PROOF_S
from querywright.sql.dialects import AUTO, likely, read_schema
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Candidate, Query
from querywright.verification.mutate import Mutant, mutants
from querywright.verification.proof import Proof, prove
from querywright.verification.reading import read_pair
from querywright.verification.scratch import Scratch
from querywright.verification.verdicts import Verifier
from querywright.verification.witness import SHRINK_S

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


Row = dict[str, object]


def told_apart(pair: Pair, schema: Schema, texts: list[str], seed: int) -> tuple[set[int], bool]:
    """The places of the mutants among ``texts``, after the pair itself, that random databases tell apart from the first query,
    and whether they tell the pair apart."""
    apart: set[int] = set()
    differs = False
    for first, second, *others in RandomDatabases(schema, texts, seed).answers(texts):
        differs = differs or (first is not None and second is not None and first != second)
        apart |= {place for place, one in enumerate(others) if None not in (first, one) and first != one}
    return apart, differs


def judged(original: str, mutant: str, schema: Schema, scratch: tuple[Scratch, Scratch], shrink_s: float) -> Row:
    """The verdict on a mutant, and whether the prover alone takes it for equal."""
    began = time.monotonic()
    try:
        queries = [Query(text, ENGINE, "") for text in (original, mutant)]
        verifier = Verifier(queries[0], schema, ENGINE, strict=False, proof_s=PROOF_S, scratch=scratch, shrink_s=shrink_s)
        verdict = verifier.verdict(Candidate(queries[1], ""))
        trees = [qualify_text(text, schema, ENGINE) for text in (original, mutant)]
        proved = isinstance(prove(trees[0], trees[1], schema, ENGINE, _PROOF_S), Proof)
        result: Row = {"grade": verdict.grade, "reason": verdict.reason, "proved": proved}
    except QuerywrightError as error:
        result = {"grade": "error", "reason": error.message}
    if result["grade"] != "refuted" or result.get("proved"):
        result |= {"original": original, "mutant": mutant}
    return result | {"seconds": round(time.monotonic() - began, 2)}


def results(
    pair: Pair, most: int, seed: int, scratch: tuple[Scratch, Scratch], shrink_s: float, earlier: list[Row] | None
) -> Iterator[Row]:
    """What becomes of each mutant of a pair, and of the pair itself."""
    schema = read_schema(pair.schema, AUTO, ENGINE)
    texts = runnable(pair, schema)
    if texts is None:
        yield {"pair": pair.id, "change": "", "kind": "not run"}
        return
    original, candidate = texts
    if earlier is None:
        made: list[Mutant] = mutants(parse_query(candidate, ENGINE), ENGINE, seed=seed, most=most)
        apart, differs = told_apart(pair, schema, [original, candidate, *(mutant.text for mutant in made)], seed)
    else:
        known = [row for row in earlier if row["kind"] == "mutant"]
        made = mutants(parse_query(candidate, ENGINE), ENGINE, seed=seed, most=len(known))
        if [mutant.change for mutant in made] != [row["change"] for row in known]:
            yield {"pair": pair.id, "change": "", "kind": "other mutants"}
            return
        apart = {place for place, row in enumerate(known) if row["apart"]}
        differs = any(bool(row.get("differs")) for row in earlier)
    yield {"pair": pair.id, "change": "", "kind": "pair", "differs": differs}
    for place, mutant in enumerate(made):
        row: Row = {"pair": pair.id, "change": mutant.change, "kind": "mutant", "apart": place in apart}
        yield row | judged(original, mutant.text, schema, scratch, shrink_s) if place in apart else row


def summary(rows: list[Row]) -> None:
    """Print what all results say together."""
    confirmed = [row for row in rows if row.get("apart")]
    grades = Counter(str(row["grade"]) for row in confirmed)
    pairs = {row["pair"] for row in rows}
    made = sum(row["kind"] == "mutant" for row in rows)
    print(f"{len(pairs)} pairs, {made} mutants, {len(confirmed)} told apart by random databases")
    print("of those:", ", ".join(f"{count} {grade}" for grade, count in grades.most_common()))
    if confirmed:
        proved = sum(bool(row.get("proved")) for row in confirmed)
        print(f"refuted: {grades['refuted'] / len(confirmed):.2%}, proved: {proved}")
    print("pairs that differ themselves:", *(row["pair"] for row in rows if row.get("differs")))
    for row in confirmed:
        if row["grade"] != "refuted" or row.get("proved"):
            print(f"\n{row['pair']} {row['change']}: {row['grade']} {row['reason']}\n  {row['original']}\n  {row['mutant']}")


def read_rows(path: Path) -> list[Row]:
    """The results in a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--confirmed", type=Path)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    rows = read_rows(given.out) if given.out.exists() else []
    earlier: dict[object, list[Row]] = {}
    for row in read_rows(given.confirmed) if given.confirmed else []:
        earlier.setdefault(row["pair"], []).append(row)
    done = {row["pair"] for row in rows}
    pairs = read_pairs(given.pairs)
    random.Random(given.seed).shuffle(pairs)
    deadline = time.monotonic() + given.seconds
    scratch = Scratch(ENGINE, lanes=1), Scratch(ENGINE, lanes=1)
    for pair in pairs:
        if pair.id in done or time.monotonic() > deadline or (given.confirmed and pair.id not in earlier):
            continue
        shrink_s = SHRINK_S if given.small else 0.0
        found = list(results(pair, given.most, given.seed, scratch, shrink_s, earlier[pair.id] if given.confirmed else None))
        with given.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in found)
        rows += found
    for one in scratch:
        one.close()
    summary(rows)


if __name__ == "__main__":
    main()
