"""The databases of one engine that the factory works on, opened once and shared by everything that is made on them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import count, product

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.sampling import sample
from querywright.databases.specification import schema_title, workload_instance
from querywright.engines.protocol import Limits
from querywright.engines.session import Host, Session
from querywright.errors import DatabaseError
from querywright.factory.cpu import process_time
from querywright.factory.drafting import Drafter
from querywright.factory.values import CURRICULUM
from querywright.judge import Bench
from querywright.verification.scratch import Scratch
from querywright.workloads.driver import Instance, instance, sized

DRAFTED_ON = 2
"""The tier whose data queries are drafted on; their constants are good for the others, which hold the same kinds of rows."""

LARGEST_TIER = {"sqlite": 4}
"""Where an engine is slow enough on fewer rows than the curriculum's most."""

_OPEN = 12
_LARGEST = 100_000
"""Rows of the largest table of a user's database beyond which a sample takes its place."""

_MEMORY_BYTES = 1 << 30
_SCRATCH_BYTES = 256 << 20
_SCRATCH_LIMIT_S = 5.0


class Stock:
    """Opens databases in one worker process. Everything it opened is gone once that process is lost; then make a new one."""

    def __init__(self, engine: str, seed: int) -> None:
        self.host = Host()
        self.limits = Limits(threads=1, memory_bytes=_MEMORY_BYTES)
        self.scratch = Scratch(engine, 1, (self.host,), _SCRATCH_LIMIT_S, _SCRATCH_BYTES)
        self._engine = engine
        self._seed = seed
        self._known: dict[str, Database] = {}
        self._opened: OrderedDict[str, Session] = OrderedDict()
        self._drafters: dict[str, Drafter] = {}
        self._numbers = count()
        self._cpu_s = 0.0

    def specification(self, schema: str, tier: int) -> str:
        """What opens the database of a schema at a tier; a user's own database has one size only.

        Raises `DatabaseError` for a workload that the engine does not have.
        """
        chosen = _sized(schema)
        if chosen is None:
            return schema
        given = {**chosen.parameters, "rows": str(CURRICULUM[tier]), "engine": self._engine}
        return instance(chosen.name, given).label

    def bench(self, schema: str, tier: int) -> Bench:
        """The database of a schema at a tier, with room for an answer of its own."""
        wanted = self.specification(schema, tier)
        if wanted not in self._opened:
            while len(self._opened) >= _OPEN:
                self._opened.popitem(last=False)[1].close()
            location = self._database(wanted).location
            if location.engine != self._engine:
                raise DatabaseError(f"{schema} is not a {self._engine} database.", f"Add --engine {location.engine}.")
            self._opened[wanted] = Session(location, self.limits, self.host).__enter__()
        self._opened.move_to_end(wanted)
        return Bench(self._known[wanted], self._opened[wanted], table=f"querywright_answer_{next(self._numbers)}")

    def _database(self, specification: str) -> Database:
        """What a specification names; its schema is read once, in the process that there is, for one of its own takes as long as
        an example does."""
        if specification not in self._known:
            self._known[specification] = self._sampled(open_database(specification, host=self.host))
        return self._known[specification]

    def _sampled(self, database: Database) -> Database:
        """A scratch copy of some rows where the user's own database is large."""
        largest = max((table.rows or 0 for table in database.schema.tables), default=0)
        if _sized(database.specification) or largest <= _LARGEST:
            return database
        return replace(sample(database, _LARGEST / largest, self._seed), specification=database.specification)

    def drafter(self, schema: str) -> Drafter:
        """What drafts queries over a schema."""
        if schema not in self._drafters:
            bench = self.bench(schema, DRAFTED_ON)
            dialect = bench.session.capabilities.dialect
            self._drafters[schema] = Drafter.over(schema_title(schema), bench.database.schema, bench.session, dialect, self._seed)
        return self._drafters[schema]

    def tiers(self, schema: str) -> range:
        """The tiers that there are."""
        return range(1 + LARGEST_TIER.get(self._engine, len(CURRICULUM) - 1) if _sized(schema) else 1)

    def cpu_s(self) -> float:
        """CPU seconds of the worker process since they were asked for last."""
        if self.host.lost or not self._opened:
            return 0.0
        session = next(iter(self._opened.values()))
        before, self._cpu_s = self._cpu_s, session.call(process_time)
        return self._cpu_s - before

    def close(self) -> None:
        """End the worker process."""
        self.scratch.close()
        self.host.close()


def engines_of(schema: str) -> tuple[str, ...]:
    """The engines that a user's database can be worked on with: of a file its own, of tables made at any size all of theirs.

    Raises `DatabaseError` where it cannot be opened.
    """
    chosen = _sized(schema)
    return chosen.workload.ENGINES if chosen is not None else (open_database(schema).location.engine,)


def open_all(engines: Iterable[str], databases: Iterable[str], seed: int) -> None:
    """Open the user's own databases once before there is any work on them.

    Raises `DatabaseError` for one that cannot be opened, and `InputError` for one over which no query can be drawn.
    """
    for engine, schema in product(engines, databases):
        with closing(Stock(engine, seed)) as stock:
            stock.drafter(schema)


def _sized(schema: str) -> Instance | None:
    """The workload that a schema is, if it comes at every tier."""
    chosen = workload_instance(schema)
    return chosen if chosen is not None and sized(chosen.name) else None
