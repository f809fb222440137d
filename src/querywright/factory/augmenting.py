"""Multiplies examples: the same pair under other names of tables and columns, with other constants, and in another dialect.

Each variant is executed again, on a database that has the new names or on the other engine, and dropped where both sides do not
answer alike there. One under other names alone keeps the figures of its origin, of which it is the same query on the same data;
with other constants, or in another dialect, it is another query, which is timed anew. A variant stays in the split of the example
that it is made from.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from random import Random

from querywright.databases.specification import workload_instance
from querywright.engines.session import Session
from querywright.errors import QueryError, QuerywrightError
from querywright.factory.constants import other_constants
from querywright.factory.rechecking import recheck
from querywright.factory.renaming import VARIANTS, renamed_index, renamed_question, renaming
from querywright.factory.replicas import Replicas
from querywright.factory.retiming import retimed
from querywright.factory.translating import translated
from querywright.factory.values import Example, Solution
from querywright.generation.statistics import Statistics, statistics
from querywright.scoring.reward import THRESHOLD
from querywright.sql.renaming import Renaming, renamed_sql
from querywright.sql.schema import Schema

CHECKED_ROWS = 3_000
"""Rows of the generated databases on which variants are executed."""

_CONSTANTS_EVERY = 2
"""Every so many variants have other constants as well."""


@dataclass(frozen=True, slots=True)
class Variants:
    """What an example gave: its variants, and why each of the others was ``dropped``. ``origin`` is its id."""

    origin: str
    examples: tuple[Example, ...] = ()
    dropped: tuple[str, ...] = ()


class Augmenter:
    """Makes variants; a context manager."""

    def __init__(self, variants: int = 4, seed: int = 0, rows: int = CHECKED_ROWS, dialects: bool = True) -> None:
        """``variants`` is the number of renamings of each example; with ``dialects`` each is also put into the other dialect."""
        if not 0 < variants <= VARIANTS:
            raise QueryError(f"There are up to {VARIANTS} variants, not {variants}.", f"Write --variants {VARIANTS}.")
        self._variants = variants
        self._seed = seed
        self._dialects = dialects
        self._replicas = Replicas(rows)
        self._sized = Replicas()
        self._statistics: dict[str, Statistics] = {}

    def __enter__(self) -> Augmenter:
        self._replicas.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._replicas.__exit__(None, None, None)
        self._sized.__exit__(None, None, None)

    def variants(self, example: Example, threshold: float = THRESHOLD) -> Variants:
        """The variants of an example that hold; those that are timed anew count if their reward reaches ``threshold``.

        Raises `DatabaseError` where its database cannot be opened or made, and `RunError` where there is no room for variants.
        """
        found = [self._variant(example, number, threshold) for number in range(self._variants)]
        if self._dialects and not example.solution.statements and workload_instance(example.database) is not None:
            found.append(translated(example, self._sized, threshold))
        dropped = tuple(_kind(one) for one in found if isinstance(one, str))
        if dropped:
            self._replicas.check_room(example.database)
        return Variants(example.id, tuple(one for one in found if isinstance(one, Example)), dropped)

    def _variant(self, example: Example, number: int, threshold: float) -> Example | str:
        """The example under other names, at times with other constants, or why there is none."""
        database, session = self._replicas.opened(example.database, {})
        names = renaming(database.schema, number)
        changed = example
        if number % _CONSTANTS_EVERY and not example.solution.statements:  # with indexes a time is one on a copy that has them
            known = self._known(example.database, database.schema, session)
            changed = other_constants(example, known, Random(f"{self._seed}:{example.id}:{number}"))
        variant = renamed_example(changed, example, names, number)
        try:
            renamed, own = self._replicas.opened(example.database, names)
            found = recheck(renamed, own, variant.slow, variant.solution.sql, variant.solution.statements, self._replicas.host)
        except QuerywrightError as error:  # such as a type that a table under other names cannot have
            return error.message
        if found.reason or changed is example:
            return found.reason or variant
        timed = retimed(changed, self._sized, threshold)
        return timed if isinstance(timed, str) else renamed_example(timed, example, names, number)

    def _known(self, specification: str, schema: Schema, session: Session) -> Statistics:
        if specification not in self._statistics:
            self._statistics[specification] = statistics(schema, session)
        return self._statistics[specification]


def _kind(reason: str) -> str:
    """The reason as others share it."""
    return re.sub(r"\d+", "N", reason.partition(":")[0])[:80]


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
