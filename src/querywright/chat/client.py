"""The one client: asks once a key, records everything, waits, retries and never passes the budget."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from querywright.chat.budget import Budget, Charge, Spending
from querywright.chat.options import ChatOptions
from querywright.chat.pacing import LONGEST_WAIT, Pace, Sleep, backoff
from querywright.chat.prices import Prices
from querywright.chat.protocol import Message, Reply, encodable
from querywright.chat.providers import Target
from querywright.chat.recording import SHORTEST_SECRET, Recording
from querywright.chat.wire import Answer, Endpoint, Failed
from querywright.errors import BudgetExhausted, ChatError, ChatRefused, ChatUnavailable, ReplyUnusable


class ModelChat:
    """A `Chat` with a server. Used within one event loop."""

    def __init__(
        self, target: Target, endpoint: Endpoint, options: ChatOptions, recording: Recording, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Raises `ChatRefused` where a limit on cost cannot be kept because the model's price is unknown."""
        self._target = target
        self._endpoint = endpoint
        self._options = options
        self._recording = recording
        self._prices = Prices(target, options.price)
        if options.max_cost is not None and options.max_calls is None and not self._prices.known:
            raise ChatRefused(
                f"The price of {target.model} from {target.provider_name} is unknown, so --max-cost cannot be kept",
                "Cap the calls as well: --max-calls 50, or state US dollars per million tokens: --price 0.5,1.5",
            )
        self._budget = Budget(options.max_cost, options.max_calls, recording.spending())
        self._pace = Pace(options.requests_per_minute, sleep)
        self._sleep = sleep
        self._places = asyncio.Semaphore(options.concurrency)
        self._keys: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._formats_rejected = 0

    @property
    def spending(self) -> Spending:
        """What was paid so far, earlier processes of the same run included."""
        return self._recording.spending()

    async def ask(self, messages: Sequence[Message], *, key: str, schema: Mapping[str, object] | None = None) -> Reply:
        """Ask the model, once per ``key``; see `protocol.Chat.ask`."""
        async with self._keys[key]:
            known = self._recording.exchange(key)
            if known and isinstance(known.outcome, Reply):
                return known.outcome
            if known and isinstance(known.outcome, ReplyUnusable):  # it was paid for, and asking again would pay again
                raise known.outcome
            return await self._ask_with_retries(messages, key, schema)

    async def _ask_with_retries(self, messages: Sequence[Message], key: str, schema: Mapping[str, object] | None) -> Reply:
        requests = 0
        while True:
            requests += 1
            try:
                return await self._request(messages, key, schema, first=requests == 1)
            except Failed as failed:
                final = not failed.can_be_retried or requests > self._options.retries
                final = final or (failed.retry_after or 0.0) > LONGEST_WAIT
                error = self._error(failed, requests)
                cost = self._at_most(messages, schema) if failed.paid else None
                self._recording.failure(key, error, final=final, paid=failed.paid, cost=cost)
                if final:
                    raise error from None  # the failure may quote the key
                if failed.retry_after is not None:
                    self._pace.pause(failed.retry_after)
                await self._sleep((failed.retry_after or 0.0) + backoff(requests))
            except BudgetExhausted as error:
                if requests > 1:
                    self._recording.failure(key, error, final=True, paid=False, cost=None)
                raise

    async def _request(self, messages: Sequence[Message], key: str, schema: Mapping[str, object] | None, *, first: bool) -> Reply:
        """One request at its turn, within the budget, and recorded before its answer is used."""
        await self._pace.turn()
        at_most = self._at_most(messages, schema)
        async with self._places, self._budget.reserved(at_most) as charge:
            if first:
                self._recording.request(
                    key, messages, schema, model=self._target.model, base_url=self._target.base_url, at_most=at_most
                )
            started = time.perf_counter()
            try:
                async with asyncio.timeout(self._options.timeout):
                    answer = await self._send(messages, key, schema)
            except TimeoutError as error:
                raise Failed(f"no answer within {self._options.timeout:g} s", paid=True) from error
            except Failed as failed:
                charge.paid = failed.paid
                raise
            except ReplyUnusable as error:
                self._recording.failure(key, error, final=True, paid=True, cost=at_most)
                raise
            return self._paid(key, answer, charge, time.perf_counter() - started)

    def _paid(self, key: str, answer: Answer, charge: Charge, seconds: float) -> Reply:
        tokens = answer.tokens
        cost = self._prices.cost(tokens)
        content, model = encodable(answer.content), encodable(answer.model)
        reply = Reply(content, model, answer.finish, tokens.prompt, tokens.completion, cost, seconds)
        self._recording.reply(key, reply)
        if cost is not None:
            charge.cost = cost
        return reply

    async def _send(self, messages: Sequence[Message], key: str, schema: Mapping[str, object] | None) -> Answer:
        """One request in the strictest answer format that this server has not rejected so far."""
        if schema is None:
            return await self._endpoint.send(messages, None, "text")
        formats = self._endpoint.formats
        for rejected in range(self._formats_rejected, len(formats)):
            try:
                answer = await self._endpoint.send(messages, schema, formats[rejected])
            except Failed as failed:
                if not failed.may_be_about_the_format or formats[rejected] == "text":
                    raise
                self._recording.failure(key, self._error(failed, 1), final=False, paid=False, cost=None)
            else:
                self._formats_rejected = max(self._formats_rejected, rejected)
                return answer
        raise AssertionError("the last format is plain text, which returns or raises")

    def _at_most(self, messages: Sequence[Message], schema: Mapping[str, object] | None) -> float | None:
        return self._prices.at_most(messages, schema, self._options.max_tokens)

    def _error(self, failed: Failed, requests: int) -> ChatError:
        """The error for people that a failed request stands for; a server that quotes the key is not quoted."""
        target = self._target
        secret = target.key is not None and len(target.key) >= SHORTEST_SECRET
        detail = failed.detail.replace(target.key or "", "***") if secret else failed.detail
        if failed.can_be_retried:
            if (failed.retry_after or 0.0) > LONGEST_WAIT:
                remedy = (
                    f"The server asks to wait {failed.retry_after:.0f} s. Repeat the command then; what was answered is kept."
                )
            elif failed.status == 429:
                remedy = "Ask less at once: --concurrency 2, or: --requests-per-minute 20"
            else:
                remedy = target.provider.advice or "Check the network and --base-url, or allow more time: --reply-timeout 600"
            return ChatUnavailable(f"{target.base_url} gave no answer (requests sent: {requests}): {detail}", remedy)
        if failed.status in (401, 403):
            remedy = f"Check the key: export {target.key_variable}=…"
        elif failed.status == 402 or failed.code == "insufficient_quota":
            remedy = "Add credit to the account, or choose another provider: --provider NAME"
        elif failed.status == 404:
            remedy = (
                f"Choose a model that it serves: --model NAME. {target.provider.advice or 'Check --base-url as well.'}".strip()
            )
        else:
            remedy = "Change what the server objects to, or choose another model: --model NAME"
        return ChatRefused(f"{target.base_url} refused to ask {target.model}: {detail}", remedy)
