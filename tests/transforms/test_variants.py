"""Whatever a transform makes of a slightly changed query of its fixture has the answer of that query."""

from __future__ import annotations

from random import Random
from zlib import crc32

import duckdb
import pytest
from nasty import databases
from query_fixtures import Case, names, read
from running import ENGINES, Rows, differences, runner
from variants import variant

from querywright.errors import QueryError
from querywright.sql.ambiguity import ambiguities
from querywright.sql.ddl import schema_of
from querywright.sql.facts import Facts
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import apply_everywhere, transforms

ONE_IN = 3
"""The share of the cases that are tried: always the same ones, whatever else the fixtures hold."""

PAIRS = [
    (name, engine)
    for name in names("transforms")
    for engine in read("transforms", name).engines
    if engine in ENGINES and name in transforms(engine)
]


@pytest.mark.parametrize(("name", "engine"), PAIRS)
def test_variants_keep_their_answers(name: str, engine: str) -> None:
    for case in read("transforms", name).cases:
        number = crc32(f"{case} {engine}".encode())
        if engine in case.engines and number % ONE_IN == 0:
            check(case, engine, Random(number))


def check(case: Case, engine: str, random: Random) -> None:
    """Variants that the engine or the product refuses, and those with several valid answers, are passed over."""
    ddl = read("transforms", case.subject).ddl
    schema, here = schema_of(ddl, engine), runner(engine, ddl)
    original = variant(qualify_text(case.sql, schema, engine), schema, random).sql(engine)
    try:
        tree = qualify_text(original, schema, engine, [output for output, _ in here.outputs(original)])
    except (here.error, QueryError):
        return
    facts = Facts(tree, schema, engine)
    rewritten = None if ambiguities(facts) else apply_everywhere(tree, schema, engine, case.subject)
    if rewritten is None:
        return
    ordered, text = facts.total_order(tree) is not None, rewritten.tree.sql(engine)
    for database in databases(schema, tree):
        here.load(database)
        try:
            expected = here.rows(original)
        except here.error:
            continue
        try:
            difference = differences(expected, here.rows(text), ordered=ordered)
        except duckdb.ConversionException:  # a text compared with a number, which DuckDB may evaluate on other rows
            continue
        assert not difference or _holds_nan(expected), f"{difference}\n{original}\n{text}\n{database}"


def _holds_nan(rows: Rows) -> bool:
    return any(value != value for row in rows for value in row)
