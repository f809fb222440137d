"""Many databases in one session: each query is planned once, and answered on each of them as on tables of its own."""

import random
from collections.abc import Iterator

import pytest

from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Session, engine_of
from querywright.errors import StatementError
from querywright.sql.ddl import schema_of
from querywright.verification.answers import Answer, answer
from querywright.verification.databases import Witness
from querywright.verification.scratch import answer_all, load, loading

SCHEMA = schema_of(
    "CREATE TABLE item (id INTEGER, kind VARCHAR, price INTEGER); CREATE TABLE sale (item INTEGER, quantity INTEGER)", "duckdb"
)
QUERIES = (
    "SELECT id, kind FROM item WHERE price > 5 ORDER BY id, kind",
    "SELECT MIN(price) AS low, MAX(price) AS high, COUNT(*) AS n FROM item",
    "SELECT kind, SUM(quantity) AS total FROM item JOIN sale ON item = id GROUP BY kind ORDER BY kind, total",
    "SELECT id FROM item WHERE price = (SELECT MAX(price) FROM item) ORDER BY id",
    "SELECT id FROM item AS i WHERE NOT EXISTS (SELECT 1 FROM sale WHERE item = i.id AND quantity > 2) ORDER BY id",
    "WITH item AS (SELECT * FROM item WHERE kind IS NOT NULL) SELECT COUNT(*) AS n FROM item LEFT JOIN sale ON item = id",
    "SELECT kind FROM item UNION SELECT 'z' FROM sale WHERE quantity > 3 ORDER BY 1 LIMIT 3",
    "SELECT id, no_such_column FROM item",
    "SELECT id FROM item WHERE id = $number ORDER BY id",
)


def witnesses() -> list[Witness]:
    """Databases whose values lie in ranges of their own: what the engine concludes from one is false on the next."""
    rng = random.Random(1)
    found = [Witness({"item": (), "sale": ()})]
    for number in range(12):
        ids = range(10 * number, 10 * number + rng.randint(1, 6))
        items = tuple((one, rng.choice(("a", "b", None, f"kind {number}")), rng.choice((number, None, -number))) for one in ids)
        sales = tuple((rng.choice(ids), rng.randint(0, number)) for _ in range(rng.randint(0, 5)))
        found.append(Witness({"item": items, "sale": sales}))
    return found


@pytest.fixture(scope="module", params=["duckdb", "sqlite"])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(Location(request.param, writable=True), Limits(threads=1)) as opened:
        yield opened


def on_tables(session: Session, witness: Witness, sql: str) -> Answer:
    for table in SCHEMA.tables:
        session.execute(engine_of(session.location).create_table(table))
        session.insert(table.name, [column.name for column in table.columns], witness.rows[table.name])
    answered = session.call(answer, sql, (("number", 30),))
    for table in SCHEMA.tables:
        session.execute(f"DROP TABLE {table.name}")
    return answered


def test_no_plan_is_stale(session: Session) -> None:
    databases = witnesses()
    expected = {(number, sql): on_tables(session, one, sql) for number, one in enumerate(databases) for sql in QUERIES}
    dialect = session.capabilities.dialect
    statements = loading(engine_of(session.location).create_table, SCHEMA, dialect, len(databases))
    session.call(load, statements, SCHEMA, databases)
    asked = [(number, sql, (("number", 30),)) for sql in QUERIES for number in range(len(databases))]
    random.Random(2).shuffle(asked)
    answers = session.call(answer_all, dialect, asked)
    for (number, sql, _), answered in zip(asked, answers, strict=True):
        wanted = expected[number, sql]
        assert (answered.rows, answered.types, answered.error is None) == (wanted.rows, wanted.types, wanted.error is None), sql
    assert sum(bool(one.rows) for one in answers) > len(answers) // 3


def test_a_kept_plan_is_gone_afterwards() -> None:
    location = Location(
        "duckdb", setup=("CREATE TABLE moment AS SELECT TIMESTAMPTZ '2024-05-06 07:08:09+00' AS begun",), writable=True
    )
    connection = engine_of(location).connect(location, Limits(threads=1))
    with connection.prepared("SELECT begun FROM moment WHERE $n = 1", (("n", 1),)) as statement:
        assert isinstance(connection.fetch(statement).rows[0][0], str)
    with pytest.raises(StatementError):
        connection.fetch(statement)
    connection.close()
