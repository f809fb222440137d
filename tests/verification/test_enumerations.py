"""Columns of an enumerated type hold its labels on witness databases, whatever words the labels are."""

from __future__ import annotations

import pytest

from querywright import verify

SCHEMA = "CREATE TABLE t (m ENUM('PRINT', 'ok', 'it''s') NOT NULL, s TEXT)"


def test_equal_queries_over_labels_are_called_equal() -> None:
    original = "SELECT m, COUNT(*) AS n FROM t WHERE s = 'x' GROUP BY m"
    verdict = verify(original, "SELECT m, COUNT(s) AS n FROM t WHERE 'x' = s GROUP BY m", schema=SCHEMA)
    assert verdict.grade in ("proved", "tested"), verdict


@pytest.mark.parametrize("label", ["PRINT", "ok", "it''s"])
def test_every_label_is_reached(label: str) -> None:
    verdict = verify("SELECT m, s FROM t", f"SELECT m, s FROM t WHERE m <> '{label}'", schema=SCHEMA)
    assert verdict.grade == "refuted" and verdict.counterexample is not None, verdict
