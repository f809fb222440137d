"""Multiplies examples: the same pair under other names of tables and columns, with other constants, and in another dialect.

Each variant is executed again, on a database that has the new names or on the other engine, and dropped where both sides do not
answer alike there. A variant stays in the split of the example that it is made from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random

from querywright.databases.specification import workload_instance
from querywright.engines.session import Session
from querywright.errors import DatabaseError, QueryError, QuerywrightError
from querywright.factory.constants import other_constants
from querywright.factory.rechecking import recheck
from querywright.factory.renaming import VARIANTS, Renaming, renamed_index, renamed_question, renamed_sql, renaming
from querywright.factory.replicas import Replicas
from querywright.factory.translating import translated
from querywright.factory.values import Example, Solution
from querywright.generation.statistics import Statistics, statistics
from querywright.scoring.reward import THRESHOLD
from querywright.sql.schema import Schema

CHECKED_ROWS = 3_000
"""Rows of the generated databases on which variants are executed."""

_CONSTANTS_EVERY = 2
"""Every so many variants have other constants as well."""


class Augmenter:
    """Makes variants; ``dropped`` counts those that did not run or did not answer alike. A context manager."""

    def __init__(
        self, variants: int = 4, seed: int = 0, rows: int = CHECKED_ROWS, dialects: bool = True, threshold: float = THRESHOLD
    ) -> None:
        """``variants`` is the number of renamings of each example; with ``dialects`` each is also put into the other dialect,
        which counts if its reward there reaches ``threshold``."""
        if not 0 < variants <= VARIANTS:
            raise QueryError(f"There are up to {VARIANTS} variants, not {variants}.", f"Write --variants {VARIANTS}.")
        self.dropped: dict[str, int] = {}
        self._variants = variants
        self._seed = seed
        self._dialects = dialects
        self._threshold = threshold
        self._replicas = Replicas(rows)
        self._sized = Replicas()
        self._statistics: dict[str, Statistics] = {}

    def __enter__(self) -> Augmenter:
        self._replicas.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._replicas.__exit__(None, None, None)
        self._sized.__exit__(None, None, None)

    def variants(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The variants of each example that hold, in turn."""
        for example in examples:
            for number in range(self._variants):
                variant = self._variant(example, number)
                if variant is not None:
                    yield variant
            if self._dialects and (variant := self._translated(example)) is not None:
                yield variant

    def _variant(self, example: Example, number: int) -> Example | None:
        database, session = self._replicas.opened(example.database, {})
        names = renaming(database.schema, number)
        changed = example
        if number % _CONSTANTS_EVERY:
            known = self._known(example.database, database.schema, session)
            changed = other_constants(example, known, Random(f"{self._seed}:{example.id}:{number}"))
        variant = renamed_example(changed, example, names, number)
        try:
            renamed, own = self._replicas.opened(example.database, names)
            found = recheck(renamed, own, variant.slow, variant.solution.sql, variant.solution.statements, self._replicas.host)
        except QuerywrightError as error:  # such as a type that a table under other names cannot have
            found_reason = error.message
        else:
            found_reason = found.reason
        if found_reason:
            self._drop(found_reason)
            return None
        return variant

    def _translated(self, example: Example) -> Example | None:
        """The example in the other dialect, on data of its own size, since its speed is measured there."""
        if example.solution.statements or workload_instance(example.database) is None:
            return None
        try:
            found = translated(example, self._sized, self._threshold)
        except DatabaseError as error:
            found = error.message
        if isinstance(found, str):
            self._drop(found)
            return None
        return found

    def _drop(self, why: str) -> None:
        reason = re.sub(r"\d+", "N", why.partition(":")[0])[:80]
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def _known(self, specification: str, schema: Schema, session: Session) -> Statistics:
        if specification not in self._statistics:
            self._statistics[specification] = statistics(schema, session)
        return self._statistics[specification]


def renamed_example(example: Example, origin: Example, names: Renaming, number: int) -> Example:
    """The example under new names, as variant ``number`` of ``origin``."""
    identity = hashlib.sha256(f"{origin.id}:{number}".encode()).hexdigest()[:16]
    solution = example.solution
    return replace(
        example,
        id=identity,
        question=renamed_question(example.question, names),
        slow=renamed_sql(example.slow, example.engine, names),
        clean=renamed_sql(example.clean, example.engine, names),
        solution=_renamed(solution, example.engine, names, identity),
        fingerprint=hashlib.sha256(f"{origin.fingerprint}:{number}".encode()).hexdigest()[:16],
        rejected=tuple(_renamed(one, example.engine, names, identity) for one in example.rejected),
        renaming=tuple(sorted(names.items())),
        origin=origin.id,
    )


def _renamed(solution: Solution, engine: str, names: Renaming, identity: str) -> Solution:
    return replace(
        solution,
        sql=renamed_sql(solution.sql, engine, names),
        statements=tuple(renamed_index(statement, names) for statement in solution.statements),
        fingerprint=hashlib.sha256(f"{identity}:{solution.fingerprint}".encode()).hexdigest()[:16],
    )
