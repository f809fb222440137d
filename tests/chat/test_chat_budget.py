"""Limits on money and calls hold under concurrency, over restarts and for prices nobody knows."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from chat.scripted_server import Action, ScriptedServer, fails, hangs, overloaded, says
from hypothesis import given
from hypothesis import strategies as st

from querywright.chat import pacing
from querywright.chat.budget import Budget, Spending
from querywright.chat.opening import open_chat
from querywright.chat.options import ChatOptions
from querywright.chat.prices import Prices, Tokens
from querywright.chat.protocol import Message, Reply
from querywright.chat.providers import resolve
from querywright.errors import BudgetExhausted, ChatError, ChatRefused, ChatUnavailable, InputError

ASKED = [Message("user", "x" * 84)]  # 84 bytes and 16 for the message: at most 100 tokens
PRICE = (1000.0, 2000.0)  # a tenth of a cent a prompt token, two tenths an answer token
AT_MOST = 0.1 + 0.2  # for 100 prompt tokens and up to 100 answer tokens


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait milliseconds here; how long they would wait is the subject of the tests of pacing."""
    monkeypatch.setattr(pacing, "FIRST_DELAY", 0.001)


def ask_many(
    server: ScriptedServer, count: int, recording: Path | None = None, **choices: Any
) -> tuple[list[Reply | BaseException], Spending]:
    """Ask ``count`` questions at once; outcomes, and what was spent."""
    options = ChatOptions(**{"model": "small", "base_url": server.url, "max_tokens": 100, "price": PRICE, **choices})

    async def ask() -> tuple[list[Reply | BaseException], Spending]:
        async with open_chat(options, recording) as chat:
            asked = [chat.ask(ASKED, key=f"{recording}{number}") for number in range(count)]
            return await asyncio.gather(*asked, return_exceptions=True), chat.spending

    return asyncio.run(ask())


def test_tokens_and_cost_are_counted() -> None:
    with ScriptedServer([says("SELECT 2", tokens=(100, 10))]) as server:
        [reply, *_], spending = ask_many(server, 3)
    assert isinstance(reply, Reply) and reply.cost == pytest.approx(0.12)
    assert (spending.calls, spending.prompt_tokens, spending.completion_tokens, spending.unpriced) == (3, 300, 30, 0)
    assert spending.cost == pytest.approx(0.36)


def test_no_call_beyond_the_limit_is_sent_also_when_all_start_at_once() -> None:
    """Each call can cost 0.30 and costs 0.12: 1.00 admits three at a time and, with the rest of what they leave, six in all."""
    with ScriptedServer([Action("SELECT 2", tokens=(100, 10), delay=0.02)]) as server:
        outcomes, spending = ask_many(server, 20, max_cost=1.0)
    paid = [outcome for outcome in outcomes if isinstance(outcome, Reply)]
    assert len(paid) == len(server.calls) == 6
    assert server.most_at_once <= 3
    assert spending.cost <= 1.0
    assert {type(outcome) for outcome in outcomes} == {Reply, BudgetExhausted}
    assert "--max-cost" in str(next(outcome for outcome in outcomes if isinstance(outcome, BudgetExhausted)))


def test_calls_are_capped_exactly() -> None:
    with ScriptedServer([Action("SELECT 2", delay=0.02)]) as server:
        outcomes, spending = ask_many(server, 20, max_calls=7)
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == len(server.calls) == spending.calls == 7
    assert "--max-calls" in str(next(outcome for outcome in outcomes if isinstance(outcome, BudgetExhausted)))


def test_the_limit_holds_over_restarts(tmp_path: Path) -> None:
    recording = tmp_path / "chat.jsonl"
    with ScriptedServer([says("SELECT 2")]) as server:
        ask_many(server, 2, recording, max_calls=3)
        outcomes, spending = ask_many(server, 10, recording, max_calls=3)
    assert len(server.calls) == spending.calls == 3
    assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 3


def test_a_rejected_request_is_not_paid_but_one_without_an_answer_may_be(tmp_path: Path) -> None:
    with ScriptedServer([overloaded("0"), fails(500), says("SELECT 2", tokens=(100, 10))]) as server:
        [reply], spending = ask_many(server, 1, max_calls=1)
    assert isinstance(reply, Reply) and (spending.calls, len(server.calls)) == (1, 3)
    with ScriptedServer([hangs()]) as server:
        [error], spending = ask_many(server, 1, tmp_path / "chat.jsonl", timeout=0.2, max_cost=2.5 * AT_MOST)
    assert isinstance(error, BudgetExhausted) and len(server.calls) == 2
    assert spending.cost == pytest.approx(2 * AT_MOST)


def test_an_answer_without_a_count_of_tokens_is_counted_at_its_most() -> None:
    with ScriptedServer([says("SELECT 2", tokens=None)]) as server:
        outcomes, spending = ask_many(server, 5, max_cost=2.5 * AT_MOST)
    assert len(server.calls) == 2 and spending.unpriced == 2
    assert [outcome.cost for outcome in outcomes if isinstance(outcome, Reply)] == [None, None]


def test_a_limit_on_cost_needs_a_price_or_a_limit_on_calls() -> None:
    with ScriptedServer([says("SELECT 2")]) as server:
        with pytest.raises(ChatRefused, match=r"price of small from compatible is unknown.*\n.*--max-calls"):
            ask_many(server, 1, price=None, max_cost=1.0)
        assert not server.calls
        [reply], spending = ask_many(server, 1, price=None, max_cost=1.0, max_calls=1)
    assert isinstance(reply, Reply) and reply.cost is None
    assert (spending.cost, spending.unpriced) == (0.0, 1)


@pytest.mark.parametrize(
    ("provider", "model", "known"),
    [
        ("openai", "gpt-4o", True),
        ("anthropic", "claude-sonnet-4-5", True),
        ("deepseek", "deepseek-chat", True),
        ("openrouter", "anthropic/claude-sonnet-4.5", True),
        ("openai", "a-model-of-my-own", False),
    ],
)
def test_the_price_list_knows_the_providers(provider: str, model: str, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC", "DEEPSEEK", "OPENROUTER"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-0123456789")
    prices = Prices(resolve(ChatOptions(model=model, provider=provider)))
    assert prices.known is known
    cost = prices.cost(Tokens(1000, 100))
    assert (cost is not None and 0 < cost < 1) is known
    if known:
        assert (prices.cost(Tokens(1000, 100, cached=900)) or 0) <= (cost or 0)


def test_a_server_of_your_own_costs_nothing() -> None:
    assert Prices(resolve(ChatOptions(model="qwen3", provider="ollama"))).cost(Tokens(10, 10)) == 0.0


@given(
    text=st.text(max_size=50),
    max_tokens=st.integers(1, 1000),
    used=st.floats(0, 1),
)
def test_the_bound_is_never_below_what_is_paid(text: str, max_tokens: int, used: float) -> None:
    """A tokenizer makes at most one token of a byte, and the server cuts the answer off."""
    target = resolve(ChatOptions(model="small", base_url="http://127.0.0.1:1"))
    prices = Prices(target, PRICE)
    message = Message("user", text.encode("utf-8", "replace").decode())
    most = prices.at_most([message], None, max_tokens)
    paid = prices.cost(Tokens(len(message.content.encode()), int(used * max_tokens)))
    assert most is not None and paid is not None and paid <= most


@given(
    max_cost=st.floats(0, 10),
    calls=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1), st.booleans(), st.integers(0, 3)), max_size=12),
)
def test_a_budget_is_never_passed(max_cost: float, calls: list[tuple[float, float, bool, int]]) -> None:
    """Any interleaving of calls that cost no more than they reserved stays below the limit."""
    spent = 0.0

    async def call(budget: Budget, at_most: float, share: float, paid: bool, turns: int) -> None:
        nonlocal spent
        try:
            async with budget.reserved(at_most) as charge:
                for _ in range(turns):
                    await asyncio.sleep(0)
                charge.paid, charge.cost = paid, share * at_most
                spent += share * at_most if paid else 0.0
        except BudgetExhausted:
            pass

    async def all_calls() -> None:
        budget = Budget(max_cost, None, Spending())
        await asyncio.gather(*(call(budget, *values) for values in calls))

    asyncio.run(all_calls())
    assert spent <= max_cost * (1 + 1e-9)


@pytest.mark.parametrize(
    "choices",
    [
        {"max_tokens": 0},
        {"retries": -1},
        {"concurrency": 0},
        {"max_cost": float("nan")},
        {"max_calls": -1},
        {"timeout": 0},
        {"requests_per_minute": 0},
        {"price": (1.0, -1.0)},
    ],
    ids=lambda choices: next(iter(choices)),
)
def test_numbers_out_of_range_are_refused(choices: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="--"):
        ChatOptions(model="small", **choices)


def test_budget_errors_are_chat_errors() -> None:
    assert issubclass(BudgetExhausted, ChatError) and issubclass(ChatUnavailable, ChatError)
