"""What is found in queries that were not written for it: all of TPC-DS and TPC-H, each finding judged by hand.

A new name in these lists is a new finding: read the query, and add it only if the habit is really there.
"""

from __future__ import annotations

from collections import defaultdict

import duckdb
import duckdb_extensions
import pytest

from querywright.antipatterns.driver import Habit, antipatterns, habits
from querywright.sql.ddl import schema_of
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema
from querywright.workloads.driver import workloads

GENERATORS = {"tpcds": "CALL dsdgen(sf = 0)", "tpch": "CALL dbgen(sf = 0)"}
JUDGED = {
    "tpcds": {
        "accidental_inner_join": "49 93",
        "anti_join_by_null": "78",
        "correlated_subquery": "1 6 30 32 41 81 92",
        "count_greater_zero": "41",
        "distinct_hides_fan_out": "54",
        "expression_on_join_key": "8",
        "function_on_filtered_column": "8 15 45",
        "implicit_cross_join": "77",
        "inequality_self_join": "16 94 95",
        "late_filter": "4 11 31 64 74 75 78",
        "needless_derived_table": "8",
        "or_across_tables": "13 15 45 48 78 85",
        "or_chain": "34 41 71 73",
        "or_of_subqueries": "10 35",
        "redundant_distinct": "38 87",
        "repeated_condition_in_or": "13 41 48 85",
        "repeated_subquery": "33 44 56 58 60 65 83",
        "scan_per_value": "9 28 88 90",
        "select_star": "23 62 99",
        "union_for_union_all": "36 49 75",
        "unused_join": "13 18 48 50 53 63 64 72 85",
        "wide_group_by": "23 39 46 64 68",
    },
    "tpch": {
        "correlated_subquery": "2 17 20",
        "function_on_filtered_column": "22",
        "inequality_self_join": "21",
        "latest_row_by_rescan": "2",
        "leading_wildcard": "2 9 13 16",
        "or_across_tables": "7 19",
        "or_chain": "12",
        "repeated_condition_in_or": "19",
        "wide_group_by": "3 10 18",
    },
}
"""Queries in which each anti-pattern is found, by workload."""


def schema(workload: str) -> Schema:
    connection = duckdb.connect()
    duckdb_extensions.import_extension(workload, con=connection)
    connection.execute(f"LOAD {workload}")
    connection.execute(GENERATORS[workload])
    ddl = "\n".join(text for (text,) in connection.execute("SELECT sql FROM duckdb_tables() ORDER BY table_name").fetchall())
    return schema_of(ddl, "duckdb").with_keys(workloads()[workload].tables({}))


def found(workload: str) -> dict[str, list[Habit]]:
    """The habits of each query."""
    known = schema(workload)
    parsed = {name: parse_query(text, "duckdb") for name, text in workloads()[workload].queries("duckdb").items()}
    return {name: habits(qualify(tree, known, "duckdb"), tree, known, "duckdb") for name, tree in parsed.items()}


@pytest.mark.parametrize("workload", GENERATORS)
def test_findings_in_benchmark_queries_are_the_judged_ones(workload: str) -> None:
    queries: dict[str, list[str]] = defaultdict(list)
    for query, every in found(workload).items():
        # Both benchmarks write every join as a comma: only those without a condition tell something.
        commas = {habit for habit in every if habit.antipattern == "implicit_cross_join" and habit.severity == "low"}
        for name in sorted({habit.antipattern for habit in every if habit not in commas}):
            queries[name].append(query)
    assert {name: " ".join(numbers) for name, numbers in sorted(queries.items())} == JUDGED[workload]
    assert set(queries) <= set(antipatterns())
