"""The rule proposer: which rewrites follow one another at once, none twice, the same under the same seed."""

from __future__ import annotations

from querywright.analyze import analyze
from querywright.propose import rules
from querywright.propose.protocol import Proposal
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.values import Query

SCHEMA = schema_of(
    "CREATE TABLE items (id INT PRIMARY KEY, maker INT, made DATE, title TEXT, price INT);"
    "CREATE TABLE sales (item INT, amount INT, region TEXT);",
    "sqlite",
)
RESCANNED_TWICE = """
    SELECT i.id,
           (SELECT p.title FROM items AS p WHERE p.maker = i.maker AND p.made < i.made
            ORDER BY p.made DESC, p.id DESC LIMIT 1) AS before,
           (SELECT COUNT(*) FROM items AS p WHERE p.maker = i.maker AND p.made < i.made) AS earlier
    FROM items AS i"""
LOOKED_UP = """
    SELECT i.id, (SELECT SUM(s.amount) FROM sales AS s WHERE s.item = i.id) AS sold FROM items AS i WHERE i.maker = 7"""


def proposals(sql: str, seed: int = 0) -> list[Proposal]:
    tree = qualify_text(sql, SCHEMA, "sqlite")
    analysis = analyze(Query(sql, "sqlite", fingerprint(tree, "sqlite")), tree, SCHEMA, "sqlite")
    return list(rules.propose(analysis, (), (), lambda rewritten: rewritten.sql("sqlite"), seed))


def transforms_of(proposal: Proposal) -> tuple[str, ...]:
    return tuple(step.transform for step in proposal.steps)


def test_what_a_rewrite_makes_possible_follows_at_once() -> None:
    found = [transforms_of(proposal) for proposal in proposals(LOOKED_UP)]
    assert found.index(("decorrelate_scalar_aggregate", "push_join_keys_down")) < found.index(("decorrelate_scalar_aggregate",))


def test_decorrelation_goes_on_until_no_subquery_is_left_for_each_row() -> None:
    found = {transforms_of(proposal): proposal for proposal in proposals(RESCANNED_TWICE)}
    first = next(steps for steps in found if steps[:2] == ("running_sum_to_window", "decorrelate_nearest_row"))
    assert "LIMIT" not in found[first].candidate.query.sql
    assert ("running_sum_to_window",) in found


def test_nothing_is_proposed_twice_and_the_seed_decides_all_choices() -> None:
    found = [proposal.fingerprint for proposal in proposals(RESCANNED_TWICE)]
    assert len(found) == len(set(found))
    assert found == [proposal.fingerprint for proposal in proposals(RESCANNED_TWICE)]
