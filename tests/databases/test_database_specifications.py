"""What can be typed as a database or as a query of a workload."""

import pytest

from querywright.databases.specification import parse_spec, workload_instance, workload_query
from querywright.errors import DatabaseError, QueryError


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("tpcds:15", ("tpcds:sf=1", "15")),
        ("tpcds:15,sf=0.1", ("tpcds:sf=0.1", "15")),
        ("tpcds:sf=0.10, 15", ("tpcds:sf=0.1", "15")),
        ("tpch", ("tpch:sf=1", None)),
        ("tpch:sf=0.1,engine=sqlite", ("tpch:sf=0.1,engine=sqlite", None)),
        ("tpch:sf=0.1,engine=sqlite,keys=indexed,7", ("tpch:sf=0.1,keys=indexed,engine=sqlite", "7")),
        ("shop", ("shop", None)),
        ("shop:implicit_join,variant=nasty", ("shop:variant=nasty", "implicit_join")),
        ("data/sales.duckdb", ("data/sales.duckdb", None)),
        ("sqlite:///tmp/shop.db", ("sqlite:///tmp/shop.db", None)),
        ("tpch.duckdb", ("tpch.duckdb", None)),
    ],
)
def test_databases_and_queries_are_told_apart(text: str, parsed: tuple[str, str | None]) -> None:
    assert parse_spec(text) == parsed
    assert parse_spec(parsed[0]) == (parsed[0], None), "what is printed can be typed"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("tpcds:150", "no query 150"),
        ("tpcds:0", "no query 0"),
        ("tpch:1,2", "no query 1,2"),
        ("tpch:", None),
        ("tpch:,", "no query"),
        ("shop:everything", "no query everything"),
        ("tpcds:sf=banana", "sf=banana is not a positive number"),
        ("tpcds:sf=", "not a positive number"),
    ],
)
def test_wrong_queries_and_parameters_say_what_there_is(text: str, part: str | None) -> None:
    if part is None:
        assert parse_spec(text)[1] is None
        return
    with pytest.raises(DatabaseError, match=part) as caught:
        parse_spec(text)
    assert caught.value.remedy


def test_query_texts_come_in_the_dialect_of_the_engine() -> None:
    assert "extract(year" in workload_query("tpch:7").lower()
    assert "strftime('%y'" in workload_query("tpch:7,engine=sqlite").lower()
    assert "strftime('%y'" in workload_query("tpch:7", "sqlite").lower()
    with pytest.raises(QueryError, match="names no query"):
        workload_query("tpch")


def test_only_workloads_have_instances() -> None:
    assert workload_instance("orders.parquet") is None
    chosen = workload_instance("tpch:3,sf=2")
    assert chosen and (chosen.name, chosen.engine, dict(chosen.parameters)) == ("tpch", "duckdb", {"sf": "2"})
