"""Hints order transforms by what is at stake and by what was measured, and say why."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlglot import exp

from querywright.analyze import Analysis, analyze
from querywright.analyze.figures import Figure, engine_version, known_figures, promise, read_figures, version_key, write_figures
from querywright.analyze.work import Work
from querywright.engines.protocol import PlanNode
from querywright.errors import InputError
from querywright.propose import rules
from querywright.search.recorder import hint_document
from querywright.settings import settings
from querywright.sql.ddl import schema_of
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Query

SCHEMA = Schema(
    tuple(
        table.__class__(table.name, table.columns, table.keys, table.foreign_keys, rows)
        for table, rows in zip(
            schema_of(
                "CREATE TABLE facts (id INT PRIMARY KEY, k INT, x INT); CREATE TABLE small (id INT PRIMARY KEY, name TEXT);",
                "duckdb",
            ).tables,
            (1000, 10),
            strict=True,
        )
    )
)
VERSION = engine_version("duckdb") or ""
SORTED_AND_DISTINCT = (
    "SELECT COUNT(*) AS n, (SELECT COUNT(*) FROM (SELECT DISTINCT id, name FROM small) AS s) AS m "
    "FROM (SELECT k FROM facts ORDER BY x) AS d"
)
Keep = Callable[..., None]


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    """Stores figures as the user's own; without a call there are none but the package's."""
    path = tmp_path / "figures.json"
    monkeypatch.setenv("QUERYWRIGHT_FIGURES", str(path))
    settings.cache_clear()
    known_figures.cache_clear()

    def write(*figures: Figure) -> None:
        write_figures(path, figures)
        known_figures.cache_clear()

    yield write
    settings.cache_clear()
    known_figures.cache_clear()


def figure(transform: str, ratio: float, version: str = VERSION, engine: str = "duckdb", width: float = 0.05) -> Figure:
    return Figure(engine, version, transform, "a query", "tpch", 10.0, ratio, ratio * (1 - width), ratio * (1 + width))


def analyzed(text: str, plan: PlanNode | None = None) -> Analysis:
    tree = qualify_text(text, SCHEMA, "duckdb")
    return analyze(Query(text, "duckdb", fingerprint(tree, "duckdb")), tree, SCHEMA, "duckdb", plan)


def test_measured_gains_come_first_and_measured_losses_last(keep: Keep) -> None:
    keep(figure("remove_inner_order_by", 8.0), figure("remove_redundant_distinct", 0.5), figure("merge_derived_table", 1.1))
    hints = analyzed(SORTED_AND_DISTINCT).hints
    assert hints[0].transform == "remove_inner_order_by"
    assert hints[-1].transform == "remove_redundant_distinct"
    assert hints[-1].rank == 0.0
    assert f"measured 8.00x on duckdb {VERSION}" in hints[0].reason


def test_the_gain_is_bounded_by_the_share_of_the_work(keep: Keep) -> None:
    keep(figure("remove_inner_order_by", 8.0), figure("remove_redundant_distinct", 8.0))
    gains = {hint.transform: hint.estimated_gain for hint in analyzed(SORTED_AND_DISTINCT).hints}
    assert gains["remove_inner_order_by"] == pytest.approx(1 / (10 / 1010 + 1000 / 1010 / 8), abs=0.01)
    assert gains["remove_redundant_distinct"] == pytest.approx(1 / (1000 / 1010 + 10 / 1010 / 8), abs=0.01)


def test_a_plan_replaces_the_rows_of_the_tables(keep: Keep) -> None:
    scans = (PlanNode("scan", "SCAN", table="facts", estimated_rows=10), PlanNode("scan", "SCAN", table="small", actual_rows=90))
    found = analyzed(SORTED_AND_DISTINCT, PlanNode("project", "PROJECTION", children=scans))
    assert Work(found.facts, found.plan).share(next(iter(found.facts.selects()))) == 1.0
    site = next(f.site.node for f in found.findings if f.transform == "remove_redundant_distinct")
    assert found.work.share(site) == pytest.approx(0.9)


def test_the_nearest_version_speaks_where_this_one_was_not_measured(keep: Keep) -> None:
    keep(
        figure("or_join_to_union", 2.0, "98.1.0"),
        figure("or_join_to_union", 3.0, "98.4.0"),
        figure("or_join_to_union", 5.0, "99.0.0", "other"),
    )
    for wanted, nearest in (("98.2.0", "98.1.0"), ("98.5.1", "98.4.0"), ("99.0.0", "98.4.0")):
        found = promise("or_join_to_union", "duckdb", wanted)
        assert found is not None
        assert found.version == nearest
    assert promise("or_join_to_union", "no engine", None) is None
    assert promise("no transform", "duckdb", VERSION) is None


def test_newer_figures_replace_those_of_the_same_transform_and_version(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "figures.json"
    write_figures(path, [figure("a", 2.0, "1.0"), figure("b", 2.0, "1.0")])
    write_figures(path, [figure("a", 3.0, "1.0"), figure("a", 4.0, "1.1")])
    found = {(f.transform, f.version): f.ratio for f in read_figures(path)}
    assert found == {("a", "1.0"): 3.0, ("b", "1.0"): 2.0, ("a", "1.1"): 4.0}
    assert sorted(["2.0.0", "1.10.0", "1.9.0"], key=version_key) == ["1.9.0", "1.10.0", "2.0.0"]


@pytest.mark.parametrize("text", ["", "[]", '{"figures": [{"engine": "duckdb"}]}'])
def test_a_broken_file_of_figures_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(InputError, match="does not hold the figures"):
        read_figures(path)


def test_the_document_has_the_keys_of_the_specification(keep: Keep) -> None:
    keep(figure("remove_inner_order_by", 8.0))
    document = hint_document(analyzed(SORTED_AND_DISTINCT), 2, 1.25, 2.0)
    assert json.loads(json.dumps(document)) == document
    assert {"iteration", "current_speedup", "target", "gap", "method", "patterns", "recommendations"} <= set(document)
    assert (document["iteration"], document["current_speedup"], document["gap"], document["needed_gain"]) == (2, 1.25, 0.75, 1.6)
    assert 1 <= len(document["recommendations"]) <= 3
    assert all({"transform", "confidence", "reason", "estimated_gain"} <= set(r) for r in document["recommendations"])
    assert all(set(p) == {"pattern", "severity", "transform", "confidence"} for p in document["patterns"])
    cured = {p["pattern"]: p["transform"] for p in document["patterns"]}
    assert cured["order_by_in_subquery"] == "remove_inner_order_by"


def test_proposals_follow_the_hints_and_never_repeat(keep: Keep) -> None:
    keep(figure("remove_inner_order_by", 8.0), figure("remove_redundant_distinct", 0.5))
    found = analyzed(SORTED_AND_DISTINCT)
    proposals = list(rules.propose(found, (), (), lambda tree: tree.sql("duckdb"), 0))
    names = [proposal.candidate.steps[-1].transform for proposal in proposals]
    assert list(dict.fromkeys(names)) == [hint.transform for hint in found.hints]
    fingerprints = [proposal.candidate.query.fingerprint for proposal in proposals]
    assert len(set(fingerprints)) == len(fingerprints)
    assert found.query.fingerprint not in fingerprints


def test_a_candidate_is_printed_once_and_only_when_its_text_is_wanted(keep: Keep) -> None:
    keep()
    printed: list[str] = []

    def render(tree: exp.Query) -> str:
        printed.append(tree.sql("duckdb"))
        return printed[-1]

    first, *others = rules.propose(analyzed(SORTED_AND_DISTINCT), (), (), render, 0)
    assert others and not printed
    assert first.candidate.query.sql == first.candidate.query.sql == printed[0]
    assert (first.candidate.query.fingerprint, first.candidate.steps) == (first.fingerprint, first.steps)
    assert len(printed) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_keeps_the_candidates(seed: int, keep: Keep) -> None:
    found = analyzed(SORTED_AND_DISTINCT)
    plain = {p.candidate.query.fingerprint for p in rules.propose(found, (), (), lambda tree: tree.sql("duckdb"), 0)}
    assert {p.candidate.query.fingerprint for p in rules.propose(found, (), (), lambda tree: tree.sql("duckdb"), seed)} == plain


def test_what_a_rewrite_makes_possible_follows_it_at_once(keep: Keep) -> None:
    keep()
    above_average = "SELECT id FROM facts AS f WHERE f.k = 3 AND f.x > (SELECT AVG(g.x) FROM facts AS g WHERE g.k = f.k)"
    proposals = list(rules.propose(analyzed(above_average), (), (), lambda tree: tree.sql("duckdb"), 0))
    chains = [tuple(step.transform for step in proposal.steps) for proposal in proposals]
    opened = next(chain for chain in chains if chain[0] == "decorrelate_scalar_aggregate")
    assert len(opened) > 1 and opened[:1] in chains, "the rewrite alone is proposed as well, after the two together"
    assert chains.index(opened) < chains.index(opened[:1])
