"""The published environment's grader: six components, their weights and thresholds, added up.

For comparison only: a wrong query can earn up to 0.50 by texts alone. Two things differ: the speed of SQL that was not verified
counts nothing, and only SQL that passes the sandbox runs.
"""

from __future__ import annotations

from querywright.gym.values import Examination, Reward, Task
from querywright.gym.wire import Answer

COMPONENTS = ("speedup", "correctness", "issue_detection", "approval", "summary", "severity")
WORK = False

_SPEEDUPS = ((15.0, 0.35), (8.0, 0.30), (4.0, 0.25), (2.0, 0.18), (1.2, 0.10), (0.9, 0.04))
_CORRECT = 0.20
_WRONG_WITH_ROWS = 0.05
_ISSUES = 0.25
_APPROVAL = 0.08
_SUMMARIES = ((120, 0.07), (50, 0.03))
_SEVERITY = 0.05
_SEVERITIES = ("critical", "high", "medium", "low")
_CONSOLATION = 0.02

_KEYWORDS: dict[str, tuple[str, ...]] = {
    "select_star": ("select *", "projection"),
    "non_sargable_cast": ("cast", "sargable"),
    "function_on_date_column": ("year(", "date range", "function on"),
    "correlated_subquery_count": ("correlated", "n+1"),
    "correlated_subquery_sum": ("correlated", "n+1"),
    "correlated_subquery_limit": ("correlated", "latest"),
    "missing_aggregation_join": ("cte", "group by", "aggregation"),
    "leading_wildcard_like": ("wildcard", "like '%"),
    "or_expands_to_full_scan": ("full scan", "or condition"),
    "select_star_large_table": ("select *", "projection"),
    "pre_filter_computed_columns": ("computed", "projection"),
    "implicit_cross_join": ("implicit", "cross join", "comma"),
    "repeated_scalar_subquery_avg": ("scalar", "cte"),
    "repeated_scalar_subquery_max": ("scalar", "cte"),
    "missing_explicit_join": ("explicit join", "inner join"),
    "no_pre_filter": ("filter", "where"),
    "global_rank_no_partition": ("rank", "partition"),
    "redundant_window_functions": ("redundant", "window"),
    "count_vs_conditional_sum": ("conditional", "case when"),
    "select_all_unfiltered": ("unfiltered", "full scan"),
}
"""What counts as naming an issue, besides its label; any text of the answer will do, the query too."""


def score(task: Task, answer: Answer, examination: Examination, mask: frozenset[str] = frozenset()) -> Reward:
    """The published sum, clipped to 0 to 1."""
    found = tuple(label for label in task.issues if _named(label, _texts(answer)))
    severities = " ".join(suggestion.severity.lower() for suggestion in answer.suggestions)
    length = len(answer.summary)
    parts = {
        "speedup": _speedup(examination),
        "correctness": _CORRECT if examination.match else _WRONG_WITH_ROWS * bool(examination.rows),
        "issue_detection": _ISSUES * len(found) / len(task.issues) if task.issues else 0.0,
        "approval": _APPROVAL * (answer.approved == task.approved),
        "summary": next((earned for more_than, earned in _SUMMARIES if length > more_than), 0.0),
        "severity": _SEVERITY * any(word in severities for word in _SEVERITIES),
    }
    kept = {name: 0.0 if name in mask else round(part, 4) for name, part in parts.items()}
    total = sum(kept.values())
    if total == 0 and answer.suggestions:
        total = _CONSOLATION
    return Reward(round(min(1.0, max(0.0, total)), 4), tuple(kept.items()), _feedback(examination, found, task), found)


def _speedup(examination: Examination) -> float:
    if not examination.match:
        return 0.0
    return next((earned for least, earned in _SPEEDUPS if examination.speedup >= least), 0.0)


def _texts(answer: Answer) -> str:
    parts = [answer.summary, answer.optimized_query, answer.estimated_improvement]
    for suggestion in answer.suggestions:
        parts += [suggestion.issue_type, suggestion.description, suggestion.severity, suggestion.fix]
    return " ".join(parts).lower()


def _named(label: str, texts: str) -> bool:
    words = (label, label.replace("_", " "), *_KEYWORDS.get(label, ()))
    return any(word.lower() in texts for word in words)


def _feedback(examination: Examination, found: tuple[str, ...], task: Task) -> str:
    if examination.refusal or examination.error:
        outcome = examination.refusal or examination.error
    elif examination.match:
        outcome = f"{examination.speedup:.2f}x with the original's result."
    else:
        outcome = examination.reason or "The result is not that of the original."
    return f"{outcome} Issues named: {len(found)} of {len(task.issues)}."
