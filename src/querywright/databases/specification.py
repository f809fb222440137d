"""Reads what ``--db`` and the query argument name: files, folders, URLs, workloads, and single queries of a workload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from querywright.errors import DatabaseError, QueryError
from querywright.workloads.driver import Instance, instance, workloads

ACCEPTED = (
    "A database is a DuckDB or SQLite file, a folder or glob of Parquet or CSV files, duckdb:///path, sqlite:///path, "
    "or a workload such as tpcds:sf=1, tpch:sf=0.1,engine=sqlite or shop:variant=nasty; "
    "ddl:file=schema.sql makes rows for the tables of a file."
)


def parse_spec(text: str) -> tuple[str, str | None]:
    """The database and, where one is named, the workload query in ``text``.

    >>> parse_spec("tpcds:15,sf=0.1")
    ('tpcds:sf=0.1', '15')
    >>> parse_spec("sales.duckdb")
    ('sales.duckdb', None)

    Raises `DatabaseError` where a workload is given a query or parameter it does not have.
    """
    name, _, arguments = text.partition(":")
    if name not in workloads() or arguments.startswith("//"):
        return text, None
    words = [word.strip() for word in arguments.split(",")] if arguments else []
    queries = [word for word in words if "=" not in word]
    names = workloads()[name].QUERY_NAMES
    if len(queries) > 1 or any(query not in names for query in queries):
        there = f"Its queries are {_listed(names)}" if names else "It has no queries of its own"
        raise DatabaseError(
            f"The workload {name} has no query {','.join(queries) or '(empty)'}.",
            f"{there}; parameters are written as name=value.",
        )
    given = dict(word.split("=", 1) for word in words if "=" in word)
    return instance(name, given).label, queries[0] if queries else None


def workload_instance(specification: str) -> Instance | None:
    """The workload that ``specification`` names with its parameters; None where it names something else."""
    name, _, arguments = parse_spec(specification)[0].partition(":")
    if name not in workloads() or arguments.startswith("//"):
        return None
    given: Mapping[str, str] = dict(word.split("=", 1) for word in arguments.split(",")) if arguments else {}
    return instance(name, given)


def schema_title(specification: str) -> str:
    """The schema that is named, whatever its size, seed and engine: a workload, the file that it is made from without its folder,
    or else what is typed."""
    chosen = workload_instance(specification)
    if chosen is None:
        return specification
    files = [Path(chosen.parameters[name]).stem for name, known in chosen.workload.PARAMETERS.items() if known.file]
    return files[0] if files else chosen.name


def workload_query(specification: str, engine: str | None = None) -> str:
    """The SQL of the workload query that ``specification`` names, in the dialect of ``engine``, or of the one it names itself.

    Raises `QueryError` where it names no query.
    """
    chosen, query = workload_instance(specification), parse_spec(specification)[1]
    if chosen is None or query is None:
        raise QueryError(f"{specification} names no query of a workload.", "Write for example tpcds:15.")
    return chosen.workload.queries(engine or chosen.engine)[query]


def _listed(names: tuple[str, ...]) -> str:
    return f"{names[0]} to {names[-1]}" if all(name.isdigit() for name in names) else ", ".join(names)
