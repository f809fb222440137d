"""A model as a junior developer, who writes slow queries, and as an expert, who makes them faster.

What it answers is material like any other: the slow query stands for itself, and a solution counts only if the judge accepts it.
The best examples so far are shown to the expert, so that it learns from the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.advise.candidates import IndexCandidate
from querywright.advise.statements import Script, read_indexes, script_of
from querywright.advise.trial import ENGINES
from querywright.antipatterns.driver import antipatterns, habits
from querywright.chat.budget import Spending
from querywright.chat.options import ChatOptions
from querywright.chat.pacing import LONGEST_WAIT
from querywright.chat.protocol import Message, Reply
from querywright.chat.recording import messages_hash
from querywright.errors import BudgetExhausted, ChatUnavailable, QueryError, ReplyUnusable
from querywright.factory.conversations import REWRITING, SYSTEM, engine_name, question
from querywright.factory.curing import pattern_left
from querywright.factory.drafting import Draft
from querywright.factory.proposing import MODEL
from querywright.factory.values import Plan
from querywright.generation.inject import Injected
from querywright.propose.answers import read
from querywright.propose.protocol import Proposal
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify
from querywright.sql.schema import Schema
from querywright.values import Candidate, Origin, Query

if TYPE_CHECKING:
    from querywright.chat.background import BackgroundChat

_ROUNDS = 2
"""The junior is asked for an order, and then the expert."""

_AGAIN = "The same command goes on once the server answers."


@dataclass(frozen=True)
class Advice:
    """What an expert answers: rewrites, none twice, and the ``indexes`` that it wants for a query, by the query's fingerprint.

    The slow query as it is has no rewrite, but may have indexes.
    """

    rewrites: tuple[Proposal, ...] = ()
    indexes: Mapping[str, tuple[IndexCandidate, ...]] = field(default_factory=dict)


def options(plan: Plan, engine: str) -> ChatOptions:
    """How the model is reached for an engine, which has its share of the budget; raises `InputError` for numbers out of range."""
    place, count = plan.engines.index(engine), len(plan.engines)
    return ChatOptions(
        model=plan.model,
        provider=plan.provider,
        base_url=plan.base_url,
        max_tokens=plan.max_tokens,
        max_cost=None if plan.max_cost is None else plan.max_cost / count,
        max_calls=None if plan.max_calls is None else plan.max_calls // count + (place < plan.max_calls % count),
        price=plan.price,
    )


def longest_s() -> float:
    """What a server that answers at last may keep an order waiting."""
    usual = ChatOptions()
    return _ROUNDS * (1 + usual.retries) * (usual.timeout + LONGEST_WAIT)


class Model:
    """A model behind a chat. ``unheard`` says why it was asked in vain the last time; it is empty as long as something comes.

    Once the budget is used up nothing is asked any more. A model that is ``alone`` raises `ChatUnavailable` where its server is
    away; raises `ChatRefused` where no model can be asked at all.
    """

    def __init__(self, options: ChatOptions, recording: Path | None, alone: bool = False) -> None:
        self.unheard = ""
        self._spent = ""
        self._options = options
        self._recording = recording
        self._alone = alone
        self._stack = ExitStack()

    @property
    def spending(self) -> Spending:
        """What was paid so far, by earlier processes as well."""
        return self._chat.spending

    def close(self) -> None:
        """End the connection."""
        self._stack.close()

    def junior(self, draft: Draft, schema: Schema, key: str) -> Draft | None:
        """The draft with the slow query that a junior developer writes for its question; None where none can be used.

        The developer is told the habit that the draft has, so that what is written keeps to the kinds that are wanted.
        """
        dialect = draft.clean.dialect
        system = Template((Path(__file__).parent / "prompts" / "junior.md").read_text(encoding="utf-8"))
        columns = f"-- Columns of the answer, in this order: {', '.join(draft.clean.tree.named_selects)}"
        habit = [f"-- A habit of yours that shows here: {_told(name)}" for name in draft.slow.injected[:1]]
        asked = [
            Message("system", system.substitute(engine=engine_name(dialect))),
            Message("user", question(schema, draft.clean.sql, dialect, draft.clean.question, "\n".join([columns, *habit]))),
        ]
        for script in self._scripts(asked, f"{key} junior", 1, dialect):
            text = script.query
            try:
                written = parse_query(text, dialect, "the model's query")
                tree = qualify(written, schema, dialect, source="the model's query")
            except QueryError:
                return None
            if tree.find(exp.Table) is None or ambiguities(Facts(tree, schema, dialect)):
                return None
            identity, found = fingerprint(tree, dialect), tuple(habits(tree, written, schema, dialect))
            slow = Injected(text, tree, identity, (), found)
            if identity != draft.clean.fingerprint:
                return Draft(draft.clean, slow, draft.split, pattern_left(slow, draft.clean.sql, schema, dialect))
        return None

    def solutions(self, draft: Draft, schema: Schema, shots: Sequence[tuple[str, str]], key: str, most: int) -> Advice:
        """What the expert says, who is asked ``most`` times; ``shots`` are slow queries with good solutions.

        Where indexes are not tried out, it is not asked for any, and what it says of them is left out.
        """
        dialect = draft.clean.dialect
        asked = [Message("system", (SYSTEM if dialect in ENGINES else REWRITING).format(engine=engine_name(dialect)))]
        for slow, fast in shots:
            asked += [Message("user", slow), Message("assistant", fast)]
        asked.append(Message("user", question(schema, draft.slow.sql, dialect, draft.clean.question, draft.slow.sql)))
        rewrites, indexes = dict[str, Proposal](), dict[str, tuple[IndexCandidate, ...]]()
        for script in self._scripts(asked, f"{key} solution", most, dialect):
            proposal = self._proposal(draft, schema, script.query or draft.slow.sql)
            if proposal is None:
                continue
            if proposal.fingerprint != draft.slow.fingerprint:
                rewrites.setdefault(proposal.fingerprint, proposal)
            tables = [table.name for table in proposal.tree.find_all(exp.Table)]
            if dialect in ENGINES and (wanted := read_indexes(script.statements, schema, tables)):
                indexes.setdefault(proposal.fingerprint, wanted)
        return Advice(tuple(rewrites.values()), indexes)

    def _proposal(self, draft: Draft, schema: Schema, text: str) -> Proposal | None:
        """What an answer proposes; None where it cannot be a solution."""
        dialect, columns = draft.clean.dialect, draft.slow.tree.named_selects
        try:
            tree = qualify(parse_query(text, dialect), schema, dialect, columns)
        except QueryError:
            return None
        if tree.named_selects != columns:
            return None
        query = Query(text, dialect, fingerprint(tree, dialect))
        return Proposal.of(Candidate(query, draft.slow.fingerprint, (), Origin(MODEL, model=self._options.model)), tree)

    def _scripts(self, messages: Sequence[Message], key: str, times: int, dialect: str) -> list[Script]:
        """The first query of each of so many answers with the indexes before it, none twice.

        What is asked is part of the key: an order that is made again may have become another one.
        """
        if self._spent:
            self.unheard = self._spent
            return []
        name = f"{key} {messages_hash(messages)[:16]}"
        replies, missed = list[Reply | ReplyUnusable](), list[BudgetExhausted | ChatUnavailable]()
        for answer in [self._chat.ask(messages, key=f"{name} {number}") for number in range(1, 1 + times)]:
            try:
                replies.append(answer.result())
            except ReplyUnusable as error:
                replies.append(error)
            except (BudgetExhausted, ChatUnavailable) as error:
                missed.append(error)
        self._spent = next((error.message for error in missed if isinstance(error, BudgetExhausted)), "")
        self.unheard = missed[0].message if missed and not replies else ""
        if self.unheard and self._alone and not self._spent:
            raise ChatUnavailable(self.unheard, _AGAIN)
        scripts = dict.fromkeys(_script(reply, dialect) for reply in replies if isinstance(reply, Reply))
        return [script for script in scripts if script.query or script.statements]

    @cached_property
    def _chat(self) -> BackgroundChat:
        from querywright.chat.background import BackgroundChat

        return self._stack.enter_context(BackgroundChat(self._options, self._recording))


def _script(reply: Reply, dialect: str) -> Script:
    """The first query of an answer, "" where there is none, with the indexes that stand before it or by themselves."""
    reading = read(reply.content, truncated=reply.finish == "length", refused=reply.finish == "refusal")
    scripts = [script_of(rewrite.sql, dialect) for rewrite in reading.rewrites if rewrite.sql]
    first = next((script for script in scripts if script.query), Script((), ""))
    alone = (statement for script in scripts if not script.query for statement in script.statements)
    return Script(tuple(dict.fromkeys((*first.statements, *alone))), first.query)


def _told(habit: str) -> str:
    """A habit as its module describes it, in one sentence."""
    return (antipatterns()[habit].__doc__ or habit).partition("\n")[0]
