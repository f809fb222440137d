"""The model client against a real server: what each answer and each failure becomes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from chat.scripted_server import (
    Action,
    Call,
    Script,
    ScriptedServer,
    drops,
    enforcing,
    fails,
    floods,
    garbles,
    hangs,
    overloaded,
    refuses,
    says,
    truncates,
    unauthorized,
    unknown_model,
)

from querywright.chat import pacing
from querywright.chat.opening import open_chat
from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Message, Reply
from querywright.errors import ChatRefused, ChatUnavailable, ReplyUnusable

KEY = "sk-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"], "additionalProperties": False}
ASKED = [Message("system", "You rewrite SQL."), Message("user", "SELECT 1")]


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait milliseconds here; how long they would wait is the subject of the tests of pacing."""
    monkeypatch.setattr(pacing, "FIRST_DELAY", 0.001)


def options(server: ScriptedServer, **choices: Any) -> ChatOptions:
    root = server.root if choices.get("provider") == "anthropic" else server.url
    return ChatOptions(**{"model": "small", "base_url": root, "timeout": 60.0, **choices})


def ask(
    server: ScriptedServer, *, schema: dict[str, object] | None = None, recording: Path | None = None, **choices: Any
) -> Reply:
    async def once() -> Reply:
        async with open_chat(options(server, **choices), recording) as chat:
            return await chat.ask(ASKED, key="1", schema=schema)

    return asyncio.run(once())


def events(recording: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recording.read_text().splitlines()]


@pytest.mark.parametrize("provider", ["compatible", "anthropic"])
@pytest.mark.parametrize(
    ("action", "content", "finish"),
    [
        (says("SELECT 2"), "SELECT 2", "stop"),
        (says(""), "", "stop"),
        (says("{not json"), "{not json", "stop"),
        (says("DROP TABLE t; -- ünï"), "DROP TABLE t; -- ünï", "stop"),
        (truncates("SELECT 2 FR"), "SELECT 2 FR", "length"),
        (refuses("No."), "No.", "refusal"),
        (says("half a pair \ud83d"), "half a pair ?", "stop"),
        (says("a smile \U0001f600"), "a smile \U0001f600", "stop"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_model_answers_arrives_whole(
    provider: str, action: Action, content: str, finish: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with ScriptedServer([action]) as server:
        reply = ask(server, provider=provider)
    assert (reply.content, reply.finish, reply.model) == (content, finish, "small")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cost) == (100, 10, None)


def test_the_request_carries_what_the_user_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ScriptedServer([says("SELECT 2")]) as server:
        ask(server, provider="openai", temperature=0.7, reasoning_effort="low", max_tokens=500)
    [call] = server.calls
    assert call.path == "/v1/chat/completions" and call.headers["authorization"] == f"Bearer {KEY}"
    assert call.body == {
        "model": "small",
        "messages": [{"role": "system", "content": "You rewrite SQL."}, {"role": "user", "content": "SELECT 1"}],
        "max_completion_tokens": 500,
        "temperature": 0.7,
        "reasoning_effort": "low",
    }


def test_anthropic_is_asked_in_its_own_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with ScriptedServer([says('{"sql": "SELECT 2"}')]) as server:
        ask(server, provider="anthropic", schema=SCHEMA, reasoning_effort="low", temperature=0.5)
    [call] = server.calls
    assert call.path == "/v1/messages" and KEY in (call.headers.get("x-api-key"), call.headers.get("authorization", "")[7:])
    assert call.body == {
        "model": "small",
        "max_tokens": 8192,
        "system": "You rewrite SQL.",
        "messages": [{"role": "user", "content": "SELECT 1"}],
        "temperature": 0.5,
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    }


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize(
    ("known", "tried"),
    [
        (("json_schema", "json_object", "text"), ["json_schema", "json_schema"]),
        (("json_object", "text"), ["json_schema", "json_object", "json_object"]),
        (("text",), ["json_schema", "json_object", "text", "text"]),
    ],
    ids=["schema", "grammar", "text"],
)
def test_a_server_is_asked_in_the_strictest_format_it_knows_and_that_is_remembered(
    known: tuple[str, ...], tried: list[str], status: int
) -> None:
    async def twice(server: ScriptedServer) -> None:
        async with open_chat(options(server, max_calls=2)) as chat:
            for key in ("1", "2"):
                assert (await chat.ask(ASKED, key=key, schema=SCHEMA)).content == '{"sql": "SELECT 2"}'
            assert chat.spending.calls == 2

    with ScriptedServer(enforcing(*known, action=says('{"sql": "SELECT 2"}'), status=status)) as server:
        asyncio.run(twice(server))
    assert [call.answer_format for call in server.calls] == tried
    if "json_object" in tried:
        assert server.calls[1].body["response_format"] == {"type": "json_object", "schema": SCHEMA}


def test_anthropic_falls_back_to_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with ScriptedServer(enforcing("text", action=says("SELECT 2"))) as server:
        assert ask(server, provider="anthropic", schema=SCHEMA).content == "SELECT 2"
    assert [call.answer_format for call in server.calls] == ["json_schema", "text"]


@pytest.mark.parametrize(
    "failure",
    [fails(500), fails(529, "overloaded"), overloaded(), overloaded("0"), drops(), Action(raw=b'{"error": {"code": 502}}')],
    ids=["500", "529", "429", "429 with Retry-After", "dropped", "error in disguise"],
)
@pytest.mark.parametrize("provider", ["compatible", "anthropic"])
def test_what_may_pass_is_tried_again(failure: Action, provider: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    recording = tmp_path / "chat.jsonl"
    with ScriptedServer([failure, failure, says("SELECT 2")]) as server:
        assert ask(server, provider=provider, recording=recording).content == "SELECT 2"
    assert len(server.calls) == 3
    assert [event["event"] for event in events(recording)] == ["request", "failure", "failure", "reply"]


@pytest.mark.parametrize(
    ("failure", "message", "remedy"),
    [
        (fails(500), "requests sent: 3): HTTP 500 internal error", "--reply-timeout"),
        (overloaded(), "HTTP 429 Rate limit reached", "--concurrency"),
        (drops(), "connection lost", "--base-url"),
    ],
    ids=["500", "429", "dropped"],
)
def test_retries_end(failure: Action, message: str, remedy: str) -> None:
    with ScriptedServer([failure]) as server, pytest.raises(ChatUnavailable) as raised:
        ask(server, retries=2)
    assert len(server.calls) == 3
    assert message in raised.value.message and remedy in raised.value.remedy


def test_a_server_that_hangs_is_given_up() -> None:
    with ScriptedServer([hangs()]) as server, pytest.raises(ChatUnavailable, match=r"no (answer within|response)"):
        ask(server, timeout=0.2, retries=1)
    assert len(server.calls) == 2


def test_a_server_that_asks_to_wait_for_an_hour_is_not_waited_for() -> None:
    with ScriptedServer([overloaded("3600")]) as server, pytest.raises(ChatUnavailable, match="wait 3600 s"):
        ask(server)
    assert len(server.calls) == 1


def test_an_unreachable_server_is_named_with_what_to_do() -> None:
    with ScriptedServer([says("")]) as server:
        address = server.url
    with pytest.raises(ChatUnavailable) as raised:
        ask(server, provider="ollama", base_url=address, retries=1)
    assert f"{address} gave no answer (requests sent: 2): no connection" in raised.value.message
    assert "ollama serve" in raised.value.remedy


@pytest.mark.parametrize(
    ("failure", "message", "remedy"),
    [
        (unauthorized(), "Incorrect API key", "export QUERYWRIGHT_API_KEY="),
        (fails(403, "country not supported"), "country not supported", "export QUERYWRIGHT_API_KEY="),
        (unknown_model(), "refused to ask small: HTTP 404 The model does not exist", "--model"),
        (fails(402, "Insufficient balance"), "Insufficient balance", "Add credit"),
        (fails(429, "You exceeded your current quota", "insufficient_quota"), "quota", "Add credit"),
        (fails(400, "maximum context length is 4096 tokens"), "4096 tokens", "--model"),
        (fails(302, "", location="http://127.0.0.1:1/elsewhere"), "HTTP 302", "--model"),
    ],
    ids=["401", "403", "404", "402", "no quota", "too long", "redirect"],
)
def test_what_will_not_pass_is_not_tried_again(failure: Action, message: str, remedy: str) -> None:
    with ScriptedServer([failure]) as server, pytest.raises(ChatRefused) as raised:
        ask(server)
    assert len(server.calls) == 1
    assert message in raised.value.message and remedy in raised.value.remedy


def test_a_request_that_is_rejected_in_every_format_is_refused_once() -> None:
    with ScriptedServer([fails(400, "the context is too long")]) as server, pytest.raises(ChatRefused, match="too long"):
        ask(server, schema=SCHEMA)
    assert [call.answer_format for call in server.calls] == ["json_schema", "json_object", "text"]


@pytest.mark.parametrize("provider", ["compatible", "anthropic"])
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ([floods(10)], "larger than 4 MiB"),
        ([Action(status=500, raw=b"x" * 10_000_000)], "larger than 4 MiB"),
        ([garbles()], "not JSON"),
        ([garbles(b"<html>a proxy</html>")], "not JSON"),
        ([garbles(b"[1]")], "not a JSON object"),
        ([garbles(b'{"choices": [], "content": 7}')], "without"),
        ([garbles(b'{"choices": [{"message": "text"}], "content": null}')], "without"),
    ],
    ids=["10 MB", "10 MB of error", "cut off", "HTML", "list", "no choice", "no message"],
)
def test_an_unreadable_reply_is_paid_once_and_explained(
    provider: str, script: Script | Sequence[Action], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    recording = tmp_path / "chat.jsonl"
    with ScriptedServer(script) as server:
        for _ in range(2):
            with pytest.raises(ReplyUnusable, match=message) as raised:
                ask(server, provider=provider, recording=recording)
    assert raised.value.remedy
    assert len(server.calls) == 1
    assert recording.stat().st_size < 10_000


def test_the_key_is_never_recorded_nor_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUERYWRIGHT_API_KEY", KEY)
    recording = tmp_path / "chat.jsonl"
    with ScriptedServer([says(f"your key is {KEY}"), unauthorized(KEY)]) as server:

        async def both() -> None:
            async with open_chat(options(server), recording) as chat:
                await chat.ask(ASKED, key="1")
                with pytest.raises(ChatRefused) as raised:
                    await chat.ask(ASKED, key="2")
                assert KEY not in str(raised.value) and "***" in str(raised.value)

        asyncio.run(both())
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in recording.read_text() and "***" in recording.read_text()


def test_twenty_calls_are_under_way_at_once_and_no_more() -> None:
    """No call is answered before as many are under way as may be."""

    async def many(server: ScriptedServer, calls: int, concurrency: int) -> None:
        async with open_chat(options(server, concurrency=concurrency)) as chat:
            await asyncio.gather(*(chat.ask(ASKED, key=str(number)) for number in range(calls)))

    for calls, concurrency in ((20, 20), (21, 3)):
        everybody = threading.Barrier(concurrency, timeout=60)

        def script(call: Call, everybody: threading.Barrier = everybody) -> Action:
            everybody.wait()
            return says("SELECT 2")

        with ScriptedServer(script) as server:
            asyncio.run(many(server, calls, concurrency))
        assert (server.most_at_once, len(server.calls)) == (concurrency, calls)
