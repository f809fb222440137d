"""What a model answers becomes proposals, or words that say why not."""

from __future__ import annotations

import json
from dataclasses import replace

import duckdb
import pytest
from prompt_requests import DDL, OUTPUTS, SQL, analyzed, attempt, render, reply, request, schema
from query_fixtures import all_cases

from querywright.propose.history import PREVIOUS, Round, history
from querywright.propose.model import Answer, answer
from querywright.sql.qualify import qualify_text
from querywright.values import Step

AVERAGES = "SELECT customer_id, AVG(total) AS average FROM orders GROUP BY customer_id"
JOINED = """SELECT c.name, SUM(l.total) AS spent
FROM customers AS c JOIN late AS l ON l.customer_id = c.id JOIN averages AS a ON a.customer_id = c.id
WHERE c.country = 'Atlantis' AND l.total > a.average
GROUP BY c.name ORDER BY spent DESC LIMIT 10"""


def rows(sql: str) -> list[tuple[object, ...]]:
    """The answer of a small store."""
    with duckdb.connect() as store:
        store.execute(DDL)
        store.execute("INSERT INTO customers SELECT i, 'c' || i, ['Atlantis', 'Utopia'][1 + i % 2] FROM range(20) AS r(i)")
        store.execute("INSERT INTO orders SELECT i, i * 7 % 20, DATE '2024-01-01' + CAST(i AS INT), i FROM range(200) AS r(i)")
        return store.execute(sql).fetchall()


def answered(content: str, **given: object) -> Answer:
    return answer(request(**given), reply(content), (), render())


def sets(*nodes: dict[str, str], transform: str = "decorrelate") -> str:
    return json.dumps(
        {"rewrite_sets": [{"transform": transform, "nodes": [{"node": k, "sql": v} for k, v in one.items()]} for one in nodes]}
    )


def test_node_level_rewrites_become_a_candidate() -> None:
    found = answered(sets({"averages": AVERAGES, "main_query": JOINED}))
    assert found.faults == ()
    [proposal] = found.proposals
    candidate = proposal.candidate
    assert candidate.steps == (Step("decorrelate", "averages, main_query"),)
    assert (candidate.origin.proposer, candidate.origin.model, candidate.origin.cost) == ("model", "test-model", 0.01)
    assert candidate.parent == analyzed().query.fingerprint
    written = qualify_text(candidate.query.sql, schema(), "duckdb")
    assert written.named_selects == list(OUTPUTS)
    assert "SELECT customer_id, total FROM orders WHERE placed >= DATE '2024-03-01'" in candidate.query.sql, (
        "kept as it was written"
    )


def test_a_whole_query_is_accepted_too() -> None:
    late = "SELECT customer_id, total FROM orders WHERE placed >= DATE '2024-03-01'"
    whole = f"WITH averages AS ({AVERAGES}), late AS ({late}) {JOINED}"
    [by_fence] = answered(f"```sql\n{whole};\n```").proposals
    [by_nodes] = answered(sets({"averages": AVERAGES, "main_query": JOINED})).proposals
    [in_main] = answered(sets({"main_query": whole})).proposals
    assert by_fence.fingerprint == in_main.fingerprint
    assert by_fence.steps == (Step("model", "whole query"),)
    for proposal in (by_fence, by_nodes):
        assert rows(proposal.candidate.query.sql) == rows(SQL) != []


def test_what_a_model_says_it_changed_is_kept_and_told_in_the_next_prompt() -> None:
    said = ["Computed the averages\n  once", "x" * 1000, *("more",) * 20]
    nodes = [{"node": "averages", "sql": AVERAGES}, {"node": "main_query", "sql": JOINED}]
    [proposal] = answered(json.dumps({"rewrite_sets": [{"transform": "decorrelate", "nodes": nodes, "changes": said}]})).proposals
    changes = proposal.candidate.origin.changes
    assert changes[0] == "Computed the averages once" and len(changes) == 5 and max(map(len, changes)) < 200
    judged = replace(attempt(JOINED, "decorrelate", ratio=1.5), candidate=proposal.candidate)
    told = history([Round(1, (judged,), judged)], "try", PREVIOUS)
    assert "**Key changes:**\n- Computed the averages once\n" in told and "- decorrelate at averages, main_query" in told


def test_the_steps_so_far_lead_to_the_answer() -> None:
    earlier = (Step("pushdown", "late"),)
    [proposal] = answer(request(), reply(sets({"averages": AVERAGES, "main_query": JOINED})), earlier, render()).proposals
    assert [step.transform for step in proposal.steps] == ["pushdown", "decorrelate"]


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (sets({"late": "SELECT customer_id, FROM WHERE"}), "syntax", "Node late is not valid"),
        (sets({"late": "SELECT customer_id, totl AS total FROM orders"}), "binding", "totl"),
        (sets({"late": "SELECT * FROM oders"}), "binding", "oders"),
        (sets({"late": "DROP TABLE orders"}), "forbidden", "not a read-only query"),
        ("DROP TABLE orders;", "forbidden", "not a read-only query"),
        ("```sql\nSELECT 1; DROP TABLE orders\n```", "forbidden", "2 statements"),
        (sets({"main_query": "SELECT name FROM customers"}), "columns", "name, spent"),
        (sets({"main_query": "SELECT 1.0 AS spent, name FROM customers"}), "columns", "order"),
        (sets({"main_query": "SELECT name, 1.0 AS total FROM customers"}), "columns", "total"),
        (
            sets({"orders": "SELECT 1 AS x", "main_query": "SELECT name, 1 AS spent FROM orders, customers"}),
            "nodes",
            "name of a table",
        ),
        (f"```sql\n{SQL}\n```", "unchanged", "same query"),
        (sets({"late": "SELECT customer_id, total FROM orders WHERE placed >= DATE '2024-03-01'"}), "unchanged", "same query"),
        ("I'm sorry, I can't do that.", "refusal", "declines"),
        ("", "empty", "empty"),
    ],
)
def test_what_cannot_be_judged_goes_back_in_words(content: str, kind: str, said: str) -> None:
    found = answered(content)
    assert found.proposals == ()
    assert [fault.kind for fault in found.faults] == [kind]
    assert said in found.problem


def test_what_no_file_can_hold_is_replaced() -> None:
    """JSON can spell half of a surrogate pair."""
    half = sets({"averages": AVERAGES, "main_query": JOINED.replace("Atlantis", "\ud800")})
    assert "\\ud800" in half
    [proposal] = answered(half).proposals
    assert proposal.candidate.query.sql.encode()


@pytest.mark.parametrize(
    "content",
    [json.dumps({"rewrite_sets": [], "explanation": "so " * 9000}), sets({"x" * 30_000: "SELECT FROM", "main_query": "no"})],
)
def test_long_words_of_a_model_are_not_repeated_whole(content: str) -> None:
    assert 0 < len(answered(content).problem) < 1200


def test_a_chain_without_end_is_not_read() -> None:
    found = answered(sets({"main_query": JOINED.replace("l.total >", "l.total > 1 AND " * 2000 + "l.total >")}))
    assert [fault.kind for fault in found.faults] == ["syntax"]
    assert "too long" in found.problem


def test_one_bad_alternative_does_not_spoil_the_others() -> None:
    found = answered(sets({"late": "SELECT nonsense FROM orders"}, {"averages": AVERAGES, "main_query": JOINED}))
    assert len(found.proposals) == 1
    assert [fault.kind for fault in found.faults] == ["binding"]
    assert found.problem == ""
    assert found.proposals[0].candidate.origin.cost == 0.01


def test_equal_alternatives_count_once() -> None:
    same = {"averages": AVERAGES, "main_query": JOINED}
    assert len(answered(sets(same, {**same, "main_query": JOINED.replace("\n", "  ")})).proposals) == 1


def test_unnamed_and_differently_cased_columns_keep_the_names_of_the_query() -> None:
    main = "SELECT c.NAME, SUM(l.total) FROM customers AS c JOIN late AS l ON l.customer_id = c.id GROUP BY 1"
    [proposal] = answered(sets({"main_query": main})).proposals
    assert proposal.tree.named_selects == list(OUTPUTS)


def test_a_node_may_be_written_as_a_definition() -> None:
    [proposal] = answered(sets({"averages": f"averages AS ({AVERAGES})", "main_query": JOINED + ";"})).proposals
    assert "averages" in proposal.candidate.query.sql


def test_placeholders_come_back_as_literals() -> None:
    hidden = request(redact_literals=True)
    main = JOINED.replace("'Atlantis'", "$text_1").replace("LIMIT 10", "LIMIT $integer_1")
    [proposal] = answer(hidden, reply(sets({"averages": AVERAGES, "main_query": main})), (), render()).proposals
    [plain] = answered(sets({"averages": AVERAGES, "main_query": JOINED})).proposals
    assert proposal.fingerprint == plain.fingerprint


def test_faults_do_not_name_redacted_literals() -> None:
    hidden = request(redact_literals=True)
    found = answer(hidden, reply(sets({"late": "SELECT $date_1 FROM WHERE country = $text_1"})), (), render())
    assert found.problem
    assert "2024" not in found.problem
    assert "Atlantis" not in found.problem


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000 + "SELECT 1" + ")" * 3000,
        "SELECT " + "NOT " * 5000 + "TRUE",
        "SELECT " + "1+" * 4000 + "1",
        "(SELECT * FROM " * 9000,
        "SELECT * FROM a, LATERAL " * 1000,
    ],
)
def test_endless_nesting_is_a_fault(text: str) -> None:
    found = answered(f"```sql\n{text}\n```")
    assert found.proposals == ()
    assert found.problem


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_sql_cut_anywhere_is_survived(cut: int) -> None:
    for case in all_cases("transforms")[:: 40 + cut]:
        found = answered(sets({"main_query": case.sql[: len(case.sql) - cut]}))
        assert found.proposals or found.problem
