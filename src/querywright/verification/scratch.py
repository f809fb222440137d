"""Scratch sessions of witness databases, and what runs inside them.

All databases of a laboratory are loaded at once: each table holds the rows of every database with its number, and views of the
tables' names show one of them at a time, so that going to the next costs one statement and queries run as they are written.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar, cast

from querywright.engines.protocol import Connection, Limits, Location
from querywright.engines.session import Host, Session
from querywright.errors import StatementError, StatementOutOfMemory, StatementTimeout, WorkerLost
from querywright.sql.schema import Column, Schema, Table
from querywright.values import Bindings
from querywright.verification.answers import Answer, answer
from querywright.verification.databases import Witness

Item = TypeVar("Item")
Result = TypeVar("Result")

Probe = tuple[int, str, Bindings]
"""The number of a database, a query, parameter values."""

RUN_LIMIT_S = 60.0
"""The most that one call may take, which is a round of all databases at most."""

_LANES = min(4, os.cpu_count() or 1)
_LEAST_A_LANE = 4
"""So few queries are not worth the wait for another process."""

_NUMBER = "querywright_witness"
_MEMORY_BYTES = 2 << 30


class Scratch:
    """The scratch sessions that laboratories take turns in: some for views over many databases, one for real tables.

    A session holds the tables of one owner, a token that stands for what is in them; another one's arrival replaces them.
    Processes start when first used, ``lanes`` of them for the views; with ``hosts`` all is done in theirs, lane by lane. A call
    may take ``limit_s``.
    """

    def __init__(
        self,
        engine: str,
        lanes: int = _LANES,
        hosts: Sequence[Host] = (),
        limit_s: float = RUN_LIMIT_S,
        memory_bytes: int = _MEMORY_BYTES,
    ) -> None:
        self._location = Location(engine, writable=True)
        self._hosts = hosts
        self._limits = Limits(threads=1, memory_bytes=memory_bytes)
        self.limit_s = limit_s
        self._sessions: dict[str, Session] = {}
        self._owners: dict[str, object] = {}
        self._drops: dict[str, list[str]] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._most_lanes = lanes
        self._lanes = ThreadPoolExecutor(lanes)

    def begin(self, owner: object, kind: str, drops: list[str], create: Callable[[Session], None], items: int) -> None:
        """Start the sessions that `spread` will deal so many items to, and load their tables, without waiting for that.

        What fails here is tried again, and its error raised, by the call that needs the session.
        """
        for lane in range(self._lanes_for(items)):
            if self._owners.get(f"{kind} {lane}") is not owner:
                self._lanes.submit(self.call, owner, f"{kind} {lane}", drops, create, _nothing)

    def spread(
        self,
        owner: object,
        kind: str,
        drops: list[str],
        create: Callable[[Session], None],
        function: Callable[..., list[Result]],
        argument: object,
        items: Sequence[Item],
    ) -> list[Result]:
        """``function`` of ``argument`` and all ``items``, dealt out to sessions side by side; results in the items' order."""
        lanes = self._lanes_for(len(items))
        computing = [
            self._lanes.submit(self.call, owner, f"{kind} {lane}", drops, create, function, argument, items[lane::lanes])
            for lane in range(lanes)
        ]
        results: list[object] = [None] * len(items)
        try:
            wait(computing)
        except BaseException:  # Ctrl-C reaches this thread only: the others would go on to their end
            for lane in range(lanes):
                if session := self._sessions.get(f"{kind} {lane}"):
                    session.kill()
            raise
        for lane, computed in enumerate(computing):
            results[lane::lanes] = computed.result()
        return cast("list[Result]", results)

    def call(
        self,
        owner: object,
        kind: str,
        drops: list[str],
        create: Callable[[Session], None],
        function: Callable[..., Result],
        *arguments: object,
    ) -> Result:
        """Run ``function`` in the worker of session ``kind``, on the tables that ``create`` makes and ``drops`` remove."""
        with self._turns.setdefault(kind, threading.Lock()):
            if kind not in self._sessions:
                self._sessions[kind] = Session(self._location, self._limits, self._host_of(kind)).__enter__()
            session = self._sessions[kind]
            if self._owners.get(kind) is not owner:
                self._owners.pop(kind, None)
                for statement in self._drops.get(kind, ()):
                    session.execute(statement)
                self._drops[kind] = drops
                create(session)
                self._owners[kind] = owner
            try:
                return session.call(function, *arguments, limit_s=self.limit_s)
            except (StatementTimeout, WorkerLost):
                self._owners.pop(kind, None)  # the process may be a new one, without the tables
                raise

    def _host_of(self, kind: str) -> Host | None:
        _, _, lane = kind.partition(" ")
        return self._hosts[int(lane or 0) % len(self._hosts)] if self._hosts else None

    def _lanes_for(self, items: int) -> int:
        return min(self._most_lanes, items // _LEAST_A_LANE or 1)

    def close(self) -> None:
        """End the processes."""
        self._lanes.shutdown()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        self._owners.clear()


def _nothing(_: Connection) -> None:
    """Worker side: nothing to do but what comes before a call."""


def describe(connection: Connection, text: str, bindings: Bindings) -> tuple[tuple[str, str], ...]:
    """Worker side: names and types of a query's output columns."""
    return connection.describe(text, bindings)


def load(connection: Connection, statements: Sequence[str], schema: Schema, databases: Sequence[Witness]) -> None:
    """Worker side: create the numbered tables and the views over them, and fill the tables."""
    for statement in statements:
        connection.execute(statement)
    for position, table in enumerate(schema.tables):
        rows = [(number, *row) for number, database in enumerate(databases) for row in database.rows[table.name.lower()]]
        connection.insert(_stored_name(position), [_NUMBER, *(column.name for column in table.columns)], rows)


def answer_all(connection: Connection, dialect: str, probes: Sequence[Probe]) -> list[Answer]:
    """Worker side: answer each probe on its database; each query is planned once, whatever the number of databases."""
    positions: dict[tuple[str, Bindings], list[int]] = {}
    for position, (_, sql, bindings) in enumerate(probes):
        positions.setdefault((sql, bindings), []).append(position)
    answers: dict[int, Answer] = {}
    for (sql, bindings), own in positions.items():
        with ExitStack() as stack:
            try:
                statement = stack.enter_context(connection.prepared(sql, bindings))
            except (StatementError, StatementOutOfMemory):
                statement = sql  # fails in its own words
            for position in own:
                connection.execute(_SWITCH.get(dialect, _SWITCH[""]).format(probes[position][0]))
                answers[position] = answer(connection, statement, bindings)
    return [answers[position] for position in range(len(probes))]


# The numbers of all databases stay in the table. With nothing but the current one, or the number as a constant, the engine could
# draw conclusions from it while it plans, and the plan would be stale on the next database.
_SWITCH = {
    "duckdb": f"UPDATE {_NUMBER} SET current = (number = {{}})",
    "": f"UPDATE {_NUMBER} SET number = {{}}",
}
_NUMBERS = {
    "duckdb": f"CREATE TABLE {_NUMBER} AS SELECT n::INTEGER AS number, n = 0 AS current FROM range(-1, {{}}) AS numbers(n)",
    "": f"CREATE TABLE {_NUMBER} AS SELECT 0 AS number",
}
_CURRENT = {
    "duckdb": f"{_NUMBER} IN (SELECT number FROM {_NUMBER} WHERE current)",
    "": f"{_NUMBER} = (SELECT number FROM {_NUMBER})",
}


def _stored_name(position: int) -> str:
    return f"querywright_rows_{position}"


def loading(create_table: Callable[[object], str], schema: Schema, dialect: str, databases: int) -> list[str]:
    """The statements that create the numbered tables of a schema, for so many databases, and the views over them."""
    statements = [_NUMBERS.get(dialect, _NUMBERS[""]).format(databases)]
    current = _CURRENT.get(dialect, _CURRENT[""])
    for position, table in enumerate(schema.tables):
        plain = tuple(replace(column, not_null=None) for column in table.columns)
        stored = Table(_stored_name(position), (Column(_NUMBER, "INTEGER"), *plain))
        statements.append(create_table(stored))
        namespace, _, _ = table.name.rpartition(".")
        statements += [f'CREATE SCHEMA IF NOT EXISTS "{namespace}"'] if namespace else []
        names = ", ".join(_quoted(column.name) for column in table.columns)
        statements.append(f"CREATE VIEW {target(table.name)} AS SELECT {names} FROM {_stored_name(position)} WHERE {current}")
    return statements


def removing(schema: Schema) -> list[str]:
    """What removes the views and tables of `loading`."""
    drops = [f"DROP VIEW IF EXISTS {target(table.name)}" for table in schema.tables]
    return [*drops, *(f"DROP TABLE IF EXISTS {name}" for name in (_NUMBER, *map(_stored_name, range(len(schema.tables)))))]


def target(name: str) -> str:
    """A table's name as it is written in a statement."""
    return ".".join(_quoted(part) for part in name.split(".", 1))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
