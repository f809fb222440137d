"""Scripted searches: what each query can be rewritten to, and what the judge says of it.

A script is a JSON Lines file. Its first line holds ``title``, the ``budget``, ``expect``, and optionally ``done`` (names
judged in an interrupted run; for swarm on the sample, as generations 1, 2, …) and ``seconds`` (what one judgement takes).
Every other line is a position: its name and its proposals, each with ``name``, ``grade``, and ``ratio`` and ``low`` where it
was timed, ``sample`` for another ratio on the sample, ``premises`` where the verdict rests on some, ``transform`` (one of the
twelve names) where the proposer names it. The original is named ``original``; names stand for fingerprints. A seed other than 0
shuffles the proposals. The sample's judgements complete in reverse order.

With ``answers`` in the first line a model takes part: what it answers by the number of the iteration or worker (followed by
`` retry`` in a retry), the name of a query or ``!`` and a problem; it falls silent after ``calls`` questions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any, cast

from sqlglot import exp, parse_one

from querywright.analyze import Analysis, analyze
from querywright.propose.protocol import Proposal
from querywright.search.driver import modes
from querywright.search.protocol import Answered, Budget, Event, IterationEnded, IterationStarted, Judged, Position, Question
from querywright.sql.schema import Schema
from querywright.values import Attempt, Candidate, Origin, Premise, Query, Step, Timing, Verdict

FOLDER = Path(__file__).parents[1] / "fixtures" / "search"
MODES = modes()
TREE = cast(exp.Query, parse_one("SELECT 1 AS x", read="duckdb"))
ORIGINAL = Query("SELECT 1 AS x", "duckdb", "original")

Proposed = dict[str, Any]


@dataclass(frozen=True)
class Script:
    """``positions`` maps the name of a query to what it can be rewritten to."""

    positions: dict[str, list[Proposed]]
    budget: Budget = field(default_factory=Budget)
    done: tuple[str, ...] = ()
    seconds: float = 1.0
    title: str = ""
    expect: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, str] | None = None
    calls: int = 99

    def proposed(self, name: str) -> Proposed:
        """How the script judges a query."""
        return next(proposal for proposals in self.positions.values() for proposal in proposals if proposal["name"] == name)


@dataclass
class Played:
    """What a search did: everything in order, by name; ``sampled`` are those judged on the sample, not among ``judged``."""

    judged: list[str] = field(default_factory=list)
    sampled: list[str] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    expanded: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """The story in the words of ``expect``."""
        started = [event for event in self.events if isinstance(event, IterationStarted)]
        ended = [event for event in self.events if isinstance(event, IterationEnded)]
        return {
            "attempts": [name_of(attempt) for attempt in self.attempts],
            "judged": self.judged,
            "sampled": self.sampled,
            "workers": [event.number for event in started],
            "examples": [list(event.examples) for event in started],
            "retries": [event.number for event in started if event.retry],
            "inputs": [event.positions[0].query.fingerprint for event in started],
            "bests": [name_of(event.best) if event.best else None for event in ended],
            "improved": [event.improved for event in ended],
            "target_met": [event.target_met for event in ended],
            "asked": [asked(event.question) for event in self.events if isinstance(event, Answered)],
            "seen": [
                [*map(name_of, event.question.attempts), *event.question.problems]
                for event in self.events
                if isinstance(event, Answered)
            ],
            "improving": [event.question.position.query.fingerprint for event in self.events if isinstance(event, Answered)],
            "best_so_far": ended[-1].best_so_far.query.fingerprint if ended else None,
        }


def read(path: Path) -> Script:
    """The script in a file."""
    head, *positions = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return Script(
        {position["position"]: position["proposals"] for position in positions},
        Budget(**head["budget"]),
        tuple(head.get("done", ())),
        head.get("seconds", 1.0),
        head["title"],
        head["expect"],
        head.get("answers"),
        head.get("calls", 99),
    )


def play(mode: str, script: Script, attempts: int | None = None, done: Sequence[Judged] | None = None) -> Played:
    """Run a search mode on a script, up to a number of attempts; ``done`` in place of the script's."""
    played, now = Played(), [0.0]

    def expand(position: Position, feedback: Sequence[Attempt]) -> tuple[Analysis, Iterator[Proposal]]:
        assert list(feedback) == played.attempts[: len(feedback)]
        name = position.query.fingerprint
        played.expanded.append(name)
        proposals = list(script.positions.get(name, []))
        if script.budget.seed:
            Random(script.budget.seed).shuffle(proposals)
        return analysis(), (Proposal.of(candidate(proposal, name, position.steps), TREE) for proposal in proposals)

    if done is None:
        judge_earlier = partial(attempt_of, on_sample=mode == "swarm")
        earlier = [script.proposed(name) for name in script.done]
        done = [Judged(number, judge_earlier(one, candidate(one, "")), TREE) for number, one in enumerate(earlier, 1)]
    judge = ScriptedJudge(script, played, now)
    start = Position(ORIGINAL, TREE)
    model = ScriptedModel(script) if script.answers is not None else None
    for attempt in MODES[mode].run(start, expand, judge, script.budget, played.events.append, lambda: now[0], done, model):
        played.attempts.append(attempt)
        if len(played.attempts) == attempts:
            break
    return played


@dataclass(frozen=True)
class ScriptedJudge:
    """Judges as the script says; ``now`` holds the time."""

    script: Script
    played: Played
    now: list[float]

    def __call__(self, candidate: Candidate) -> Attempt:
        self.played.judged.append(candidate.query.fingerprint)
        return self._attempt(candidate, on_sample=False)

    def on_sample(self, candidates: Sequence[Candidate]) -> Iterator[tuple[int, Attempt]]:
        for index, proposed in reversed(list(enumerate(candidates))):
            self.played.sampled.append(proposed.query.fingerprint)
            yield index, self._attempt(proposed, on_sample=True)

    def _attempt(self, proposed: Candidate, *, on_sample: bool) -> Attempt:
        self.now[0] += self.script.seconds
        return attempt_of(self.script.proposed(proposed.query.fingerprint), proposed, on_sample=on_sample)


@dataclass
class ScriptedModel:
    """Answers as the script says, until its calls are used up."""

    script: Script
    calls: int = 0

    @property
    def lost(self) -> str:
        return "no calls are left" if self.calls >= self.script.calls else ""

    def ask(self, questions: Sequence[Question], *, in_order: bool = True) -> Iterator[Answered]:
        self.calls += len(questions)
        return map(self._answered, questions)

    def _answered(self, question: Question) -> Answered:
        name = (self.script.answers or {}).get(asked(question), "!no answer")
        proposals: tuple[Proposal, ...] = ()
        problem = name.removeprefix("!")
        if not name.startswith("!"):
            written = candidate(self.script.proposed(name), question.position.query.fingerprint, question.position.steps)
            proposals, problem = (Proposal.of(written, TREE),), ""
        return Answered(question, proposals, "a prompt", {"content": name}, problem)


def asked(question: Question) -> str:
    """The question as scripts call it."""
    return f"{question.number}{' retry' if question.retry else ''}"


def candidate(proposal: Proposed, parent: str, steps: tuple[Step, ...] = ()) -> Candidate:
    name = proposal["name"]
    if "transform" in proposal:
        steps = (*steps, Step(proposal["transform"], "main"))
    return Candidate(Query(f"SELECT 1 AS x /* {name} */", "duckdb", name), parent, steps, Origin("script"))


def attempt_of(proposal: Proposed, judged: Candidate, *, on_sample: bool = False) -> Attempt:
    premises = tuple(Premise("unique", table, ("id",), "checked") for table in proposal.get("premises", ()))
    ratio = proposal.get("ratio")
    if on_sample:
        ratio = proposal.get("sample", ratio)
    timing = None
    if ratio is not None:
        low = proposal.get("low", ratio * 0.9)
        timing = Timing((), (), ratio, low, ratio * 1.1, 0.05, 1.0, "sample" if on_sample else "screen", "script")
    return Attempt(judged, Verdict(proposal.get("grade", "tested"), premises), timing)


def ratio_of(attempt: Attempt | None) -> float:
    """Measured speedup; 1 for the original."""
    return attempt.timing.ratio if attempt is not None and attempt.timing is not None else 1.0


def name_of(attempt: Attempt) -> str:
    return attempt.candidate.query.fingerprint


@cache
def analysis() -> Analysis:
    return analyze(ORIGINAL, TREE, Schema(()), "duckdb")
