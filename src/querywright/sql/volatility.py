"""Which expressions can answer differently when evaluated twice, and which change the world."""

from __future__ import annotations

from sqlglot import exp

_RANDOM_NAMES = {
    "random",
    "rand",
    "random_normal",
    "setseed",
    "uuid",
    "uuidv4",
    "uuidv7",
    "gen_random_uuid",
    "uuid_generate_v4",
    "newid",
    "randomblob",
    "sys_guid",
    "clock_timestamp",
    "timeofday",
}
_SIDE_EFFECT_NAMES = {
    "nextval",
    "setval",
    "setseed",
    "set_config",
    "pg_sleep",
    "sleep",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "pg_advisory_lock",
    "lo_import",
    "lo_export",
    "dblink",
    "dblink_exec",
    "load_extension",
    "writefile",
    "benchmark",
    "get_lock",
    "release_lock",
    "force_checkpoint",
    "checkpoint",
}
_RANDOM = (exp.Rand, exp.Randn, exp.Uuid)
_FROZEN = (
    exp.CurrentDate,
    exp.CurrentDatetime,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentTimestampLTZ,
)
_FROZEN_NAMES = {"now", "today", "get_current_timestamp", "transaction_timestamp", "current_localtimestamp"}


def function_name(node: exp.Expr) -> str:
    """Lower-case name of a function call."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def random_calls(tree: exp.Expr) -> frozenset[str]:
    """Names of functions in ``tree`` whose value differs from call to call."""
    return frozenset(
        function_name(node)
        for node in tree.find_all(exp.Func)
        if isinstance(node, _RANDOM) or function_name(node) in _RANDOM_NAMES
    )


def side_effects(tree: exp.Expr) -> frozenset[str]:
    """Names of functions in ``tree`` that change something outside the query."""
    return frozenset(name for node in tree.find_all(exp.Func) if (name := function_name(node)) in _SIDE_EFFECT_NAMES)


def frozen_calls(tree: exp.Expr) -> frozenset[str]:
    """Names of functions in ``tree`` that are constant within a statement but not between statements, such as ``now()``."""
    return frozenset(
        function_name(node)
        for node in tree.find_all(exp.Func)
        if isinstance(node, _FROZEN) or function_name(node) in _FROZEN_NAMES
    )


def deterministic(tree: exp.Expr) -> bool:
    """Whether ``tree`` gives the same value whenever it is evaluated within one statement."""
    return not random_calls(tree)
