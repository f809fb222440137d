"""Adds to a large table what the filters of the tables joined by key imply for it: an IN over the keys that pass.

What: ``FROM f, d WHERE f.d_id = d.id AND d.kind = 'a'`` gets ``AND f.d_id IN (SELECT d.id FROM d WHERE d.kind = 'a')``. The
    filters of tables that ``d`` itself joins by key count as well, and so does what an OR across tables says of ``d`` alone.
When: a nested-loop join fetches row after row of the large table, looks up the others and only then drops it, after correlated
    subqueries have run for it too. The set of keys is computed once. On SQLite TPC-H 7 2x, 8 2.9x, 21 4x, 5 3x with
    order_joins_by_size; an engine with hash joins and filters from them gains nothing.
Sound: the added predicate is true of every row that the inner joins give, so it drops none of them; no key or constraint is
    relied on. The filters must not depend on chance, on enclosing rows, or fail. A block that shows the order in which
    its rows arrive is left alone.
Source: Bernstein and Chiu, "Using semi-joins to solve relational queries", JACM 1981; Yang et al., "Predicate transfer",
    CIDR 2024.
Example:
    >>> show(
    ...     "SELECT f.x, d.name FROM f, d WHERE f.d_id = d.id AND d.kind = 'a'",
    ...     f="d_id INT, x INT",
    ...     d="id INT PRIMARY KEY, kind TEXT, name TEXT",
    ... )
    SELECT f.x AS x, d.name AS name FROM f AS f, d AS d WHERE f.d_id = d.id AND d.kind = 'a'
    AND f.d_id IN (SELECT d.id AS id FROM d AS d WHERE d.kind = 'a')
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from querywright.sql.facts import Facts, Source
from querywright.transforms._passing_keys import add_key_test, joining_blocks, key_links, key_test, keys_tested, passing_keys
from querywright.transforms.protocol import Blocked, Family, Site

FAMILY: Family = "early_filter"
ENGINES = ("sqlite",)

_TIMES_LARGER = 10
_FEW_ROWS = 5000


def find(query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
    """Columns of large entries that equal a key of an entry with filters."""
    for select in joining_blocks(facts):
        links = key_links(select, facts)
        for reference, key in links:
            sources = facts.sources(select)
            if not _worthwhile(sources[reference.table], sources[key.table]) or keys_tested(select, reference, key):
                continue
            keys = passing_keys(select, key, links, frozenset([reference.table]), facts)
            if keys is not None:
                yield key_test(select, reference, keys)


def rewrite(site: Site, facts: Facts) -> exp.Query:
    """Add the predicate to WHERE."""
    return add_key_test(site, facts)


def _worthwhile(large: Source, small: Source) -> bool:
    """Whether the row counts, as far as they are known, promise less work."""
    rows = large.table.rows if large.table is not None else None
    keys = small.table.rows if small.table is not None else None
    return rows is None or keys is None or rows >= max(_FEW_ROWS, _TIMES_LARGER * keys)
