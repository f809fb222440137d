"""The one renderer of prompts: a request, a frozen value, becomes messages by filling the templates in ``prompts/``.

Pure and deterministic: the same request gives the same text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

from querywright.analyze import Analysis
from querywright.analyze.figures import engine_version
from querywright.chat.protocol import Message
from querywright.propose import query_sections
from querywright.propose.contract import MOST_SETS, SCHEMA
from querywright.propose.engine_profile import engine_profile, headline
from querywright.propose.gold import GoldExample
from querywright.propose.history import OTHERS, PREVIOUS, challenge, history, reached_without_model, transforms_of, tries_of_model
from querywright.propose.literals import Literals
from querywright.transforms.protocol import FAMILIES
from querywright.values import Attempt

MOST_SCRIPT_CHARACTERS = 4000

_TEMPLATES = Path(__file__).with_name("prompts")


@dataclass(frozen=True)
class PromptRequest:
    """What a model is told.

    ``analysis`` is of the query to rewrite: the original, or the best rewrite so far, which is ``speedup`` times as fast as the
    original. ``version`` of the engine defaults to that at hand. ``attempts`` is what was judged before, by rules and model; with
    ``others`` the model's are those of other workers. ``problems`` says why earlier answers could not be judged, ``leads`` which
    families of transforms to think of first. ``number`` of ``total`` tells side by side workers apart.
    """

    analysis: Analysis
    engine: str
    version: str | None = None
    examples: tuple[GoldExample, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    problems: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    speedup: float = 1.0
    target: float = 2.0
    number: int = 1
    total: int = 1
    others: bool = False
    redact_literals: bool = False

    @property
    def literals(self) -> Literals:
        """The placeholders for the literals of the query, none unless literals are to be redacted."""
        sql, dialect = self.analysis.query.sql, self.analysis.query.dialect
        return Literals.of(sql, dialect) if self.redact_literals else Literals(dialect)


def messages(request: PromptRequest) -> tuple[Message, ...]:
    """The conversation to start with: the rules of the game, which are the same for all queries of an engine, and the request."""
    engine = f"{request.engine} {request.version or engine_version(request.engine) or ''}".rstrip()
    system = _filled(
        "system",
        engine=engine,
        dialect=request.analysis.query.dialect,
        schema=json.dumps(SCHEMA),
        most_sets=MOST_SETS,
        transforms=", ".join(FAMILIES),
    )
    return Message("system", system), Message("user", _request(request))


def plain(asked: Sequence[Message]) -> str:
    """A conversation as one text, for a chat window or a file."""
    return "\n\n".join(message.content.strip() for message in asked) + "\n"


def _request(request: PromptRequest) -> str:
    analysis, literals = request.analysis, request.literals
    hide = literals.hidden if request.redact_literals else str
    tries = tries_of_model(request.attempts)
    written = "\n".join([analysis.query.sql, *(attempt.candidate.query.sql for attempt in request.attempts)])

    def unlabeled(text: str) -> str:
        return query_sections.without_labels(text, analysis, written)

    def said(text: str) -> str:
        return unlabeled(literals.masked(text))

    return _filled(
        "request",
        examples=_examples(request.examples),
        reached=said(reached_without_model(request.attempts, analysis.query.fingerprint)),
        history=_fences_hidden(unlabeled(history(tries, "try", OTHERS if request.others else PREVIOUS)), request),
        challenge=challenge(request.speedup, request.target) if request.attempts or request.speedup > 1 else "",
        counterexample=unlabeled(_counterexample(request)),
        problems=said(_problems(request.problems)),
        profile=engine_profile(request.engine, request.version),
        hints=said(query_sections.hints(analysis)),
        patterns=said(query_sections.patterns(analysis)),
        query=hide(analysis.query.sql.strip()),
        targets=query_sections.target_nodes(analysis),
        graph=query_sections.graph(analysis, hide),
        plan=query_sections.plan(analysis.plan),
        schema=query_sections.schema(analysis),
        lead=_lead(request),
        closing=_closing(request),
    )


def _examples(examples: Sequence[GoldExample]) -> str:
    if not examples:
        return ""
    lines = ["## Examples", "Rewrites that were verified and measured, with the answer that produces them."]
    for number, example in enumerate(examples, 1):
        nodes = [{"node": name, "sql": sql} for name, sql in example.nodes.items()]
        rewrite = {
            "id": "rs_01",
            "transform": example.families[0],
            "nodes": nodes,
            "changes": [headline(example.transform)],
            "invariants_kept": ["same columns", "same rows", *example.relies_on],
            "expected_speedup": round(example.speedup, 1),
            "risk": "low",
        }
        answer = {"rewrite_sets": [rewrite], "explanation": headline(example.transform)}
        lines += [
            "",
            _filled(
                "example",
                number=number,
                family=example.families[0],
                transform=example.transform,
                speedup=f"{example.speedup:.1f}x",
                engine=f"{example.engine} {example.version}",
                headline=headline(example.transform),
                premises="".join(f"\nRelies on: {fact}" for fact in example.relies_on),
                query=example.query.strip(),
                answer=json.dumps(answer, indent=1, ensure_ascii=False),
            ),
        ]
    return "\n".join(lines)


def _counterexample(request: PromptRequest) -> str:
    """The database on which the last refuted rewrite of a model failed. It was generated; no row is the user's."""
    refuted = [a for a in request.attempts if a.verdict.counterexample is not None and a.candidate.origin.proposer != "rules"]
    if not refuted or refuted[-1].verdict.counterexample is None:
        return ""
    script = refuted[-1].verdict.counterexample.script.strip()
    if request.redact_literals:
        return ""  # generated values lie close to the literals of the query
    shown = script[:MOST_SCRIPT_CHARACTERS] + ("\n-- …" if len(script) > MOST_SCRIPT_CHARACTERS else "")
    return _filled("counterexample", transform=transforms_of(refuted[-1]), script=shown)


def _problems(problems: Sequence[str]) -> str:
    if not problems:
        return ""
    return "\n".join(
        ["## Unusable Answers", "Earlier answers could not even be tried:", *(f"- {p}" for p in dict.fromkeys(problems))]
    )


def _lead(request: PromptRequest) -> str:
    told = []
    if request.leads:
        told.append(f"Think first of: {', '.join(request.leads)}.")
    if request.total > 1:
        told.append(f"You are number {request.number} of {request.total}; the others think of other transforms. Go your own way.")
    return " ".join(told)


def _closing(request: PromptRequest) -> str:
    if request.speedup > 1:
        gap = request.target - request.speedup
        goal = f"bridge the {gap:.2f}x gap" if gap > 0 else f"improve upon the {request.speedup:.2f}x result"
        return f"Now output your rewrite_sets to {goal}, keeping what was gained:"
    return "Now output your rewrite_sets:"


def _fences_hidden(text: str, request: PromptRequest) -> str:
    """``text`` with literals hidden in its SQL and in its sentences."""
    if not request.redact_literals:
        return text
    pieces = re.split(r"(?s)(?<=```sql\n)(.*?)(?=\n```)", text)
    literals = request.literals
    return "".join(literals.hidden(piece) if odd % 2 else literals.masked(piece) for odd, piece in enumerate(pieces))


def _filled(name: str, **values: object) -> str:
    """A template with its sections; those that are empty leave no gap."""
    text = _template(name).substitute({key: str(value) for key, value in values.items()})
    return re.sub(r"\n{3,}", "\n\n", text).strip()


@cache
def _template(name: str) -> Template:
    return Template((_TEMPLATES / f"{name}.md").read_text(encoding="utf-8"))
