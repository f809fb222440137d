"""``qw analyze`` says which bad habits a query has, where, and what cures them."""

from __future__ import annotations

import json
import re
from pathlib import Path

from command_line import Command
from sales_data import Save

HABITS = """
SELECT a.id, (SELECT count(*) FROM orders o WHERE o.account_id = a.id) AS orders,
       (SELECT max(o.amount) FROM orders o WHERE o.account_id = a.id) AS most
FROM accounts a
WHERE a.name LIKE '%7%' AND a.city NOT IN (SELECT b.city FROM accounts b WHERE b.id + 1 = 5)
"""


def test_habits_are_printed_with_their_places_and_cures(sales: Path, save: Save, qw: Command) -> None:
    save(HABITS)
    answer = qw("analyze", "slow.sql", "--db", sales)
    assert answer.code == 0, answer.err
    section = answer.out.partition("Anti-patterns\n")[2].partition("\n\n")[0]
    headings = re.findall(r"^  (\w+): (\w+)$", section, flags=re.MULTILINE)
    assert headings == [
        ("high", "correlated_subquery"),
        ("high", "function_on_filtered_column"),
        ("high", "leading_wildcard"),
        ("high", "n_plus_one_lookups"),
    ]
    assert section.count("\n      at column ") == 3
    assert "cured by: decorrelate_scalar_aggregate (applies)" in section
    assert "cured by: sargable_predicate (applies)" in section
    assert "no transform cures it: no pattern without the wildcard finds the same rows" in section


def test_json_names_each_habit(sales: Path, save: Save, qw: Command) -> None:
    save(HABITS)
    answer = qw("analyze", "slow.sql", "--db", sales, "--json")
    assert answer.code == 0, answer.err
    habits = json.loads(answer.out)["antipatterns"]
    assert {"antipattern", "severity", "path", "detail", "cures", "uncured"} == set(habits[0])
    assert [habit["antipattern"] for habit in habits].count("correlated_subquery") == 2
    assert all(bool(habit["cures"]) != bool(habit["uncured"]) for habit in habits)


def test_a_clean_query_has_none(sales: Path, save: Save, qw: Command) -> None:
    save("SELECT a.id, count(o.id) AS orders FROM accounts a LEFT JOIN orders o ON o.account_id = a.id GROUP BY a.id")
    answer = qw("analyze", "slow.sql", "--db", sales)
    assert answer.code == 0, answer.err
    assert "No anti-pattern was found." in answer.out
