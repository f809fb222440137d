"""What an engine plug-in provides.

An engine module defines ``NAME``-less functions; its file name is its name. It exports ``CAPABILITIES`` and ``connect``.
The connection lives inside a spawned worker process (see `querywright.engines.session`); nothing else opens databases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from querywright.sql.schema import Schema
from querywright.values import Bindings, Scalar

Value = object
"""A cell as the driver returns it (int, float, Decimal, str, bytes, date, datetime, list, dict, …)."""


@dataclass(frozen=True, slots=True)
class Location:
    """Where a database lives, enough for a worker process to open it.

    ``address`` is a file path, a URL, or ``:memory:``. ``setup`` are statements run once after opening and before the session
    is locked down, such as the views over Parquet files; ``readable`` are the folders or files those views may read.
    ``writable`` is False for everything the user owns; scratch databases of witnesses and samples set it.
    """

    engine: str
    address: str = ":memory:"
    setup: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Resources of a session: threads, bytes of memory, folder for spill files (never beside the user's database), and the bytes
    that they may take."""

    threads: int | None = None
    memory_bytes: int | None = None
    spill_folder: str | None = None
    spill_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do. Each gap is declared in ``gaps`` with its reason, never skipped silently."""

    dialect: str
    version: str
    enforces_keys: bool
    interrupts: bool
    memory_limit: bool
    actual_rows: bool
    """EXPLAIN ANALYZE reports the rows each operator produced."""
    exact_decimals: bool
    typed_columns: bool
    """Columns hold only values of their declared type (SQLite's do not)."""
    default_null_order: str
    """``nulls_first``, ``nulls_last`` or ``nulls_are_small``, in sqlglot's sense."""
    gaps: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One operator of an execution plan, the same shape for every engine.

    ``operator`` is normalized (``scan``, ``index_scan``, ``filter``, ``project``, ``join``, ``aggregate``, ``window``, ``sort``,
    ``limit``, ``union``, ``distinct``, ``cte``, ``subquery``, ``other``); ``label`` is the engine's own name. ``rows``
    are estimated and actual; ``milliseconds`` is the operator's own time. None where the engine does not say.
    """

    operator: str
    label: str
    detail: str = ""
    table: str | None = None
    estimated_rows: float | None = None
    actual_rows: int | None = None
    milliseconds: float | None = None
    children: tuple[PlanNode, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultSet:
    """Rows of a query: column names, types in the engine's spelling, and the rows themselves.

    ``complete`` is False when ``max_rows`` cut the rows short.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    complete: bool = True


class Connection(Protocol):
    """An open database inside a worker process. Every method may raise an `ExecutionError`."""

    def schema(self) -> Schema:
        """Tables and views with types, enforced keys, foreign keys, NOT NULLs, indexes, row estimates."""
        ...

    def describe(self, sql: str, parameters: Bindings = ()) -> tuple[tuple[str, str], ...]:
        """(name, type) of each output column, without running the query; type is "" where the engine cannot tell."""
        ...

    def fetch(self, sql: str, parameters: Bindings = (), max_rows: int | None = None) -> ResultSet:
        """Run a query and return its rows."""
        ...

    def prepared(self, sql: str, parameters: Bindings = ()) -> AbstractContextManager[str]:
        """A statement for `fetch` that runs a query again and again, planned only once where the engine can keep a plan.

        Tables may change their rows meanwhile, but not what statistics say of them: a plan may rely on ranges of values.
        """
        ...

    def materialize(self, sql: str, parameters: Bindings = ()) -> None:
        """Run a query once, produce every row and every column, discard them. This is what gets timed."""
        ...

    def store(self, table: str, sql: str, parameters: Bindings = ()) -> int:
        """Put a query's rows into a temporary table of this session, replacing it; return the row count."""
        ...

    def drop(self, table: str) -> None:
        """Remove a temporary table made by `store`, if it is there."""
        ...

    def explain(self, sql: str, parameters: Bindings = (), analyze: bool = False) -> PlanNode:
        """The execution plan; with ``analyze`` the query runs and actual rows and times are filled in."""
        ...

    def execute(self, statement: str) -> None:
        """Run one statement for its effect; only on ``writable`` locations and on the session's own temporary objects."""
        ...

    def insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Append rows to a table of a ``writable`` location."""
        ...

    def interrupt(self) -> None:
        """Stop the running statement; called from another thread. The connection stays usable."""
        ...

    def close(self) -> None:
        """Close the database."""
        ...


class Engine(Protocol):
    """The module-level interface of an engine plug-in."""

    CAPABILITIES: Capabilities

    def connect(self, location: Location, limits: Limits) -> Connection:
        """Open the database; raises `querywright.errors.DatabaseError` where it is missing, unreadable or locked."""
        ...

    def create_table(self, table: object) -> str:
        """CREATE TABLE statement for a `querywright.sql.schema.Table`, with its keys and NOT NULLs."""
        ...


__all__ = [
    "Bindings",
    "Capabilities",
    "Connection",
    "Engine",
    "Limits",
    "Location",
    "PlanNode",
    "ResultSet",
    "Scalar",
    "Value",
]
