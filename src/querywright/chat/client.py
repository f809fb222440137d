"""The one client: asks once a key, records everything, waits, retries and never passes the budget."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from querywright.chat.budget import Budget, Spending
from querywright.chat.options import ChatOptions
from querywright.chat.pacing import LONGEST_WAIT, Pace, Sleep, backoff
from querywright.chat.prices import Prices
from querywright.chat.protocol import Embedding, Message, Reply, encodable
from querywright.chat.providers import Target
from querywright.chat.recording import Recording, conversation
from querywright.chat.refusals import Asked
from querywright.chat.wire import Answer, Endpoint, Failed, Vectors
from querywright.errors import BudgetExhausted, ChatRefused, ReplyUnusable

Sent = TypeVar("Sent", Answer, Vectors)
Paid = TypeVar("Paid", Reply, Embedding)


@dataclass(frozen=True, slots=True)
class _Call(Generic[Sent, Paid]):
    """What one key asks: ``content`` is for the record, ``at_most`` US dollars; ``priced`` turns an answer and the seconds it
    took into what is handed on."""

    key: str
    asked: Asked
    content: Mapping[str, Any]
    at_most: float | None
    send: Callable[[], Awaitable[Sent]]
    priced: Callable[[Sent, float], Paid]


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
        self._asked = Asked(target, target.model)
        self._prices = Prices(target, options.price)
        self._check_price(self._prices)
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
            known = self._known(key)
            if isinstance(known, Reply):
                return known
            at_most = self._prices.at_most(messages, schema, self._options.max_tokens)
            content = conversation(messages, schema)
            send = partial(self._send, messages, key, schema)
            return await self._with_retries(_Call(key, self._asked, content, at_most, send, self._reply))

    async def embed(self, texts: Sequence[str], *, key: str) -> Embedding:
        """The vectors of texts, once per ``key``; see `protocol.Chat.embed`."""
        async with self._keys[key]:
            known = self._known(key)
            if isinstance(known, Embedding):
                return known
            model = self._options.embedding_model
            if model is None:
                raise ChatRefused("No model for vectors of texts is named", "Name one: --embedding-model NAME")
            if not self._endpoint.embeds:
                told = f"{self._target.provider_name} serves no vectors of texts"
                raise ChatRefused(told, "Leave out --embedding-model, or choose another provider: --provider NAME")
            prices = Prices(replace(self._target, model=model), self._options.price)
            self._check_price(prices)
            asked = Asked(self._target, model, "--embedding-model")
            send = partial(self._endpoint.embed, texts, model)
            at_most = prices.of_texts(texts)
            return await self._with_retries(_Call(key, asked, {"texts": list(texts)}, at_most, send, partial(_embedding, prices)))

    def _check_price(self, prices: Prices) -> None:
        if self._options.max_cost is not None and self._options.max_calls is None and not prices.known:
            raise ChatRefused(
                f"The price of {prices.target.model} from {self._target.provider_name} is unknown, so --max-cost cannot be kept",
                "Cap the calls as well: --max-calls 50, or state US dollars per million tokens: --price 0.5,1.5",
            )

    def _known(self, key: str) -> Reply | Embedding | None:
        """What was paid for under the key; raises what was paid for and could not be read, since asking again would pay again."""
        exchange = self._recording.exchange(key)
        outcome = exchange.outcome if exchange is not None else None
        if isinstance(outcome, ReplyUnusable):
            raise outcome
        return outcome if isinstance(outcome, Reply | Embedding) else None

    async def _with_retries(self, call: _Call[Sent, Paid]) -> Paid:
        requests = 0
        while True:
            requests += 1
            try:
                return await self._request(call, first=requests == 1)
            except Failed as failed:
                final = not failed.can_be_retried or requests > self._options.retries
                final = final or (failed.retry_after or 0.0) > LONGEST_WAIT
                error = call.asked.error(failed, requests)
                cost = call.at_most if failed.paid else None
                self._recording.failure(call.key, error, final=final, paid=failed.paid, cost=cost)
                if final:
                    raise error from None  # the failure may quote the key
                if failed.retry_after is not None:
                    self._pace.pause(failed.retry_after)
                await self._sleep((failed.retry_after or 0.0) + backoff(requests))
            except BudgetExhausted as error:
                if requests > 1:
                    self._recording.failure(call.key, error, final=True, paid=False, cost=None)
                raise

    async def _request(self, call: _Call[Sent, Paid], *, first: bool) -> Paid:
        """One request at its turn, within the budget, and recorded before its answer is used."""
        await self._pace.turn()
        async with self._places, self._budget.reserved(call.at_most) as charge:
            if first:
                self._recording.request(
                    call.key, call.content, model=call.asked.model, base_url=self._target.base_url, at_most=call.at_most
                )
                await self._recording.durable()
            started = time.perf_counter()
            try:
                async with asyncio.timeout(self._options.timeout):
                    answer = await call.send()
            except TimeoutError as error:
                raise Failed(f"no answer within {self._options.timeout:g} s", paid=True) from error
            except Failed as failed:
                charge.paid = failed.paid
                raise
            except ReplyUnusable as error:
                self._recording.failure(call.key, error, final=True, paid=True, cost=call.at_most)
                raise
            paid = call.priced(answer, time.perf_counter() - started)
            self._recording.paid(call.key, paid)
            if paid.cost is not None:
                charge.cost = paid.cost
            await self._recording.durable()
            return paid

    def _reply(self, answer: Answer, seconds: float) -> Reply:
        tokens = answer.tokens
        content, model = encodable(answer.content), encodable(answer.model)
        cost = self._prices.cost(tokens)
        return Reply(content, model, answer.finish, tokens.prompt, tokens.completion, cost, seconds)

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
                self._recording.failure(key, self._asked.error(failed, 1), final=False, paid=False, cost=None)
            else:
                self._formats_rejected = max(self._formats_rejected, rejected)
                return answer
        raise AssertionError("the last format is plain text, which returns or raises")


def _embedding(prices: Prices, answer: Vectors, seconds: float) -> Embedding:
    return Embedding(answer.vectors, encodable(answer.model), answer.tokens.prompt, prices.cost(answer.tokens), seconds)
