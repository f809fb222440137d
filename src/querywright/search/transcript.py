"""What a proposer was asked and what it answered, in words.

The rule proposer reads no text. What stands here is what it was given (the query, its graph, the hints, the example set, the
seed) and what it did (its steps and the SQL), so that runs with and without a model read alike.
"""

from __future__ import annotations

from collections.abc import Iterator

from querywright.analyze import Analysis
from querywright.search.protocol import IterationStarted
from querywright.values import Candidate

SHOWN_HINTS = 10


def base_prompt(analysis: Analysis) -> str:
    """The part that all generations share: the task, the query, its graph, and where transforms apply or are blocked."""
    return "\n".join(_base(analysis)) + "\n"


def _base(analysis: Analysis) -> Iterator[str]:
    yield "Rewrite this query so that it runs faster and returns the same rows on every database."
    yield from ("", "## Query", "```sql", analysis.query.sql.strip(), "```", "", "## Query graph")
    for node in analysis.graph.nodes:
        yield f"- {node.name}" + (f", read by {', '.join(node.consumers)}" if node.consumers else "")
    yield from ("", "## Hints")
    for hint in analysis.hints[:SHOWN_HINTS]:
        yield f"- {hint.transform} [{hint.family}] (confidence: {hint.confidence:.2f}) - {hint.reason}"
    if not analysis.hints:
        yield "No transform applies."
    if analysis.blocked:
        yield from ("", "## Blocked")
        yield from dict.fromkeys(f"- {one.transform} at {one.path}: {one.precondition}" for one in analysis.blocked)


def prompt(event: IterationStarted, candidate: Candidate) -> str:
    """What a generation was asked; ``candidate``, its answer, knows whom."""
    origin = candidate.origin
    seed = "" if origin.seed is None else f", seed {origin.seed}"
    asked = f"Asked: {origin.model or origin.proposer}{'' if origin.model else ' (no model took part)'}{seed}"
    lead = f"Lead with one of: {', '.join(event.examples)}. The rewrite must differ from those of all other generations."
    return f"# Generation {event.number} of {event.total}\n{asked}\n{lead}\n\n{base_prompt(event.analysis)}"


def response(candidate: Candidate) -> str:
    """What a generation answered: the transforms in order, with the facts they rely on, and the SQL."""
    lines = [f"{number}. {step.transform} at {step.path}" for number, step in enumerate(candidate.steps, 1)]
    for premise in dict.fromkeys(premise for step in candidate.steps for premise in step.premises):
        lines.append(f"Relies on: {premise.kind} {premise.table}({', '.join(premise.columns)}), {premise.basis}")
    return "\n".join([*lines, "", "```sql", candidate.query.sql.strip(), "```"]) + "\n"
