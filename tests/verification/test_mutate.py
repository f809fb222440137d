"""Mutants: every query has some, of as many kinds as there are, and each is another query that can be parsed."""

from collections import Counter

import pytest
from sqlglot import exp

from querywright.sql.parse import parse_query
from querywright.verification.mutate import Score, mutants
from querywright.verification.verdicts import grade
from querywright.verification.witness import Outcome

QUERIES = {
    "a column": "SELECT tier FROM users",
    "a function": "SELECT SUBSTR(name, 1, 50) AS n FROM users",
    "a pattern": "SELECT id FROM users WHERE name LIKE '%ab%'",
    "a count": "SELECT user_id FROM orders GROUP BY user_id HAVING COUNT(*) > 100",
    "days": "SELECT id FROM orders WHERE placed BETWEEN '2024-01-01' AND '2024-01-31'",
    "weeks": "SELECT DATE_TRUNC('week', placed + INTERVAL 1 SECOND) AS w, COUNT(*) AS n FROM orders GROUP BY 1",
    "a number": "SELECT 1 AS one",
    "a global aggregate": "SELECT SUM(quantity) AS s FROM orders",
}


@pytest.mark.parametrize("text", QUERIES.values(), ids=QUERIES.keys())
def test_every_query_has_mutants_that_are_other_queries(text: str) -> None:
    tree = parse_query(text, "duckdb")
    found = mutants(tree, "duckdb")
    assert tree == parse_query(text, "duckdb"), "the original stays as it is"
    assert len(found) >= (1 if text == QUERIES["a number"] else 3)
    texts = {mutant.text for mutant in found}
    assert len(texts) == len(found)
    assert all(parse_query(one, "duckdb") != tree for one in texts)


def changes(text: str) -> Counter[str]:
    return Counter(mutant.change for mutant in mutants(parse_query(text, "duckdb"), "duckdb"))


def test_functions_patterns_and_literals_have_mutants() -> None:
    found = mutants(parse_query(QUERIES["a function"], "duckdb"), "duckdb")
    assert "SELECT name AS n FROM users" in {mutant.text for mutant in found}
    assert {"pattern", "text"} <= set(changes(QUERIES["a pattern"]))
    assert {"boundary", "number", "dropped condition"} <= set(changes(QUERIES["a count"]))
    assert {"boundary", "date"} <= set(changes(QUERIES["days"]))
    assert {"date part", "interval", "operator"} <= set(changes(QUERIES["weeks"]))


def test_there_is_one_mutant_of_each_kind_before_a_second() -> None:
    conditions = " AND ".join(f"u.score <> {number}" for number in range(40))
    text = (
        f"SELECT DISTINCT u.id FROM users AS u LEFT JOIN orders AS o ON o.user_id = u.id WHERE {conditions} ORDER BY u.id LIMIT 5"
    )
    found = changes(text)
    assert sum(found.values()) == 20
    assert {"join side", "duplicates", "number", "boundary", "dropped condition", "sort direction"} <= set(found)


def test_mutants_keep_the_grouping_by_position() -> None:
    for mutant in mutants(parse_query(QUERIES["weeks"], "duckdb"), "duckdb"):
        group = parse_query(mutant.text, "duckdb").find(exp.Group)
        assert group is not None and group.sql() == "GROUP BY 1"


def test_without_a_mutant_nothing_is_tested() -> None:
    outcome = Outcome(databases=100, nonempty=100, rows=100, failed=0, null_columns=(), width=1, seconds=0.1)
    reached, reason = grade(outcome, Score(killed=0, alive=0, equivalent=0))
    assert reached == "unknown"
    assert "mutant" in reason
    assert grade(outcome, Score(killed=3, alive=0, equivalent=1)) == ("tested", "")
