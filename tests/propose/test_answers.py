"""Answers as models write them: what is read, and in which words the rest goes back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querywright.propose.answers import Rewrite, read
from querywright.propose.contract import MOST_CHARACTERS, MOST_SETS

SQL = "SELECT x\nFROM t"
SET = {"id": "rs_01", "transform": "Decorrelate", "nodes": [{"node": "main_query", "sql": SQL}], "changes": ["less"]}
NODES = Rewrite("decorrelate", (("main_query", SQL),), "", ("less",))
WHOLE = Rewrite(sql=SQL)
INDEXES = "CREATE INDEX i ON t (x);\n\ncreate unique index j ON t (y);\n\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(json.dumps({"rewrite_sets": [SET], "explanation": "why"}), NODES, id="the contract"),
        pytest.param(
            "Sure!\n```json\n" + json.dumps({"rewrite_sets": [SET]}) + "\n```\nHope it helps.", NODES, id="fenced, with talk"
        ),
        pytest.param(
            '<think>{"rewrite_sets": []} SELECT 1</think>' + json.dumps({"rewrite_sets": [SET]}), NODES, id="after thinking"
        ),
        pytest.param(json.dumps({"rewrite_sets": [{**SET, "nodes": {"main_query": SQL}}]}), NODES, id="a map of nodes"),
        pytest.param(json.dumps({"rewrite_sets": SET}), NODES, id="one set instead of a list"),
        pytest.param(json.dumps([SET]), NODES, id="a bare list"),
        pytest.param(json.dumps({"rewrite_sets": [SET]}).replace("}]}", "},],}"), NODES, id="trailing commas"),
        pytest.param(json.dumps({"rewrite_sets": [SET]}).replace("\\n", "\n"), NODES, id="raw line breaks in strings"),
        pytest.param("The set {x} of keys… " + json.dumps({"rewrite_sets": [SET]}), NODES, id="braces before"),
        pytest.param(json.dumps({"rewrite_sets": [SET]})[:-1], NODES, id="a missing last brace"),
        pytest.param(json.dumps({"rewrite_sets": [SET, SET]})[:-30], NODES, id="cut off after a complete set"),
        pytest.param(json.dumps({"optimized_sql": SQL}), WHOLE, id="a whole query in JSON"),
        pytest.param(f"```sql\n{SQL}\n```", WHOLE, id="a whole query in a fence"),
        pytest.param(f"Here it is:\n\n{SQL}", WHOLE, id="a whole query as text"),
        pytest.param(f"{INDEXES}{SQL};\n\nIt is faster.", Rewrite(sql=INDEXES + SQL), id="a whole query as text, after indexes"),
        pytest.param(f"Before:\n```sql\nSELECT 0\n```\nAfter:\n```sql\n{SQL}\n```", WHOLE, id="the last fence first"),
    ],
)
def test_rewrites_are_found_in_many_wrappings(content: str, expected: Rewrite) -> None:
    reading = read(content)
    assert reading.fault is None
    assert reading.rewrites[0] == expected


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("x" * (MOST_CHARACTERS + 1), "too_long"),
        ("I'm sorry, but I cannot help with that.", "refusal"),
        ('{"rewrite_sets": [], "explanation": "It is fast already."}', "declined"),
        ("Add an index on t(x); that is all.", "no_rewrite"),
        ('{"rewrite_sets": [{"id": "rs_01", "nodes": 3}]}', "no_rewrite"),
        ("<think>Let me see, the join", "truncated"),
        ('{"rewrite_sets": [{"id": "rs_01", "nodes": [', "malformed"),
        ('{"rewrite_sets": [{"sql": "SELECT "x" FROM t"}]}', "malformed"),
        ("```sql\nSELECT x FROM t WHERE", "truncated"),
    ],
)
def test_answers_without_a_rewrite_say_why(content: str, kind: str) -> None:
    reading = read(content)
    assert reading.rewrites == ()
    assert reading.fault is not None
    assert reading.fault.kind == kind
    assert reading.fault.reason


@pytest.mark.parametrize(
    "part",
    ["<think>", "<think></thinking>", "```" + " " * (MOST_CHARACTERS - 3), "```sql ", "{", "[", "(" + " " * 999, '{"a":1, '],
)
def test_what_repeats_without_end_is_read_in_time(part: str) -> None:
    """Time that grows with the square of the length would be hours here."""
    assert read(part * (MOST_CHARACTERS // len(part))).fault is not None


def test_what_the_server_says_of_an_answer_counts() -> None:
    cut = json.dumps({"rewrite_sets": [SET]})[:60]
    assert (read(cut, truncated=True).fault or pytest.fail("no fault")).kind == "truncated"
    assert (read("", refused=True).fault or pytest.fail("no fault")).kind == "refusal"
    assert (read("SELECT x FROM t WHERE", truncated=True).fault or pytest.fail("no fault")).kind == "truncated"
    assert read(json.dumps({"rewrite_sets": [SET]}), truncated=True).rewrites == (NODES,)


def test_a_node_of_a_set_that_was_cut_off_is_no_query() -> None:
    nodes = [{"node": "a", "sql": "SELECT 1 AS x"}, {"node": "main_query", "sql": "SELECT x FROM a"}]
    cut = json.dumps({"rewrite_sets": [{"id": "rs_01", "nodes": nodes}]})[:-40]
    assert read(cut, truncated=True).rewrites == ()


def test_an_answer_holds_a_few_alternatives_at_most() -> None:
    assert len(read(json.dumps({"rewrite_sets": [SET] * 50})).rewrites) == MOST_SETS


@settings(max_examples=300)
@given(st.text(st.sampled_from('{}[]",:`\n rewrite_sets nodes sql SELECT WITH DROP <think> ```json')))
def test_nothing_that_is_said_breaks_the_reader(content: str) -> None:
    reading = read(content)
    assert bool(reading.rewrites) != (reading.fault is not None)


@pytest.mark.parametrize("content", ["{" * 100_000, "[" * 100_000, '{"a":' * 50_000, "```sql\n" * 20_000, "(" * 100_000])
def test_endless_nesting_is_survived(content: str) -> None:
    assert read(content).rewrites == ()
