"""The five domain schemas: what their data looks like, and that each question has an answer on every engine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from querywright.databases.specification import parse_spec, workload_query
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.workloads import analytics, content, ecommerce, hr, social
from querywright.workloads._questions import read_questions
from querywright.workloads.driver import build_once, instance

DOMAINS = {"analytics": analytics, "content": content, "ecommerce": ecommerce, "hr": hr, "social": social}
TABLES = {
    "analytics": {"events"},
    "content": {"articles", "tags", "article_tags"},
    "ecommerce": {"users", "orders"},
    "hr": {"employees"},
    "social": {"posts", "comments"},
}

each_domain = pytest.mark.parametrize("name", DOMAINS)


def built(name: str, **given: str) -> Path:
    return build_once(instance(name, {"rows": "1000"} | given), lambda *_: None)


def content_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in tables}


def test_five_schemas_have_nine_tables() -> None:
    declared = {name: {table.name for table in domain.tables({})} for name, domain in DOMAINS.items()}
    assert declared == TABLES
    assert sum(map(len, declared.values())) == 9


@each_domain
def test_every_question_has_a_text_a_query_of_its_own_and_an_answer(name: str) -> None:
    domain = DOMAINS[name]
    questions = domain.questions()
    assert tuple(questions) == domain.QUERY_NAMES
    assert all(question.text.endswith("?") for question in questions.values())
    assert len({question.text for question in questions.values()}) == 20
    with (
        duckdb.connect(str(built(name)), read_only=True) as one,
        closing(sqlite3.connect(built(name, engine="sqlite"))) as other,
    ):
        for engine, connection in (("duckdb", one), ("sqlite", other)):
            queries = domain.queries(engine)
            trees = [qualify_text(sql, Schema(domain.tables({})), engine) for sql in queries.values()]
            assert len({fingerprint(tree, engine) for tree in trees}) == 20
            for number, sql in queries.items():
                assert connection.execute(sql).fetchone() is not None, (engine, number)


@each_domain
def test_data_depends_on_the_seed_and_on_nothing_else(name: str, tmp_path: Path) -> None:
    wanted = instance(name, {"rows": "1000"})
    wanted.workload.build(tmp_path / "again.duckdb", "duckdb", wanted.parameters, lambda *_: None)
    first = content_of(built(name))
    assert content_of(tmp_path / "again.duckdb") == first
    assert content_of(built(name, seed="2")) != first


@each_domain
def test_the_largest_table_has_about_as_many_rows_as_asked_for(name: str) -> None:
    largest = max(len(rows) for rows in content_of(built(name)).values())
    assert 700 <= largest <= 1000


def test_references_are_skewed_and_optional_columns_hold_nulls() -> None:
    with duckdb.connect(str(built("ecommerce", rows="10000")), read_only=True) as connection:
        most, typical = connection.execute(
            "SELECT max(orders), median(orders) "
            "FROM (SELECT COUNT(*) AS orders FROM orders WHERE user_id IS NOT NULL GROUP BY user_id)"
        ).fetchone() or (0, 0)
        nulls = connection.execute(
            "SELECT COUNT(*) - COUNT(user_id), COUNT(*) - COUNT(discount), COUNT(*) - COUNT(shipped_at) FROM orders"
        ).fetchone()
    assert most > 100 * typical
    assert nulls and all(0 < number < 9000 for number in nulls)


def test_replies_answer_earlier_comments_on_the_same_post_and_managers_form_a_tree() -> None:
    with duckdb.connect(str(built("social")), read_only=True) as connection:
        replies = "SELECT COUNT(*) FROM comments r JOIN comments c ON r.parent_id = c.id"
        assert connection.execute(f"{replies} WHERE r.post_id <> c.post_id OR r.id <= c.id").fetchone() == (0,)
        assert connection.execute(replies).fetchone() != (0,)
    with duckdb.connect(str(built("hr")), read_only=True) as connection:
        assert connection.execute("SELECT COUNT(*) FROM employees WHERE manager_id >= id").fetchone() == (0,)


@pytest.mark.parametrize(("given", "indexes"), [({}, 0), ({"keys": "indexed"}, 3)])
def test_the_sqlite_edition_has_primary_keys_and_indexes_on_request(given: dict[str, str], indexes: int) -> None:
    with closing(sqlite3.connect(built("ecommerce", engine="sqlite", **given))) as connection:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
        key = connection.execute("SELECT name FROM pragma_table_info('orders') WHERE pk > 0").fetchall()
    assert len(found) == indexes
    assert key == [("id",)]


def test_one_question_of_a_domain_can_be_named() -> None:
    assert parse_spec("ecommerce:7,rows=1000000") == ("ecommerce:rows=1000000", "7")
    assert workload_query("ecommerce:7,rows=1000") == ecommerce.queries("duckdb")["7"]
    assert "strftime('%Y', u.signed_up_on)" in workload_query("ecommerce:3,engine=sqlite")


def test_a_question_may_have_a_text_for_each_engine(tmp_path: Path) -> None:
    path = tmp_path / "questions.sql"
    path.write_text(
        "-- question: Why?\nSELECT 1;\n\n-- question: How?\n-- engine: duckdb\nSELECT 2;\n-- engine: sqlite\nSELECT 3;\n"
    )
    questions = read_questions(path)
    assert {name: question.text for name, question in questions.items()} == {"1": "Why?", "2": "How?"}
    assert [questions["1"].query("duckdb"), questions["1"].query("sqlite")] == ["SELECT 1", "SELECT 1"]
    assert [questions["2"].query("duckdb"), questions["2"].query("sqlite")] == ["SELECT 2", "SELECT 3"]
