"""Trained rankers are installed as distributions, order the hints, and can be left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RANKER = """
def gains(facts, engine, findings):
    return {finding.transform: 7.0 for finding in findings if finding.transform == "remove_inner_order_by"}
"""
ASK = """
from querywright.analyze import analyze
from querywright.sql.ddl import schema_of
from querywright.sql.qualify import qualify_text
from querywright.values import Query

sql = "SELECT DISTINCT a.id FROM (SELECT id FROM t ORDER BY id) AS a WHERE (SELECT COUNT(*) FROM u WHERE u.id = a.id) > 0"
schema = schema_of("CREATE TABLE t (id INT PRIMARY KEY); CREATE TABLE u (id INT)", "duckdb")
tree = qualify_text(sql, schema, "duckdb", ["id"])
for trained in (True, False):
    hints = analyze(Query(sql, "duckdb", ""), tree, schema, "duckdb", ml_hints=trained).hints
    hint = next(hint for hint in hints if hint.transform == "remove_inner_order_by")
    first = hints[0].transform == "remove_inner_order_by"
    print(first, "a trained ranker expects 7.00x" in hint.reason, hint.estimated_gain == 7.0)
"""


def test_an_installed_ranker_orders_the_hints_unless_it_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "trained_ranker.py").write_text(RANKER)
    description = tmp_path / "trained_ranker-1.dist-info"
    description.mkdir()
    (description / "METADATA").write_text("Metadata-Version: 2.1\nName: trained-ranker\nVersion: 1\n")
    (description / "entry_points.txt").write_text("[querywright.analyze.rankers]\ntrained = trained_ranker\n")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{ASK}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown == ["True True True", "False False False"]
