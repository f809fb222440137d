"""Which expressions can answer differently when evaluated twice, and which change the world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    # What a session of SQLite has done so far.
    "changes",
    "total_changes",
    "last_insert_rowid",
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

_MOMENT_POSITIONS = {"date": 0, "time": 0, "datetime": 0, "julianday": 0, "unixepoch": 0, "strftime": 1}
"""SQLite's date functions, and which argument is the moment; the clock where it is missing."""

CLOCK_WORDS = {"now", "subsec", "subsecond"}
"""What SQLite's date functions take for the clock's time in place of a moment."""

_UNCHANGING = (
    exp.Alias,
    exp.Cast,
    exp.Collate,
    exp.Filter,
    exp.FirstValue,
    exp.LastValue,
    exp.NthValue,
    exp.Paren,
    exp.Subquery,
    exp.Window,
)
"""What has the value of its operand."""


def function_name(node: exp.Expr) -> str:
    """Lower-case name of a function call."""
    if isinstance(node, exp.Anonymous):
        return node.name.lower()
    return node.sql_name().lower() if isinstance(node, exp.Func) else ""


def moments(node: exp.Expr) -> list[exp.Expr] | None:
    """What a date function of SQLite takes for moments; none where it reads the clock, None for any other expression."""
    if isinstance(node, exp.TimeToStr) and isinstance(node.this, exp.TsOrDsToTimestamp):
        return [node.this.this]
    name = function_name(node)
    arguments = [node.this] if isinstance(node, exp.Date) and node.this else node.expressions
    if name == "timediff":
        return arguments[:2] or None
    position = _MOMENT_POSITIONS.get(name)
    return arguments[position : position + 1] if position is not None and len(arguments) >= position else None


def possible_values(node: exp.Expr | None) -> Iterator[exp.Expr]:
    """The expressions one of whose values ``node`` has, as it is: the branches of a CASE, the column of a subquery."""
    parts: Sequence[exp.Expr | None]
    match node:
        case exp.Coalesce() | exp.Max() | exp.Min():
            parts = [node.this, *node.expressions]
        case exp.If():
            parts = [node.args["true"], node.args.get("false")]
        case exp.Case():
            parts = [*node.args["ifs"], node.args.get("default")]
        case exp.Lag() | exp.Lead():
            parts = [node.this, node.args.get("default")]
        case exp.SetOperation():
            parts = [node.left, node.right]
        case exp.Select():
            parts = node.selects
        case _ if isinstance(node, _UNCHANGING):
            parts = [node.this]
        case _:
            parts = []
            if node is not None:
                yield node
    for part in parts:
        yield from possible_values(part)


def clock_words(node: exp.Expr) -> list[exp.Expr]:
    """The literals such as 'now' by which a date function of SQLite reads the clock."""
    values = [value for moment in moments(node) or () for value in possible_values(moment)]
    return [value for value in values if isinstance(value, exp.Literal) and value.name.strip().lower() in CLOCK_WORDS]


def reads_clock(node: exp.Expr) -> bool:
    """Whether this one expression is constant within a statement but not between statements, such as ``now()``."""
    return isinstance(node, _FROZEN) or function_name(node) in _FROZEN_NAMES or moments(node) == [] or bool(clock_words(node))


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
        "strftime" if isinstance(node, exp.TimeToStr) else function_name(node)
        for node in tree.find_all(exp.Func)
        if reads_clock(node)
    )


def deterministic(tree: exp.Expr) -> bool:
    """Whether ``tree`` gives the same value whenever it is evaluated within one statement."""
    return not random_calls(tree)
