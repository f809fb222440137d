"""Literals out of a query and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_fixtures import Case, all_cases

from querywright.propose.literals import Literals

SQL = """SELECT a, 'Ann' AS who -- for Bob
FROM t WHERE d >= DATE '2000-01-31' AND x IN (3.5, 7, 7)
GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 10"""


def test_literals_become_typed_placeholders_and_comments_go() -> None:
    hidden = Literals.of(SQL, "duckdb").hidden(SQL)
    assert "WHERE d >= DATE $date_1 AND x IN ($number_1, $integer_1, $integer_1)\nGROUP BY 1, 2 ORDER BY 1 DESC, 2" in hidden
    for secret in ("Ann", "Bob", "2000", "3.5", "10"):
        assert secret not in hidden


@pytest.mark.parametrize("case", [case for case in all_cases("transforms") if "--" not in case.sql], ids=str)
def test_what_was_hidden_comes_back(case: Case) -> None:
    literals = Literals.of(case.sql, case.engines[0])
    assert literals.restored(literals.hidden(case.sql)) == case.sql.strip()


@given(
    st.lists(
        st.one_of(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8), st.integers(0, 10**9)), min_size=1
    )
)
def test_any_literals_come_back(values: list[str | int]) -> None:
    spelled = [str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'" for value in values]
    sql = f"SELECT * FROM t WHERE x IN ({', '.join(spelled)})"
    literals = Literals.of(sql, "duckdb")
    assert literals.restored(literals.hidden(sql)) == sql


def test_a_placeholder_that_a_model_put_in_quotes_is_read_all_the_same() -> None:
    literals = Literals.of("SELECT * FROM t WHERE a = 'it''s'", "duckdb")
    assert literals.restored("SELECT 1 WHERE a = '$text_1' AND b = $text_1") == "SELECT 1 WHERE a = 'it''s' AND b = 'it''s'"


def test_literals_of_another_text_are_hidden_too() -> None:
    assert Literals.of("SELECT 1 AS a LIMIT 5", "duckdb").hidden("SELECT 99") == "SELECT $other"


def test_names_that_an_engine_made_of_literals_are_hidden_and_come_back() -> None:
    sql = """SELECT x AS "(y > 5)", z AS "('Ann' || y)", "late" FROM t WHERE y > 5 AND w IN ('Ann', 'late')"""
    literals = Literals.of(sql, "duckdb")
    hidden = literals.hidden(sql)
    assert "5" not in hidden and "Ann" not in hidden and '"late"' in hidden
    assert literals.restored(hidden) == sql


def test_engines_quote_literals_in_their_own_way() -> None:
    literals = Literals.of("SELECT * FROM t WHERE d = '2024-13-01' AND name = 'it''s' AND flag = 'Y'", "duckdb")
    told = literals.masked("""invalid date "2024-13-01", 'it's' or it's, "Y", not Y; Ynot""")
    assert told == "invalid date $date_1, $text_1 or $text_1, $text_2, not Y; Ynot"


def test_literals_are_masked_in_sentences() -> None:
    literals = Literals.of("SELECT * FROM t WHERE y = 2000 AND name = 'x'", "duckdb")
    assert literals.masked("near: y = 2000 and 20001, name = 'x'") == "near: y = $integer_1 and 20001, name = $text_1"
