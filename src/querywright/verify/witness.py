"""Runs an original and its candidates on witness databases.

    with Laboratory(text, schema, "duckdb", bindings=(), seed=0, databases=100) as laboratory:
        outcome = laboratory.run(candidate_text)        # Outcome: databases, nonempty, difference, counterexample, …

All databases of a round are loaded at once: each table holds the rows of every database with its number, and views of the
tables' names show one of them at a time, so that going to the next costs one statement and the queries run as they are
written. What looks like a difference is confirmed on real tables with real keys before it counts. The original's answers
are kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType

from querywright.engines.protocol import Connection, Limits, Location
from querywright.engines.session import Session, engine_of
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Column, Schema, Table
from querywright.values import Bindings, Counterexample
from querywright.verify.answers import Answer, answer, difference, outer_limit, with_limit
from querywright.verify.compare import Difference, Terms, terms_of
from querywright.verify.databases import Witness, columns_read, narrowed, obeyed, witnesses
from querywright.verify.shrink import Trial, counterexample, shrunk

_NUMBER = "querywright_witness"
_MEMORY_BYTES = 2 << 30
_RUN_LIMIT_S = 60.0
_SMALL_LIMITS = (1, 2, 3)
_SHRINK_S = 2.0
_CONFIRM_S = 4.0
_CHUNK = 8

Probe = tuple[int, str, Bindings]
"""The number of a database, a query, parameter values."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the witnesses say about a candidate.

    ``databases`` were compared on, ``nonempty`` of them with a non-empty original answer, of ``rows`` rows in all;
    ``failed`` were discarded because the original fails on them. ``null_columns`` are the positions of columns that were
    NULL in every row, of ``width`` columns.
    ``unconfirmed`` differences did not show on real tables, or the original is ambiguous there.
    """

    databases: int
    nonempty: int
    rows: int
    failed: int
    null_columns: tuple[int, ...]
    width: int
    seconds: float
    difference: Difference | None = None
    counterexample: Counterexample | None = None
    unconfirmed: int = 0


class Laboratory:
    """Witness databases of one query in a scratch session of the same engine.

    ``schema`` is narrowed to what is enforced or declared. ``aim`` are further queries, such as a candidate, whose constants
    and predicates the databases are aimed at as well. Raises `QueryError` where a query does not fit the schema.
    """

    def __init__(
        self,
        text: str,
        schema: Schema,
        engine: str,
        *,
        bindings: Sequence[Bindings] = (),
        seed: int = 0,
        databases: int = 100,
        strict: bool = True,
        aim: Sequence[str] = (),
        crowded: bool = False,
    ) -> None:
        self.text = text
        self.location = Location(engine, writable=True)
        self.engine = engine_of(self.location)
        self.dialect = self.engine.CAPABILITIES.dialect
        self.bindings = tuple(bindings)
        self.strict = strict
        self.full_schema = obeyed(schema)
        queries = [self._facts(query, self.full_schema) for query in (text, *aim)]
        self.schema = narrowed(queries, self.full_schema)
        self.facts = self._facts(text, self.schema)
        exact = self.engine.CAPABILITIES.exact_decimals
        self.terms: Terms = terms_of(text, self.facts, strict=strict, exact_decimals=exact)
        self.ambiguous = bool(ambiguities(self.facts))
        targets = [self.facts, *(self._facts(query, self.schema) for query in aim)]
        self.base = witnesses(targets, self.bindings, seed, databases, crowded=crowded)
        self._session = Session(self.location, Limits(threads=1, memory_bytes=_MEMORY_BYTES))
        self._court: Session | None = None
        self._loaded = False
        self._answers: list[Answer] | None = None

    def __enter__(self) -> Laboratory:
        self._session.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._session.close()
        if self._court is not None:
            self._court.close()

    def covers(self, candidate: str) -> bool:
        """Whether the databases have every column that ``candidate`` reads."""
        read = columns_read([self._facts(candidate, self.full_schema)])
        for name, columns in read.items():
            table = self.schema.table(name)
            if table is None or any(table.column(column) is None for column in columns):
                return False
        return True

    # ------------------------------------------------------------------ running

    def run(self, candidate: str) -> Outcome:
        """Compare ``candidate`` with the original on all databases; stops at the first confirmed difference."""
        started = time.monotonic()
        mine = self.answers()
        theirs = self.answers_of(candidate)
        unconfirmed = 0
        for position in self.differing(mine, theirs):
            if time.monotonic() - started > _CONFIRM_S and unconfirmed:
                break
            number, variant, _ = self.probes[position]
            found = self.confirmed(candidate, number, variant)
            if found is not None:
                return replace(self._outcome(mine, started), difference=found[0], counterexample=found[1])
            unconfirmed += 1
        return replace(self._outcome(mine, started), unconfirmed=unconfirmed)

    def answers(self) -> list[Answer]:
        """The original's answers, one per probe; computed once."""
        if self._answers is None:
            self._answers = self._ask([(number, text, values) for number, text, values in self.probes])
        return self._answers

    def answers_of(self, candidate: str) -> list[Answer]:
        """The candidate's answers to the same probes."""
        swapped = self._texts(candidate)
        return self._ask([(number, swapped[text], values) for number, text, values in self.probes])

    def _texts(self, candidate: str) -> dict[str, str]:
        """The candidate to run in place of each text of the original: the same LIMIT is lowered to the same number."""
        limit, own = (outer_limit(parse_query(text, self.dialect)) for text in (self.text, candidate))
        return {
            text: (with_limit(candidate, self.dialect, rows) or candidate) if rows and own == limit else candidate
            for rows, text in self.variants.items()
        }

    def told_apart(self, other: str, seconds: float) -> bool | None:
        """Whether some database gives ``other`` another answer than the original; None if it fails on all, or time is up.

        Cheaper than `run`: databases on which the original returns rows come first, and nothing is confirmed or shrunk.
        """
        deadline = time.monotonic() + seconds
        mine = self.answers()
        order = sorted(range(len(mine)), key=lambda position: (mine[position].error is not None, not mine[position].rows))
        swapped = self._texts(other)
        worked = False
        for start in range(0, len(order), _CHUNK):
            if time.monotonic() > deadline:
                return None
            chunk = order[start : start + _CHUNK]
            theirs = self._ask([(number, swapped[text], values) for number, text, values in (self.probes[i] for i in chunk)])
            worked = worked or any(one.error is None for one in theirs)
            if not worked:
                return None
            for position, answered in zip(chunk, theirs, strict=True):
                if difference(mine[position], answered, self.terms, self._lifted(position)) is not None:
                    return True
        return False

    def describe(self, text: str) -> tuple[tuple[str, str], ...]:
        """Names and types of a query's output columns; raises `StatementError` where the engine refuses it."""
        self._load()
        return self._session.describe(text, self.base[0].parameters if self.base else (), limit_s=_RUN_LIMIT_S)

    def differing(self, mine: Sequence[Answer], theirs: Sequence[Answer]) -> list[int]:
        """Positions of the probes where the answers differ."""
        return [
            position
            for position, (ours, other) in enumerate(zip(mine, theirs, strict=True))
            if difference(ours, other, self.terms, self._lifted(position)) is not None
        ]

    @cached_property
    def variants(self) -> dict[int, str]:
        """The original by the LIMIT it runs with; 0 is as written."""
        found = {0: self.text}
        limit = outer_limit(parse_query(self.text, self.dialect))
        if limit is not None:
            found |= {rows: text for rows in _SMALL_LIMITS if (text := with_limit(self.text, self.dialect, rows))}
        return found

    @cached_property
    def probes(self) -> list[Probe]:
        """Each database once; where there is a LIMIT, every other one with a small limit."""
        small = [text for rows, text in self.variants.items() if rows]
        return [
            (number, small[number // 2 % len(small)] if small and number % 2 else self.text, witness.parameters)
            for number, witness in enumerate(self.base)
        ]

    def _lifted(self, position: int) -> Callable[[], Answer] | None:
        lifted = self.terms.lifted
        if lifted is None:
            return None
        number, _, values = self.probes[position]
        return lambda: self._ask([(number, lifted, values)])[0]

    def _outcome(self, mine: Sequence[Answer], started: float) -> Outcome:
        good = [one for one in mine if one.error is None]
        width = max((len(one.types) for one in good), default=0)
        filled = {position for one in good for row in one.rows for position, cell in enumerate(row) if cell is not None}
        return Outcome(
            databases=len(good),
            nonempty=sum(bool(one.rows) for one in good),
            rows=sum(len(one.rows) for one in good),
            failed=len(mine) - len(good),
            null_columns=tuple(position for position in range(width) if position not in filled),
            width=width,
            seconds=time.monotonic() - started,
        )

    def _load(self) -> None:
        if not self._loaded:
            self._session.call(load, _loading(self.engine.create_table, self.schema, self.dialect), self.schema, self.base)
            self._loaded = True

    def _ask(self, probes: list[Probe]) -> list[Answer]:
        self._load()
        return self._session.call(answer_all, self.dialect, probes, limit_s=_RUN_LIMIT_S)

    # ------------------------------------------------------------------ confirming

    def confirmed(self, candidate: str, number: int, variant: str) -> tuple[Difference, Counterexample] | None:
        """The difference on one database, shrunk, as it shows on real tables; None if it does not."""
        witness = self.base[number]
        trial = Trial(
            original=variant,
            candidate=self._texts(candidate)[variant],
            terms=self.terms,
            tables=self.schema.tables,
            parameters=witness.parameters,
            lifted=self.terms.lifted,
            ambiguous=self.ambiguous,
        )
        if self._court is None:
            self._court = Session(self.location, Limits(threads=1, memory_bytes=_MEMORY_BYTES)).__enter__()
            for table in self.schema.tables:
                self._court.execute(self.engine.create_table(table))
        found = self._court.call(shrunk, trial, witness.rows, _SHRINK_S, limit_s=_RUN_LIMIT_S)
        if found is None:
            return None
        return found.difference, counterexample(trial, found, self.engine.create_table, self.dialect)

    def _facts(self, text: str, schema: Schema) -> Facts:
        return Facts(qualify_text(text, schema, self.dialect), schema, self.dialect)


def load(connection: Connection, statements: Sequence[str], schema: Schema, databases: Sequence[Witness]) -> None:
    """Worker side: create the numbered tables and the views over them, and fill the tables."""
    for statement in statements:
        connection.execute(statement)
    for position, table in enumerate(schema.tables):
        rows = [(number, *row) for number, database in enumerate(databases) for row in database.rows[table.name.lower()]]
        connection.insert(_stored_name(position), [_NUMBER, *(column.name for column in table.columns)], rows)


def answer_all(connection: Connection, dialect: str, probes: Sequence[Probe]) -> list[Answer]:
    """Worker side: answer each probe on its database."""
    answers = []
    for number, sql, bindings in probes:
        connection.execute(_SWITCH.get(dialect, _SWITCH[""]).format(number))
        answers.append(answer(connection, sql, bindings))
    return answers


_SWITCH = {"duckdb": f"SET VARIABLE {_NUMBER} = {{}}", "": f"UPDATE {_NUMBER} SET number = {{}}"}
_CURRENT = {"duckdb": f"getvariable('{_NUMBER}')", "": f"(SELECT number FROM {_NUMBER})"}


def _stored_name(position: int) -> str:
    return f"querywright_rows_{position}"


def _loading(create_table: Callable[[object], str], schema: Schema, dialect: str) -> list[str]:
    statements = [f"CREATE TABLE {_NUMBER} AS SELECT 0 AS number"]
    current = _CURRENT.get(dialect, _CURRENT[""])
    for position, table in enumerate(schema.tables):
        plain = tuple(replace(column, not_null=None) for column in table.columns)
        stored = Table(_stored_name(position), (Column(_NUMBER, "INTEGER"), *plain))
        statements.append(create_table(stored))
        namespace, _, _ = table.name.rpartition(".")
        statements += [f'CREATE SCHEMA IF NOT EXISTS "{namespace}"'] if namespace else []
        target = ".".join(_quoted(part) for part in table.name.split(".", 1))
        names = ", ".join(_quoted(column.name) for column in table.columns)
        statements.append(f"CREATE VIEW {target} AS SELECT {names} FROM {_stored_name(position)} WHERE {_NUMBER} = {current}")
    return statements


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
