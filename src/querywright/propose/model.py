"""The model as a proposer: what it is asked, and what of its answer can be judged.

Nothing a model says is trusted: its SQL is parsed, must be one read-only query that binds to the schema and keeps the output
columns, and is then a proposal like any other, which the judge verifies.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError

from querywright.chat.protocol import Reply
from querywright.errors import QueryError
from querywright.propose.answers import Fault, FaultKind, Rewrite, one_line, read, shortened
from querywright.propose.prompting import PromptRequest
from querywright.propose.protocol import Print, Proposal, proposal
from querywright.propose.rewrite_sets import assembled
from querywright.sql.layout import Layout
from querywright.sql.parse import DEEPEST, nesting, parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Origin, Query, Step

WHOLE = "whole query"
"""The path of a step that rewrote everything at once."""

SHORT, MOST_SQL_CHARACTERS = 10_000, 40_000
LONGER = 4
"""A rewrite of so many times the query's length is only read as long as it is short: models may repeat a condition without end,
and the time to parse a chain of operators grows with the square of its length."""
MOST_LATERAL = 8
MOST_CHANGES = 5
_LATERAL = re.compile(r"\blateral\b", re.IGNORECASE)

_PARSER_BREAKS = (SqlglotError, RecursionError, ValueError, TypeError, AttributeError, KeyError, IndexError)
"""What the SQL library raises where a text is stranger than it expects; a model may write anything."""


@dataclass(frozen=True)
class Answer:
    """What of a model's answer can be judged: ``proposals``, most promising first, and ``faults`` of what cannot."""

    proposals: tuple[Proposal, ...]
    faults: tuple[Fault, ...] = ()
    explanation: str = ""

    @property
    def problem(self) -> str:
        """Why there is nothing to judge, in words that can go back to the model; empty where there is something."""
        return "" if self.proposals else "\n".join(dict.fromkeys(fault.reason for fault in self.faults))


class _Unusable(Exception):
    def __init__(self, kind: FaultKind, reason: str) -> None:
        super().__init__(reason)
        self.fault = Fault(kind, reason)


def answer(request: PromptRequest, reply: Reply, steps: Sequence[Step], render: Print, seed: int | None = None) -> Answer:
    """What of ``reply`` to ``request`` can be judged; ``steps`` led from the original to the query that was shown.

    ``render`` prints trees (see `printer`). Each proposal's origin names the model; the first carries the cost of the reply.
    """
    reading = read(reply.content, truncated=reply.finish == "length", refused=reply.finish == "refusal")
    if reading.fault is not None:
        return Answer((), (reading.fault,), reading.explanation)
    proposals: list[Proposal] = []
    faults: list[Fault] = []
    known = {request.analysis.query.fingerprint}
    literals = request.literals
    for rewrite in reading.rewrites:
        try:
            tree = _tree(rewrite, request)
            path = ", ".join(name for name, _ in rewrite.nodes) or WHOLE
            cost = 0.0 if proposals else reply.cost or 0.0
            changes = tuple(one_line(change) for change in rewrite.changes[:MOST_CHANGES])
            origin = Origin("model", model=reply.model, seed=seed, cost=cost, changes=changes)
            made = proposal(request.analysis, tree, (*steps, Step(rewrite.transform or "model", path)), origin, render)
            if made.fingerprint in known:
                raise _Unusable("unchanged", "The rewrite is the same query, but for layout and names.")
        except _Unusable as unusable:
            faults.append(Fault(unusable.fault.kind, shortened(literals.masked(unusable.fault.reason))))
            continue
        known.add(made.fingerprint)
        proposals.append(made)
    return Answer(tuple(proposals), tuple(faults), reading.explanation)


def printer(query: Query, tree: exp.Query, schema: Schema) -> Print:
    """Prints rewrites of ``query``, whose qualified form is ``tree``, keeping the layout of what was not touched."""
    layout = Layout(query.sql, tree, query.dialect)
    outputs = tree.named_selects
    return lambda rewritten: layout.render(
        rewritten, lambda text: qualify_text(text, schema, query.dialect, outputs, typed=False)
    )


def _tree(rewrite: Rewrite, request: PromptRequest) -> exp.Query:
    """The qualified tree of a rewrite; raises `_Unusable`."""
    analysis = request.analysis
    dialect, restored = analysis.query.dialect, request.literals.restored
    longest = min(MOST_SQL_CHARACTERS, max(SHORT, LONGER * len(analysis.query.sql)))
    try:
        if rewrite.sql:
            text = restored(rewrite.sql)
            whole = _parsed(text, dialect, "The rewrite", longest)
        else:
            bodies = {name: _body(name, restored(sql)) for name, sql in rewrite.nodes}
            parsed = {name: _parsed(body, dialect, f"Node {name}", longest) for name, body in bodies.items()}
            whole = _assembled(analysis.tree, parsed, [table.name for table in analysis.schema.tables])
            text = whole.sql(dialect)
        return _qualified(text, whole, request)
    except _PARSER_BREAKS as error:
        raise _Unusable(
            "syntax", f"The rewrite cannot be read as {dialect} SQL ({type(error).__name__}). Write it more plainly."
        ) from error


def _parsed(text: str, dialect: str, source: str, longest: int) -> exp.Query:
    if len(text) > longest or nesting(text) > DEEPEST or len(_LATERAL.findall(text)) > MOST_LATERAL:
        # The parser is compiled: what nests without end would end this process, and LATERAL makes it try both ways each time.
        raise _Unusable("syntax", f"{source} is too long or nested too deeply to be read. Write it more plainly.")
    try:
        return parse_query(text, dialect, source)
    except QueryError as error:
        # A syntax error has a cause in the parser; whatever else is refused could be read, and is no single read-only query.
        kind: FaultKind = "syntax" if error.__cause__ is not None or not text.strip() else "forbidden"
        raise _Unusable(kind, f"{error.message} {error.remedy}".strip()) from error


def _assembled(tree: exp.Query, parsed: dict[str, exp.Query], tables: Sequence[str]) -> exp.Query:
    try:
        return assembled(tree, parsed, tables)
    except QueryError as error:
        raise _Unusable("nodes", f"{error.message} {error.remedy}".strip()) from error


def _qualified(text: str, whole: exp.Query, request: PromptRequest) -> exp.Query:
    analysis = request.analysis
    outputs = analysis.tree.named_selects
    try:
        qualified = qualify_text(text, analysis.schema, analysis.query.dialect, outputs, "The rewrite", typed=False)
        bare = qualify_text(text, analysis.schema, analysis.query.dialect, (), "The rewrite", typed=False)
    except QueryError as error:
        raise _Unusable("binding", f"{error.message} {error.remedy}".strip()) from error
    names = bare.named_selects
    unnamed = {name for name in names if name.startswith("_col_")}
    if len(names) != len(outputs) or any(
        name.lower() != wanted.lower() and name not in unnamed for name, wanted in zip(names, outputs, strict=True)
    ):
        reason = f"The rewrite returns the columns {', '.join(names)}; the query returns {', '.join(outputs)}."
        raise _Unusable("columns", f"{reason} Keep their number, order and names.")
    return qualified


def _body(name: str, sql: str) -> str:
    """A node's query, also where it was written as the definition of a common table expression."""
    text = sql.strip().removesuffix(";").rstrip()
    start = text.lower().find("as")
    opening = text.find("(")
    defined = text[: max(start, 0)].strip().strip('"').lower() == name.lower()
    if defined and start >= 0 and text.endswith(")") and not text[start + 2 : opening].strip():
        return text[opening + 1 : -1]
    return text
