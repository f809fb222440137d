"""A model as a junior developer, who writes slow queries, and as an expert, who makes them faster.

What it answers is material like any other: the slow query stands for itself, and a solution counts only if the judge accepts it.
The best examples so far are shown to the expert, so that it learns from the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from sqlglot import exp

from querywright.antipatterns.driver import antipatterns, habits
from querywright.chat.budget import Spending
from querywright.chat.options import ChatOptions
from querywright.chat.pacing import LONGEST_WAIT
from querywright.chat.protocol import Message, Reply
from querywright.chat.recording import messages_hash
from querywright.errors import BudgetExhausted, ChatUnavailable, QueryError, ReplyUnusable
from querywright.factory.conversations import REWRITING, engine_name, question
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
        for text in self._queries(asked, f"{key} junior", 1):
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

    def solutions(self, draft: Draft, schema: Schema, shots: Sequence[tuple[str, str]], key: str, most: int) -> list[Proposal]:
        """The rewrites of the expert, who is asked ``most`` times; ``shots`` are slow queries with good solutions."""
        dialect = draft.clean.dialect
        asked = [Message("system", REWRITING.format(engine=engine_name(dialect)))]
        for slow, fast in shots:
            asked += [Message("user", slow), Message("assistant", fast)]
        asked.append(Message("user", question(schema, draft.slow.sql, dialect, draft.clean.question, draft.slow.sql)))
        found = dict[str, Proposal]()
        for text in self._queries(asked, f"{key} solution", most):
            proposal = self._proposal(draft, schema, text)
            if proposal is not None:
                found.setdefault(proposal.fingerprint, proposal)
        return list(found.values())

    def _proposal(self, draft: Draft, schema: Schema, text: str) -> Proposal | None:
        """What an answer proposes; None where it cannot be a solution."""
        dialect, columns = draft.clean.dialect, draft.slow.tree.named_selects
        try:
            tree = qualify(parse_query(text, dialect), schema, dialect, columns)
        except QueryError:
            return None
        query = Query(text, dialect, fingerprint(tree, dialect))
        if query.fingerprint == draft.slow.fingerprint or tree.named_selects != columns:
            return None
        return Proposal.of(Candidate(query, draft.slow.fingerprint, (), Origin(MODEL, model=self._options.model)), tree)

    def _queries(self, messages: Sequence[Message], key: str, times: int) -> list[str]:
        """The first query of each of so many answers, none twice.

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
        return list(dict.fromkeys(text for reply in replies if isinstance(reply, Reply) and (text := _query(reply))))

    @cached_property
    def _chat(self) -> BackgroundChat:
        from querywright.chat.background import BackgroundChat

        return self._stack.enter_context(BackgroundChat(self._options, self._recording))


def _query(reply: Reply) -> str:
    """The first query of an answer; empty where there is none."""
    reading = read(reply.content, truncated=reply.finish == "length", refused=reply.finish == "refusal")
    text = next((rewrite.sql for rewrite in reading.rewrites if rewrite.sql), "")
    return text.strip().removesuffix(";").rstrip()


def _told(habit: str) -> str:
    """A habit as its module describes it, in one sentence."""
    return (antipatterns()[habit].__doc__ or habit).partition("\n")[0]
