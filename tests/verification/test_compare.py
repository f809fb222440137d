"""Results are compared in the engine as bags, or as lists where the original orders them."""

from collections.abc import Iterator

import pytest

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Session
from querywright.sql.facts import Facts
from querywright.sql.qualify import qualify_text
from querywright.verification.compare import Comparison, compare, terms_of
from querywright.verification.stored import store_original

TABLES = (
    "CREATE TABLE item (id INTEGER NOT NULL UNIQUE, kind VARCHAR, price DECIMAL(10, 2), weight DOUBLE)",
    "INSERT INTO item VALUES (1, 'a', 1.50, 0.1), (2, 'a', 1.50, 0.2), (3, 'b', NULL, 0.3), (4, NULL, 2.00, NULL),"
    "(5, 'b', 2.00, 0.7)",
)


@pytest.fixture(scope="module", params=["duckdb", "sqlite"])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(Location(request.param, setup=TABLES, writable=True), Limits(threads=1)) as opened:
        yield opened


def compared(session: Session, original: str, candidate: str, *, strict: bool = True) -> Comparison:
    dialect = session.capabilities.dialect
    facts = Facts(qualify_text(original, session.schema(), dialect), session.schema(), dialect)
    terms = terms_of(original, facts, strict=strict, exact_decimals=session.capabilities.exact_decimals)
    stored = session.call(store_original, original, terms.dialect)
    return session.call(compare, stored, candidate, terms)


EQUAL = [
    ("SELECT id, kind FROM item", "SELECT id, kind FROM item ORDER BY id DESC"),
    ("SELECT kind FROM item", "SELECT kind FROM item ORDER BY kind"),
    ('SELECT 1 AS a, 2 AS a, id AS "my ""id" FROM item', 'SELECT 1 AS a, 2 AS a, id AS "my ""id" FROM item ORDER BY id DESC'),
    (
        "SELECT kind, id FROM item ORDER BY kind",
        "SELECT kind, id FROM (SELECT * FROM item ORDER BY id DESC) AS i ORDER BY kind, id DESC",
    ),
    ("SELECT id FROM item ORDER BY price DESC LIMIT 2", "SELECT id FROM item WHERE id IN (4, 5) ORDER BY id"),
    ("SELECT SUM(weight) AS w FROM item", "SELECT 1.3 * 1.0000000000001 AS w"),
    ("SELECT id, weight FROM item", "SELECT id, weight * (1 + 1e-12 * id) AS weight FROM item ORDER BY id DESC"),
    ("SELECT id FROM item WHERE id > 99", "SELECT id FROM item WHERE id > 98"),
]
DIFFERENT = [
    ("SELECT kind FROM item", "SELECT DISTINCT kind FROM item"),
    ("SELECT kind FROM item WHERE id < 5", "SELECT kind FROM item WHERE id > 1"),
    ("SELECT id FROM item ORDER BY id", "SELECT id FROM item ORDER BY id DESC"),
    ("SELECT kind FROM item ORDER BY kind", "SELECT kind FROM item ORDER BY id DESC"),
    ("SELECT id, weight FROM item", "SELECT id, weight * 1.00000001 AS weight FROM item"),
    ("SELECT id AS a FROM item", "SELECT id AS b FROM item"),
    ("SELECT id, price FROM item", "SELECT id FROM item"),
    ("SELECT id FROM item", "SELECT id FROM item WHERE id > 1"),
    ("SELECT weight FROM item", "SELECT COALESCE(weight, 0) AS weight FROM item"),
]


@pytest.mark.parametrize(("original", "candidate"), EQUAL)
def test_equal(session: Session, original: str, candidate: str) -> None:
    result = compared(session, original, candidate, strict="SUM" not in original and "weight *" not in candidate)
    assert result.equal or result.undecided, result


@pytest.mark.parametrize(("original", "candidate"), DIFFERENT)
def test_different(session: Session, original: str, candidate: str) -> None:
    assert compared(session, original, candidate).difference is not None


CHOICES = "SELECT id, kind FROM item ORDER BY kind LIMIT {}"


def test_a_limit_among_ties_may_choose_other_ties_only(session: Session) -> None:
    first = "SELECT id, kind FROM item WHERE kind = 'a' ORDER BY kind, id LIMIT 1"
    other = "SELECT id, kind FROM item WHERE kind = 'a' ORDER BY kind, id DESC LIMIT 1"
    original = "SELECT id, kind FROM item WHERE kind IS NOT NULL ORDER BY kind LIMIT 1"
    assert compared(session, original, first).equal
    assert compared(session, original, other).equal
    assert compared(session, original, "SELECT 5 AS id, 'b' AS kind", strict=False).difference is not None
    assert compared(session, original, "SELECT 9 AS id, 'a' AS kind", strict=False).difference is not None


def test_offset_counts_into_the_number_of_rows(session: Session) -> None:
    original = "SELECT id FROM item LIMIT 3 OFFSET 3"
    assert compared(session, original, "SELECT id FROM item WHERE id < 3").equal
    assert compared(session, original, "SELECT id FROM item WHERE id < 4").difference is not None
    assert compared(session, original, "SELECT 1 AS id UNION ALL SELECT 1 AS id", strict=False).difference is not None


def test_strictness_is_about_names_and_types() -> None:
    with Session(Location("duckdb", setup=TABLES, writable=True)) as session:
        wide, named = "SELECT CAST(id AS BIGINT) AS id FROM item", "SELECT id AS number FROM item"
        original = "SELECT id FROM item"
        assert compared(session, original, wide).difference is not None
        assert compared(session, original, named).difference is not None
        assert compared(session, original, wide, strict=False).equal
        assert compared(session, original, named, strict=False).equal
        assert compared(session, original, "SELECT CAST(id AS VARCHAR) FROM item", strict=False).difference is not None


def test_rounding_noise_in_many_rows_is_paired() -> None:
    numbers = ("CREATE TABLE n AS SELECT i % 7 AS k, (i * 7919 % 1000003) / 7.0 AS x FROM range(200000) AS r(i)",)
    with Session(Location("duckdb", setup=numbers, writable=True)) as session:
        noisy = "SELECT k, x * (1 + 3e-13) AS x FROM n ORDER BY x"
        assert compared(session, "SELECT k, x FROM n", noisy).equal
        off = "SELECT k, CASE WHEN x > 100000 AND x < 100100 THEN x * (1 + 3e-9) ELSE x * (1 + 3e-13) END AS x FROM n ORDER BY x"
        assert compared(session, "SELECT k, x FROM n", off).difference is not None
