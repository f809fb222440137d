"""Facts are believed only as far as the data was asked."""

from pathlib import Path

import duckdb
import pytest
from folders import write_duckdb, write_parquet, write_sqlite

from querywright.databases.opening import open_database
from querywright.databases.premises import check_premise, discover_keys, premise_query
from querywright.engines.session import Session
from querywright.errors import ContractError
from querywright.values import Premise

NULLS_AND_DUPLICATES = """
CREATE TABLE parents (id INTEGER, code INTEGER);
INSERT INTO parents VALUES (1, 10), (2, NULL), (3, NULL);
CREATE TABLE children (parent_id INTEGER, twice INTEGER, "order" INTEGER);
INSERT INTO children VALUES (1, 5, 1), (2, 5, 1), (NULL, 6, 2), (9, 7, NULL);
"""


@pytest.mark.parametrize(
    ("premise", "holds"),
    [
        (Premise("unique", "parents", ("id",), "assumed"), True),
        (Premise("unique", "parents", ("code",), "assumed"), True),
        (Premise("unique", "children", ("twice",), "assumed"), False),
        (Premise("unique", "children", ("twice", "order"), "assumed"), False),
        (Premise("unique", "children", ("parent_id", "order"), "assumed"), True),
        (Premise("not_null", "parents", ("id",), "assumed"), True),
        (Premise("not_null", "parents", ("id", "code"), "assumed"), False),
        (Premise("foreign_key", "children", ("parent_id",), "assumed", ("parents", ("id",))), False),
        (Premise("foreign_key", "parents", ("code",), "assumed", ("parents", ("code",))), True),
    ],
)
@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_premises_are_checked_in_the_engine(engine: str, premise: Premise, holds: bool, tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "data"
    if engine == "duckdb":
        with duckdb.connect(str(path)) as connection:
            connection.execute(NULLS_AND_DUPLICATES)
    else:
        other = sqlite3.connect(path)
        other.executescript(NULLS_AND_DUPLICATES)
        other.close()
    with Session(open_database(str(path)).location) as session:
        assert check_premise(session, premise) is holds
        violations = session.fetch(premise_query(premise, engine)).rows
    assert bool(violations) is not holds


def test_the_check_query_reads_well_in_each_dialect() -> None:
    premise = Premise("unique", "sales.lines", ("order", "line"), "checked")
    assert premise_query(premise, "duckdb") == (
        'SELECT "order", "line", COUNT(*) AS "occurrences" FROM "sales"."lines" '
        'WHERE NOT "order" IS NULL AND NOT "line" IS NULL GROUP BY "order", "line" HAVING COUNT(*) > 1'
    )
    assert "FROM `sales`.`lines`" in premise_query(premise, "mysql")
    assert 'FROM "sales.lines"' in premise_query(premise, "sqlite")
    with pytest.raises(ContractError, match="disjoint"):
        premise_query(Premise("disjoint", "a", ("b",), "assumed"), "duckdb")


def test_keys_are_discovered_where_the_data_has_them(tmp_path: Path) -> None:
    for path in (write_parquet(tmp_path), write_duckdb(tmp_path, keys=False)):
        schema = discover_keys(open_database(str(path))).schema
        found = {table.name: [(key.columns, key.basis) for key in table.keys] for table in schema.tables}
        assert found == {
            "customers": [(("customer_id",), "checked")],
            "orders": [(("order_id",), "checked")],
            "lines": [],
        }
        orders = schema.table("orders")
        assert orders and {column.name: column.not_null for column in orders.columns} == {
            "order_id": "checked",
            "customer_id": "checked",
            "total": "checked",
            "note": None,
        }


def test_tables_that_have_keys_are_left_as_they_are(tmp_path: Path) -> None:
    database = open_database(str(write_sqlite(tmp_path)))
    discovered = discover_keys(database).schema.table("orders")
    assert discovered == database.schema.table("orders")


def test_too_few_rows_show_nothing(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("id,name\n1,a\n")
    (tmp_path / "none.csv").write_text("id,name\n")
    schema = discover_keys(open_database(str(tmp_path))).schema
    assert all(not table.keys for table in schema.tables)
