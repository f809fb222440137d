"""Vectors of texts: asked for once, paid within the budget, kept, and refused where they cannot be had."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from chat.scripted_server import Action, ScriptedServer, embeds, fails, floods, garbles, overloaded, says, unauthorized

from querywright.chat import pacing
from querywright.chat.opening import open_chat
from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Embedding
from querywright.chat.recording import Recording
from querywright.errors import BudgetExhausted, ChatRefused, ChatUnavailable, ReplyUnusable

TEXTS = ["SELECT 1", "SELECT a, b FROM t"]
BY_LENGTH = embeds(lambda text: (len(text), 1.0))


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait milliseconds here; how long they would wait is the subject of the tests of pacing."""
    monkeypatch.setattr(pacing, "FIRST_DELAY", 0.001)


def embed(server: ScriptedServer, recording: Path | None = None, **choices: Any) -> Embedding:
    root = server.root if choices.get("provider") == "anthropic" else server.url
    options = ChatOptions(**{"model": "small", "embedding_model": "vectors", "base_url": root, **choices})

    async def once() -> Embedding:
        async with open_chat(options, recording) as chat:
            return await chat.embed(TEXTS, key="1")

    return asyncio.run(once())


def test_vectors_come_in_the_order_of_the_texts() -> None:
    with ScriptedServer([BY_LENGTH]) as server:
        embedding = embed(server, price=(1.0, 5.0))
    assert embedding.vectors == ((8.0, 1.0), (18.0, 1.0))
    assert (embedding.model, embedding.prompt_tokens, embedding.cost) == ("vectors", 100, 0.0001)
    [call] = server.calls
    assert call.path == "/v1/embeddings"
    assert call.body == {"model": "vectors", "input": TEXTS, "encoding_format": "float"}


def test_what_was_paid_for_is_not_asked_for_again(tmp_path: Path) -> None:
    recording = tmp_path / "chat.jsonl"
    with ScriptedServer([BY_LENGTH, says("never asked")]) as server:
        live = embed(server, recording)
        assert embed(server, recording) == live
        assert embed(server, recording, offline=True) == live
        assert embed(server, replay=recording) == live
    assert len(server.calls) == 1
    spending = Recording(recording).spending()
    assert (spending.calls, spending.prompt_tokens) == (1, 100)
    assert json.loads(recording.read_text().splitlines()[0])["texts"] == TEXTS


def test_the_budget_covers_vectors() -> None:
    with ScriptedServer([BY_LENGTH]) as server:
        with pytest.raises(BudgetExhausted):
            embed(server, max_calls=0)
        with pytest.raises(BudgetExhausted):
            embed(server, max_cost=0.00001, price=(1.0, 1.0))
        with pytest.raises(ChatRefused, match=r"price of vectors .* unknown"):
            embed(server, provider="openai", key_variable="QUERYWRIGHT_API_KEY", model="gpt-4o", max_cost=1.0)
    assert not server.calls


@pytest.fixture(autouse=True)
def a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERYWRIGHT_API_KEY", "sk-0123456789")


def test_what_forbids_calls_forbids_vectors(tmp_path: Path) -> None:
    with ScriptedServer([BY_LENGTH]) as server:
        with pytest.raises(ChatRefused, match="--offline forbids"):
            embed(server, offline=True)
        (tmp_path / "empty.jsonl").write_text("")
        with pytest.raises(ChatRefused, match="no answer to the call"):
            embed(server, replay=tmp_path / "empty.jsonl")
        with pytest.raises(ChatRefused, match="No model for vectors"):
            embed(server, embedding_model=None)
        with pytest.raises(ChatRefused, match="anthropic serves no vectors"):
            embed(server, provider="anthropic", model="claude-sonnet-4-5")
    assert not server.calls


@pytest.mark.parametrize(
    ("failure", "error", "told", "calls"),
    [
        (fails(404, "no such model"), ChatRefused, "refused to ask vectors: HTTP 404 no such model\n.*--embedding-model", 1),
        (unauthorized("sk-0123456789"), ChatRefused, r"provided: \*\*\*\nCheck the key", 1),
        (overloaded("0"), ChatUnavailable, "HTTP 429", 2),
    ],
    ids=["unknown model", "wrong key", "overloaded"],
)
def test_failures_say_what_to_do(failure: Action, error: type[Exception], told: str, calls: int) -> None:
    with ScriptedServer([failure]) as server, pytest.raises(error, match=told):
        embed(server, retries=1)
    assert len(server.calls) == calls


@pytest.mark.parametrize(
    "answer",
    [
        garbles(b"{}"),
        garbles(b'{"data": [{"index": 0, "embedding": [1, 2]}]}'),
        garbles(b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}'),
        garbles(b'{"data": [{"index": 0, "embedding": [NaN]}, {"index": 1, "embedding": [1]}]}'),
        garbles(b'{"data": [{"index": 0, "embedding": "AACA"}, {"index": 1, "embedding": [1]}]}'),
        garbles(b'{"data": 7}'),
        floods(5),
    ],
    ids=["nothing", "one is missing", "lengths differ", "not a number", "text", "no list", "too large"],
)
def test_what_is_no_set_of_vectors_is_paid_once_and_explained(answer: Action, tmp_path: Path) -> None:
    with ScriptedServer([answer]) as server:
        for _ in range(2):
            with pytest.raises(ReplyUnusable):
                embed(server, tmp_path / "chat.jsonl")
    assert len(server.calls) == 1
