"""Large results that hold the same rows in another order are compared piece by piece, and no less exactly for that."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Session
from querywright.verification.compare import Comparison, Terms, compare
from querywright.verification.pieces import Piece, agreeing, pieces
from querywright.verification.stored import store_original

ROWS = 1000
TABLE = f"""
CREATE TABLE big AS SELECT n::INTEGER AS id, 'name ' || (n % 7) AS name, CASE WHEN n % 5 <> 0 THEN n % 11 END AS amount
FROM range({ROWS}) AS r(n)"""
OVER = "o.id = c.id"


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(Location("duckdb", setup=(TABLE,), writable=True), Limits(threads=2)) as opened:
        yield opened


def cut(bounds: Sequence[int], order: Sequence[int]) -> str:
    """The rows of the table, cut at ``bounds``, with its pieces in another order."""
    edges = [0, *sorted(set(bounds)), ROWS]
    parts = list(pairwise(edges))
    return " UNION ALL ".join("SELECT * FROM big WHERE id >= {} AND id < {}".format(*parts[n]) for n in order if n < len(parts))


def stored_pieces(session: Session, original: str, candidate: str) -> list[Piece]:
    rows = session.store("o", original)
    session.store("c", candidate)
    return session.call(pieces, "o", "c", OVER, rows)


def compared(session: Session, original: str, candidate: str) -> Comparison:
    return session.call(compare, session.call(store_original, original, "duckdb"), candidate, Terms("duckdb"))


def test_the_branches_of_a_union_are_found(session: Session) -> None:
    found = stored_pieces(session, "FROM big", cut([500], [1, 0]))
    assert found == [Piece(0, 499, 500), Piece(500, 999, -500)]
    test = f"{OVER} AND o.name = c.name AND o.amount IS NOT DISTINCT FROM c.amount"
    assert session.call(agreeing, "o", "c", found, test) == ROWS
    assert session.call(agreeing, "o", "c", found, f"{test} AND o.name <> 'name 3'") < ROWS


def test_rows_in_any_order_are_no_pieces(session: Session) -> None:
    assert stored_pieces(session, "FROM big", "FROM big ORDER BY hash(id)") == []


def test_partners_that_a_key_finds_twice_are_no_pieces(session: Session) -> None:
    twice = f"SELECT * FROM big WHERE id < {ROWS // 2}"
    assert stored_pieces(session, "FROM big", f"{twice} UNION ALL {twice}") == []
    assert not compared(session, "FROM big", f"{twice} UNION ALL {twice}").equal


@given(st.lists(st.integers(1, ROWS - 1), max_size=6), st.permutations(range(7)))
@settings(max_examples=25, deadline=None)
def test_pieces_in_any_order_are_equal(session: Session, bounds: Sequence[int], order: Sequence[int]) -> None:
    assert compared(session, "FROM big", cut(bounds, order)).equal


CHANGES = [
    "SELECT id, name, CASE WHEN id <> {0} THEN amount ELSE -1 END AS amount",
    "SELECT id, CASE WHEN id <> {0} THEN name END AS name, amount",
    "SELECT (CASE WHEN id <> {0} THEN id ELSE -1 END)::INTEGER AS id, name, amount",
    "SELECT (CASE WHEN id <> {0} THEN id ELSE (id + 1) % 1000 END)::INTEGER AS id, name, amount",
    "SELECT (CASE WHEN id <> {0} THEN id END)::INTEGER AS id, name, amount",
]


@given(st.sampled_from(CHANGES), st.integers(0, ROWS - 1), st.permutations(range(3)))
@settings(max_examples=40, deadline=None)
def test_one_changed_row_is_found(session: Session, change: str, changed: int, order: Sequence[int]) -> None:
    candidate = f"{change.format(changed)} FROM ({cut([300, 700], order)}) AS parts"
    assert compared(session, "SELECT id, name, amount::BIGINT AS amount FROM big", candidate).difference is not None
