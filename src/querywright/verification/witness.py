"""Runs an original and its candidates on witness databases.

    with Laboratory(text, schema, "duckdb", bindings=(), seed=0, databases=100) as laboratory:
        outcome = laboratory.run(candidate_text)        # Outcome: databases, nonempty, difference, counterexample, …

What looks like a difference on a witness is confirmed on real tables with real keys before it counts. The original's answers
are kept, so that further candidates cost half.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType

from querywright.engines.protocol import Location
from querywright.engines.session import Session, engine_of
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Bindings, Counterexample
from querywright.verification.answers import Answer, difference
from querywright.verification.compare import Difference, Terms, column_difference, terms_of
from querywright.verification.constant_nulls import constant_nulls
from querywright.verification.databases import Builder, Witness
from querywright.verification.lowering import Lowering
from querywright.verification.narrowing import columns_read, narrowed, obeyed
from querywright.verification.rare_databases import rare_databases
from querywright.verification.scratch import Probe, Scratch, answer_all, describe, load, loading, removing, target
from querywright.verification.shrink import Trial, columns_counterexample, counterexample, shrunk

SHRINK_S = 2.0
"""Seconds for making a counterexample small."""

_CONFIRM_S = 4.0
_FIRST_LOOK = 4
"""Databases on which a mutant is tried first: most are told apart at once."""

_LARGE_ROWS = 150
"""Databases with more rows come last: they take long to shrink, and mutants that multiply rows are killed before by others."""

SURVIVED = -1
"""No database tells a mutant apart."""

_GENERATIONS = 3
_PATIENT_GENERATIONS = 9
_ENOUGH_NONEMPTY = 0.3
_SHAPES = 2
"""The first databases are empty, or hold nothing but chance; they stay."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the witnesses say about a candidate.

    ``databases`` were compared on, ``nonempty`` of them with an original answer that is not just NULLs, of ``rows`` rows in all;
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
    and predicates the databases are aimed at as well; of the queries in ``reading`` they only have the columns. Raises
    `QueryError` where a query does not fit the schema.
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
        reading: Sequence[str] = (),
        crowded: bool = False,
        scratch: Scratch | None = None,
        shrink_s: float = SHRINK_S,
    ) -> None:
        self.text = text
        self.scratch = scratch or Scratch(engine)
        self._owns_scratch = scratch is None
        self.engine = engine_of(Location(engine))
        self.dialect = self.engine.CAPABILITIES.dialect
        self.bindings = tuple(bindings)
        self.strict = strict
        self.full_schema = obeyed(schema)
        queries = [self._facts(query, self.full_schema) for query in (text, *aim, *reading)]
        self.schema = narrowed(queries, self.full_schema)
        self.facts = self._facts(text, self.schema)
        exact = self.engine.CAPABILITIES.exact_decimals
        self.terms: Terms = terms_of(text, self.facts, strict=strict, exact_decimals=exact)
        self.ambiguous = any(found.kind != "clock" and not found.top_level for found in ambiguities(self.facts))
        self._aim = tuple(aim)
        self._seed = seed
        self._crowded = crowded
        self._shrink_s = shrink_s
        self._databases = databases
        self._answers: list[Answer] | None = None
        self._loaded = object()
        """Stands for the databases as they are now; sessions that hold older ones load them anew."""

    def __enter__(self) -> Laboratory:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._owns_scratch:
            self.scratch.close()

    @cached_property
    def _builder(self) -> Builder:
        targets = [self.facts, *(self._facts(query, self.schema) for query in self._aim)]
        return Builder(targets, self.bindings, self._seed, crowded=self._crowded)

    @cached_property
    def base(self) -> list[Witness]:
        """The databases, made when first needed."""
        ordinary = [self._builder.witness(position) for position in range(self._databases)]
        return [*ordinary, *rare_databases(self._builder)]

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
        unconfirmed = 0
        for position in self.differing(candidate):
            if time.monotonic() - started > _CONFIRM_S and unconfirmed:
                break
            number, variant, _ = self.probes[position]
            found = self.confirmed(candidate, number, variant)
            if found is not None:
                return replace(self._outcome(self._asked(candidate), started), difference=found[0], counterexample=found[1])
            unconfirmed += 1
        return replace(self._outcome(self._asked(candidate), started), unconfirmed=unconfirmed)

    def _asked(self, candidate: str) -> list[Answer]:
        """The original's answers on the probes that ``candidate`` can be run on."""
        texts = self.lowering.candidates(candidate)
        return [one for one, (_, text, _) in zip(self.answers(), self.probes, strict=True) if text in texts]

    def answers(self) -> list[Answer]:
        """The original's answers, one per probe; computed once."""
        if self._answers is None:
            answers = self._ask(self.probes)
            reached: tuple[int, int] | None = None
            for number in range(_PATIENT_GENERATIONS):
                outcome = self._outcome(answers, time.monotonic())
                before, reached = reached, (outcome.nonempty, -len(outcome.null_columns))
                if not outcome.null_columns and (number >= _GENERATIONS or (before is not None and reached <= before)):
                    break  # the last generation was no better; a column without a value says nothing until it has one
                replaced = self._improve(answers, outcome, number)
                if not replaced:
                    break
                for position, one in zip(replaced, self._ask([self.probes[i] for i in replaced]), strict=True):
                    answers[position] = one
            self._answers = answers
        return self._answers

    def _improve(self, answers: Sequence[Answer], outcome: Outcome, generation: int) -> list[int]:
        """Replace databases that say nothing where too many of them do; return the numbers of those replaced.

        Half of the new ones are bred from databases that give an answer; where a column has no value yet, the others are such
        databases with one constant throughout.
        """
        if outcome.nonempty >= _ENOUGH_NONEMPTY * len(answers) and not outcome.null_columns:
            return []
        telling = [number for number, one in enumerate(answers) if _says_something(one)]
        parents = [self.base[number] for number in telling]
        silent = [number for number in range(_SHAPES, self._databases) if number not in set(telling)]
        replaced = silent[len(silent) // 4 :]
        if outcome.null_columns:
            replaced += [number for number in telling[:: _SHAPES + 1] if number < self._databases]
        for turn, number in enumerate(replaced):
            parent = parents[turn % len(parents)] if parents else None
            if parent is not None and turn % 2 == 0:
                self.base[number] = self._builder.child(parent)
            elif parent is not None and outcome.null_columns:
                self.base[number] = self._builder.leveled(parent, (generation * len(replaced) + turn) // 2)
            else:
                self.base[number] = self._builder.witness(number)
        self._renew()
        return replaced

    def _renew(self) -> None:
        self.__dict__.pop("probes", None)
        self._answers = None
        self._loaded = object()

    def differing(self, candidate: str) -> Iterator[int]:
        """Positions of the probes where the candidate's answer differs."""
        mine, texts = self.answers(), self.lowering.candidates(candidate)
        asked = sorted((position for position, (_, text, _) in enumerate(self.probes) if text in texts), key=self._large)
        theirs = self._ask([(number, texts[text], values) for number, text, values in (self.probes[i] for i in asked)])
        for position, other in zip(asked, theirs, strict=True):
            if difference(mine[position], other, self.terms, self._lifted(position)) is not None:
                yield position

    def hunt(self, mutant: str) -> Iterator[int | None]:
        """Look for a database that gives ``mutant`` another answer than the original, at a few databases a look.

        After each look yields None if there are more to look at, else the number of such a database, or `SURVIVED`.
        Ends without that where the mutant fails wherever it is run. Cheaper than `run`: databases on which the original returns
        rows come first, and nothing is confirmed or shrunk.
        """
        mine, texts = self.answers(), self.lowering.candidates(mutant)
        order = [position for position, (_, text, _) in enumerate(self.probes) if text in texts]
        order.sort(key=lambda position: (mine[position].error is not None, not mine[position].rows, self._large(position)))
        worked = False
        start, size = 0, _FIRST_LOOK
        while start < len(order):
            chunk = order[start : start + size]
            start, size = start + size, 3 * size
            theirs = self._ask([(number, texts[text], values) for number, text, values in (self.probes[i] for i in chunk)])
            worked = worked or any(one.error is None for one in theirs)
            if not worked:
                return
            for position, answered in zip(chunk, theirs, strict=True):
                if difference(mine[position], answered, self.terms, self._lifted(position)) is not None:
                    yield position
                    return
            if start < len(order):
                yield None
        yield SURVIVED

    def _large(self, position: int) -> bool:
        number, _, _ = self.probes[position]
        return sum(map(len, self.base[number].rows.values())) > _LARGE_ROWS

    def adopt(self, found: Sequence[Witness]) -> None:
        """Add databases, each with LIMIT and OFFSET as written and with small ones."""
        self.base.extend(witness for witness in found for _ in range(2))
        self._renew()

    def describe(self, text: str) -> tuple[tuple[str, str], ...]:
        """Names and types of a query's output columns; raises `StatementError` where the engine refuses it."""
        parameters = self.base[0].parameters if self.base else ()
        self.scratch.begin(self._loaded, "views", removing(self.schema), self._load, len(self.base))
        return self.scratch.call(self._loaded, "views 0", removing(self.schema), self._load, describe, text, parameters)

    def mismatch(self, candidate: str) -> tuple[Difference, Counterexample] | None:
        """The difference in number, types or (``strict``) names of the columns of ``candidate``."""
        texts = (self.text, candidate)
        columns = [self.described(text) for text in texts]
        found = column_difference(columns[0], columns[1], self.terms)
        if found is None:
            return None
        tables = narrowed([self._facts(text, self.full_schema) for text in texts], self.full_schema).tables
        queries = list(zip(texts, columns, strict=True))
        return found, columns_counterexample(found.reason, tables, queries, self.engine.create_table, self.dialect)

    def described(self, text: str) -> tuple[tuple[str, str], ...]:
        """Like `describe`; unless ``strict``, columns that hold nothing but NULL are of no type."""
        columns = self.describe(text)
        untyped = frozenset[int]() if self.strict else constant_nulls(self._facts(text, self.full_schema))
        return tuple((name, "" if position in untyped else kind) for position, (name, kind) in enumerate(columns))

    def describe_on_empty_tables(self, text: str) -> tuple[tuple[str, str], ...]:
        """Like `describe`, for a query over any tables of the schema, and without making databases."""
        tables = narrowed([self._facts(text, self.full_schema)], self.full_schema).tables

        def create(session: Session) -> None:
            for table in tables:
                session.execute(self.engine.create_table(table))

        drops = [f"DROP TABLE IF EXISTS {target(table.name)}" for table in tables]
        parameters = self.bindings[0] if self.bindings else ()
        return self.scratch.call(object(), "tables", drops, create, describe, text, parameters)

    @cached_property
    def lowering(self) -> Lowering:
        """The original with smaller LIMITs and OFFSETs."""
        return Lowering(self.text, self.dialect)

    @cached_property
    def probes(self) -> list[Probe]:
        """Each database once; where there is a LIMIT or OFFSET, every other one with small ones."""
        small = list(self.lowering.variants.values())
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
            nonempty=sum(map(_says_something, good)),
            rows=sum(len(one.rows) for one in good),
            failed=len(mine) - len(good),
            null_columns=tuple(position for position in range(width) if position not in filled),
            width=width,
            seconds=time.monotonic() - started,
        )

    def _ask(self, probes: list[Probe]) -> list[Answer]:
        return self.scratch.spread(self._loaded, "views", removing(self.schema), self._load, answer_all, self.dialect, probes)

    def _load(self, session: Session) -> None:
        statements = loading(self.engine.create_table, self.schema, self.dialect, len(self.base))
        session.call(load, statements, self.schema, self.base)

    # ------------------------------------------------------------------ confirming

    def confirmed(self, candidate: str, number: int, variant: str) -> tuple[Difference, Counterexample] | None:
        """The difference on one database, shrunk, as it shows on real tables; None if it does not."""
        return self.tried(candidate, self.base[number], variant)

    def tried(self, candidate: str, witness: Witness, variant: str = "") -> tuple[Difference, Counterexample] | None:
        """The same on any database; ``variant`` is the original with another LIMIT or OFFSET."""
        variant = variant or self.text
        trial = Trial(
            original=variant,
            candidate=self.lowering.candidates(candidate)[variant],
            terms=self.terms,
            tables=self.schema.tables,
            parameters=witness.parameters,
            lifted=self.terms.lifted,
            ambiguous=self.ambiguous,
        )

        def create(session: Session) -> None:
            for table in self.schema.tables:
                session.execute(self.engine.create_table(table))

        drops = [f"DROP TABLE IF EXISTS {target(table.name)}" for table in self.schema.tables]
        found = self.scratch.call(self, "tables", drops, create, shrunk, trial, witness.rows, self._shrink_s)
        if found is None:
            return None
        return found.difference, counterexample(trial, found, self.engine.create_table, self.dialect)

    def _facts(self, text: str, schema: Schema) -> Facts:
        return Facts(qualify_text(text, schema, self.dialect), schema, self.dialect)


def _says_something(one: Answer) -> bool:
    return any(cell is not None for row in one.rows for cell in row)
