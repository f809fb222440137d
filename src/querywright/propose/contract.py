"""The answer contract: the JSON that a model is asked for, and the names that tolerant readers accept as well."""

from __future__ import annotations

from collections.abc import Mapping

_TEXT = {"type": "string"}

_NODE = {
    "type": "object",
    "properties": {"node": _TEXT, "sql": _TEXT},
    "required": ["node", "sql"],
    "additionalProperties": False,
}

_REWRITE_SET = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "transform": _TEXT,
        "nodes": {"type": "array", "items": _NODE},
        "changes": {"type": "array", "items": _TEXT},
        "invariants_kept": {"type": "array", "items": _TEXT},
        "expected_speedup": {"type": "number"},
        "risk": {"type": "string", "enum": ["low", "medium", "high"]},
    },
    "required": ["id", "transform", "nodes", "changes", "invariants_kept", "expected_speedup", "risk"],
    "additionalProperties": False,
}

SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"rewrite_sets": {"type": "array", "items": _REWRITE_SET}, "explanation": _TEXT},
    "required": ["rewrite_sets", "explanation"],
    "additionalProperties": False,
}
"""JSON schema of an answer, strict enough for servers that enforce schemas: every property required, none added."""

MOST_SETS = 4
"""How many rewrite sets an answer may hold; further ones are left out."""

MOST_CHARACTERS = 200_000
"""Longer answers are not read."""

NAME_KEYS = ("node", "name", "node_id", "id")
SQL_KEYS = ("sql", "query", "optimized_sql", "rewritten_sql", "optimized_query", "rewritten_query", "rewrite")
