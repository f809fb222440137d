"""A model on the wire, as search modes ask it: questions become prompts, replies become proposals."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as Late
from dataclasses import asdict, dataclass, replace
from typing import Any

from querywright.chat.background import BackgroundChat
from querywright.engines.protocol import PlanNode
from querywright.errors import ChatError, ReplyUnusable
from querywright.propose.contract import SCHEMA
from querywright.propose.gold import GoldExample, for_families, nearest
from querywright.propose.model import answer
from querywright.propose.prompting import PromptRequest, messages, plain
from querywright.propose.protocol import Print
from querywright.search.examples import EXAMPLE_ROTATION
from querywright.search.protocol import Answered, Budget, Question
from querywright.values import Query


@dataclass
class Correspondence:
    """See `querywright.search.protocol.Model`.

    ``plan_of`` explains a query with its actual costs; ``render`` prints rewrites. No question waits longer than the seconds of
    ``budget``, counted from the start. What the server says to one question it would say to the next, so the model is lost with
    the first question that fails for good.
    """

    chat: BackgroundChat
    engine: str
    budget: Budget
    render: Print
    plan_of: Callable[[Query], PlanNode | None]
    redact_literals: bool = False
    lost: str = ""

    def __post_init__(self) -> None:
        """Start the clock."""
        self._deadline = time.monotonic() + self.budget.seconds
        self._plans: dict[str, PlanNode | None] = {}

    def ask(self, question: Question) -> Callable[[], Answered]:
        """Send a question; the key of the call is its number, so that a resumed run finds the answers it has paid for."""
        request = self._request(question)
        asked = messages(request)
        prompt = plain(asked)
        key = f"{question.number}{' retry' if question.retry else ''}"
        pending = self.chat.ask(asked, key=key, schema=SCHEMA)

        def wait() -> Answered:
            try:
                reply = pending.result(max(0.0, self._deadline - time.monotonic()))
            except Late:
                pending.cancel()
                return failed("No answer came within the time of the search.")
            except ReplyUnusable as error:
                return failed(error.message)
            except ChatError as error:
                self.lost = self.lost or str(error)
                return failed(error.message)
            read = answer(request, reply, question.position.steps, self.render, self.budget.seed)
            faults = [asdict(fault) for fault in read.faults]
            response: Mapping[str, Any] = asdict(reply) | {"problem": read.problem, "faults": faults}
            return Answered(question, read.proposals, prompt, response, read.problem)

        def failed(problem: str) -> Answered:
            return Answered(question, (), prompt, {"problem": problem}, problem)

        return wait

    def _request(self, question: Question) -> PromptRequest:
        query = question.position.query
        if query.fingerprint not in self._plans:
            self._plans[query.fingerprint] = self.plan_of(query)
        analysis = replace(question.analysis, plan=self._plans[query.fingerprint])
        return PromptRequest(
            analysis,
            self.engine,
            examples=self._examples(question),
            attempts=question.attempts,
            problems=question.problems,
            leads=question.examples,
            speedup=question.position.ratio,
            target=self.budget.target,
            number=question.number,
            total=self.budget.workers or 1,
            others=question.retry,
            redact_literals=self.redact_literals,
        )

    def _examples(self, question: Question) -> tuple[GoldExample, ...]:
        if self.budget.examples == "retrieved":
            return nearest(question.analysis, self.engine)
        return for_families(question.examples, self.engine, (question.number - 1) // len(EXAMPLE_ROTATION))
