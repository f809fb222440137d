"""A site is found once: applying it to a copy of the tree does what finding it there again would."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlglot import exp

from querywright.errors import ContractError
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.trees import Twins, copied
from querywright.transforms._relocation import relocated
from querywright.transforms.driver import apply, survey, transforms
from querywright.transforms.protocol import Site

SCHEMA = schema_of(
    "CREATE TABLE facts (id INT PRIMARY KEY, k INT NOT NULL REFERENCES small(id), x INT);"
    "CREATE TABLE small (id INT PRIMARY KEY, name TEXT, size INT);",
    "duckdb",
)
QUERY = """
WITH big AS (SELECT k, sum(x) AS total FROM facts GROUP BY k)
SELECT DISTINCT s.id, s.name
FROM small AS s JOIN big AS b ON b.k = s.id JOIN facts AS f ON f.k = s.id
WHERE (s.size = 1 OR s.size = 2 OR s.size = 3) AND b.total > (SELECT avg(g.x) FROM facts AS g WHERE g.k = s.id)
  AND EXISTS (SELECT 1 FROM facts AS h WHERE h.k = s.id AND h.x > 4)
"""


@dataclass(frozen=True)
class Opaque(Site):
    """Holds something that may hold anything."""

    held: object


def test_a_site_found_before_is_applied_like_one_found_again() -> None:
    tree = qualify_text(QUERY, SCHEMA, "duckdb")
    before = tree.sql("duckdb")
    findings, _ = survey(tree, SCHEMA, "duckdb", list(transforms("duckdb")))
    assert len({finding.transform for finding in findings}) > 4
    for finding in findings:
        again = apply(tree, SCHEMA, "duckdb", finding.transform, finding.index)
        for _ in range(2):
            assert apply(tree, SCHEMA, "duckdb", finding.transform, finding.index, finding.site).text == again.text
        assert tree.sql("duckdb") == before


def test_a_rewritten_tree_is_surveyed_like_one_with_types() -> None:
    tree = qualify_text(QUERY, SCHEMA, "duckdb")
    names = list(transforms("duckdb"))
    for finding in survey(tree, SCHEMA, "duckdb", names)[0]:
        rewritten = apply(tree, SCHEMA, "duckdb", finding.transform, finding.index, finding.site)
        typed = qualify_text(rewritten.text, SCHEMA, "duckdb", tree.named_selects)
        assert fingerprint(rewritten.tree, "duckdb") == fingerprint(typed, "duckdb")
        found, obstacles = survey(rewritten.tree, SCHEMA, "duckdb", names)
        expected, expected_obstacles = survey(typed, SCHEMA, "duckdb", names)
        assert [(one.transform, one.path) for one in found] == [(one.transform, one.path) for one in expected]
        assert obstacles == expected_obstacles
        assert [str(node.type) for node in rewritten.tree.walk()] == [str(node.type) for node in typed.walk()]


def test_a_site_of_another_tree_is_refused() -> None:
    tree = qualify_text(QUERY, SCHEMA, "duckdb")
    finding = survey(tree, SCHEMA, "duckdb", list(transforms("duckdb")))[0][0]
    with pytest.raises(ContractError, match="not one of this tree"):
        apply(tree.copy(), SCHEMA, "duckdb", finding.transform, finding.index, finding.site)


def test_nodes_keep_their_places_and_what_stands_outside_is_copied_whole() -> None:
    tree = qualify_text(QUERY, SCHEMA, "duckdb")
    twins: Twins = {}
    copy = copied(tree, twins=twins)
    columns = tuple(tree.find_all(exp.Column))
    made = exp.EQ(this=exp.column("a"), expression=exp.column("b"))
    moved_columns, moved, left = relocated((columns, {"made": made}, [made.this]), twins)
    assert all(one is other for one, other in zip(moved_columns, copy.find_all(exp.Column), strict=True))
    assert moved["made"] == made and moved["made"] is not made
    assert left[0] is moved["made"].this


def test_a_site_that_may_hide_nodes_is_refused() -> None:
    tree = qualify_text(QUERY, SCHEMA, "duckdb")
    with pytest.raises(ContractError, match="holds a object"):
        relocated(Opaque(tree, object()), {id(tree): tree})
