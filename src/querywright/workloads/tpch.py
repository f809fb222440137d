"""TPC-H: eight tables of an order business and 22 reporting queries (TPC Benchmark H specification)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from querywright.sql.schema import Table
from querywright.workloads.driver import build_once, instance
from querywright.workloads.protocol import Parameter, Parameters, Progress, References, declared_tables

ENGINES = ("duckdb", "sqlite")
PARAMETERS = {
    "sf": Parameter("1", "scale factor; 1 is about 1 GB of raw data"),
    "keys": Parameter(
        "primary",
        "primary keys only, or indexes on all foreign keys and statistics as well",
        choices=("primary", "indexed"),
        engines=("sqlite",),
    ),
}
QUERY_NAMES = tuple(str(number) for number in range(1, 23))
GENERATOR = 1

_PRIMARY_KEYS = {
    "region": ("r_regionkey",),
    "nation": ("n_nationkey",),
    "supplier": ("s_suppkey",),
    "customer": ("c_custkey",),
    "part": ("p_partkey",),
    "partsupp": ("ps_partkey", "ps_suppkey"),
    "orders": ("o_orderkey",),
    "lineitem": ("l_orderkey", "l_linenumber"),
}
_REFERENCES: Mapping[str, References] = {
    "nation": {("n_regionkey",): "region"},
    "supplier": {("s_nationkey",): "nation"},
    "customer": {("c_nationkey",): "nation"},
    "partsupp": {("ps_partkey",): "part", ("ps_suppkey",): "supplier"},
    "orders": {("o_custkey",): "customer"},
    "lineitem": {
        ("l_orderkey",): "orders",
        ("l_partkey",): "part",
        ("l_suppkey",): "supplier",
        ("l_partkey", "l_suppkey"): "partsupp",
    },
}


def tables(parameters: Parameters) -> tuple[Table, ...]:
    """The keys of the specification; the generated tables themselves state which columns are NOT NULL."""
    return declared_tables(_PRIMARY_KEYS, _REFERENCES)


def queries(engine: str) -> Mapping[str, str]:
    """The 22 queries, named "1" to "22"."""
    from querywright.workloads._duckdb_generator import query_texts
    from querywright.workloads._sqlite import translate_to_sqlite

    texts = {str(number): text for number, text in query_texts("tpch").items()}
    return translate_to_sqlite(texts) if engine == "sqlite" else texts


def build(path: Path, engine: str, parameters: Parameters, progress: Progress) -> None:
    """Generate the tables with DuckDB's extension; the SQLite edition is a copy of the DuckDB one."""
    from querywright.workloads._duckdb_generator import generate
    from querywright.workloads._sqlite import copy_to_sqlite

    if engine == "duckdb":
        generate(path, "tpch", "dbgen", parameters["sf"], tables(parameters), progress)
    else:
        source = build_once(instance("tpch", {"sf": parameters["sf"]}), progress)
        copy_to_sqlite(source, path, tables(parameters), parameters["keys"] == "indexed", progress)
