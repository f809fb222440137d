"""Removes a LEFT JOIN whose columns nobody reads and that cannot multiply rows.

What: the join goes, with the output columns of inner blocks that only it feeds and nobody reads.
When: views, ORMs and copied queries join every table that might be needed; measured 56x on DuckDB and 10x on SQLite.
Sound: A LEFT JOIN keeps every row of its left side; it adds none if at most one row of the right side matches: the ON equates a
    key of it with other columns or constants (NULLs in the key never match), or it has a single row. Where only the set of rows
    counts (SELECT DISTINCT without aggregates, EXISTS, IN, nothing but MIN, MAX and aggregates of DISTINCT values) repeated rows
    are invisible too.
Source: Ott and Horlaender, Removing redundant join operations in queries involving views, 1985; measured in this project.
Example:
    >>> show("SELECT o.id FROM orders AS o LEFT JOIN users AS u ON u.id = o.user_id", users="id INT PRIMARY KEY",
    ...      orders="id INT, user_id INT")
    SELECT o.id AS id FROM orders AS o
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.duplicates import input_is_a_set
from querywright.sql.facts import NONE_NEEDED, Facts, Source
from querywright.sql.pruning import Unread, reads_whole_rows
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "remove_redundant"
ENGINES = ("duckdb", "sqlite", "postgres", "mysql", "spark")


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """LEFT JOINs that are read nowhere but in their own ON."""
    unread = facts.once(Unread)
    for select in facts.selects():
        for source in facts.sources(select).values():
            join = source.join
            if join is None or not plain_left_join(join) or _read(facts, select, source, unread):
                continue
            proof = NONE_NEEDED if input_is_a_set(select) else facts.at_most_one_match(select, source)
            if proof is None:
                yield Blocked(join, "the ON is not known to match at most one row of the joined table")
            else:
                yield Site(join, premises=proof)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Drop the join."""
    Unread(facts).drop()
    site.node.pop()
    return facts.tree


def plain_left_join(join: exp.Join) -> bool:
    """Whether ``join`` is LEFT JOIN … ON and nothing more special."""
    return join.side == "LEFT" and join.kind in ("", "OUTER") and not join.method and join.args.get("on") is not None


def _read(facts: Facts, select: exp.Select, source: Source, unread: Unread) -> bool:
    """Whether a column of ``source`` is used outside of its own ON; a column of unknown home counts as used."""
    assert source.join is not None
    own = {id(node) for node in source.join.walk()}
    return reads_whole_rows(select) or any(
        column.table == source.alias
        and id(column) not in own
        and facts.home(column) in (select, None)
        and not unread.contains(column)
        for column in select.find_all(exp.Column)
    )
