"""Which transforms to try first, and why.

A hint's confidence is the share of the query's table rows that the block of a site reads: the work at stake there. It
orders the search; the judge decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from querywright.sql.facts import Facts
from querywright.transforms.driver import Finding, transforms


@dataclass(frozen=True, slots=True)
class Hint:
    """A recommendation: ``confidence`` between 0 and 1, ``estimated_gain`` as a speedup ratio where one was measured before."""

    transform: str
    family: str
    confidence: float
    reason: str
    path: str
    estimated_gain: float | None = None


def hints(findings: Sequence[Finding], facts: Facts) -> tuple[Hint, ...]:
    """One hint for each transform that applies, at its heaviest site, most promising first."""
    total = _rows_read(facts.tree, facts) or 1
    best: dict[str, Hint] = {}
    known = transforms()
    for finding in findings:
        block = finding.site.node if isinstance(finding.site.node, exp.Query) else finding.site.node.parent_select
        share = (_rows_read(block, facts) / total) if block is not None else 1.0
        hint = Hint(
            finding.transform,
            known[finding.transform].FAMILY,
            round(min(1.0, share), 2),
            f"{_headline(finding.transform)} ({finding.path})",
            finding.path,
        )
        if finding.transform not in best or best[finding.transform].confidence < hint.confidence:
            best[finding.transform] = hint
    return tuple(sorted(best.values(), key=lambda hint: (-hint.confidence, hint.transform)))


def _headline(name: str) -> str:
    return (transforms()[name].__doc__ or name).strip().splitlines()[0].rstrip(".")


def _rows_read(block: exp.Expr, facts: Facts) -> int:
    tables = [facts.schema.table(table.name) for table in block.find_all(exp.Table)]
    return sum(table.rows or 0 for table in tables if table is not None)
