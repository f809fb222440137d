"""A model as a junior developer, who writes slow queries, and as an expert, who makes them faster.

What it answers is material like any other: the slow query stands for itself, and a solution counts only if the judge accepts it.
The best examples so far are shown to the expert, so that it learns from the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from string import Template
from types import TracebackType

from sqlglot import exp

from querywright.antipatterns.driver import habits
from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Message, Reply
from querywright.errors import BudgetExhausted, ChatUnavailable, QueryError, ReplyUnusable
from querywright.factory.conversations import SYSTEM, engine_name, question
from querywright.factory.curing import usual_pattern
from querywright.factory.drafting import Draft
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

Ask = Callable[[Sequence[Message], str], Reply]
"""Asks a conversation under a key; the same key never pays twice."""


class Model:
    """A model behind a chat; a context manager. ``calls`` and ``cost`` (US dollars) count what was asked.

    Once the budget is used up nothing is asked any more. Raises `ChatRefused` where no model can be asked at all.
    """

    def __init__(self, options: ChatOptions, recording: Path | None, ask: Ask | None = None) -> None:
        self.calls = 0
        self.cost = 0.0
        self.exhausted = False
        self._options = options
        self._recording = recording
        self._given = ask
        self._stack = ExitStack()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def junior(self, draft: Draft, schema: Schema, key: str) -> Draft | None:
        """The draft with the slow query that a junior developer writes for its question; None where none can be used."""
        dialect = draft.clean.dialect
        system = Template((Path(__file__).parent / "prompts" / "junior.md").read_text(encoding="utf-8"))
        text = self._sql(
            [
                Message("system", system.substitute(engine=engine_name(dialect))),
                Message("user", question(schema, draft.clean.sql, dialect, draft.clean.question, "")),
            ],
            f"{key} junior",
        )
        if text is None:
            return None
        try:
            written = parse_query(text, dialect, "the model's query")
            tree = qualify(written, schema, dialect, source="the model's query")
        except QueryError:
            return None
        if tree.find(exp.Table) is None or ambiguities(Facts(tree, schema, dialect)):
            return None
        found = tuple(habits(tree, written, schema, dialect))
        return Draft(draft.clean, Injected(text, tree, fingerprint(tree, dialect), (), found), draft.split, usual_pattern(()))

    def solution(self, draft: Draft, schema: Schema, shots: Sequence[tuple[str, str]], key: str) -> Proposal | None:
        """The expert's rewrite of the slow query, ``shots`` being slow queries with good solutions; None without a usable one."""
        dialect = draft.clean.dialect
        asked = [Message("system", SYSTEM.format(engine=engine_name(dialect)))]
        for slow, fast in shots:
            asked += [Message("user", slow), Message("assistant", fast)]
        asked.append(Message("user", question(schema, draft.slow.sql, dialect, draft.clean.question, draft.slow.sql)))
        text = self._sql(asked, f"{key} solution")
        if text is None:
            return None
        try:
            tree = qualify(parse_query(text, dialect), schema, dialect, draft.slow.tree.named_selects)
        except QueryError:
            return None
        query = Query(text, dialect, fingerprint(tree, dialect))
        if query.fingerprint == draft.slow.fingerprint or tree.named_selects != draft.slow.tree.named_selects:
            return None
        return Proposal.of(Candidate(query, draft.slow.fingerprint, (), Origin("model", model=self._options.model)), tree)

    def _sql(self, messages: Sequence[Message], key: str) -> str | None:
        """The first query of the answer; None where there is none."""
        if self.exhausted:
            return None
        try:
            reply = self._ask(messages, key)
        except BudgetExhausted:
            self.exhausted = True
            return None
        except (ChatUnavailable, ReplyUnusable):
            return None
        self.calls += 1
        self.cost += reply.cost or 0.0
        reading = read(reply.content, truncated=reply.finish == "length", refused=reply.finish == "refusal")
        text = next((rewrite.sql for rewrite in reading.rewrites if rewrite.sql), None)
        return text.strip().removesuffix(";").rstrip() if text else None

    @cached_property
    def _ask(self) -> Ask:
        if self._given is not None:
            return self._given
        from querywright.chat.background import BackgroundChat

        chat = self._stack.enter_context(BackgroundChat(self._options, self._recording))
        return lambda messages, key: chat.ask(messages, key=key).result()
