"""What is recorded is never asked again: resumed runs, killed processes, replay and offline use."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from chat import asking
from chat.scripted_server import Action, Call, ScriptedServer, fails, hangs, overloaded, refuses, says, truncates

from querywright.chat import pacing
from querywright.chat.background import BackgroundChat
from querywright.chat.opening import open_chat
from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Message, Reply
from querywright.chat.recording import Recording, conversation
from querywright.errors import ChatError, ChatRefused, ChatUnavailable, ReplyUnusable, RunError

ASKED = [Message("user", "SELECT 1")]
QUESTIONS = 12
AT_ONCE = 3


@pytest.fixture(autouse=True)
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries wait milliseconds here; how long they would wait is the subject of the tests of pacing."""
    monkeypatch.setattr(pacing, "FIRST_DELAY", 0.001)


def answers(recording: Path) -> Counter[str]:
    """How often each call was answered, by its key."""
    events = [json.loads(line) for line in recording.read_text().splitlines()]
    return Counter(event["key"] for event in events if event["event"] == "reply")


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.005)


def start(server: ScriptedServer, recording: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, asking.__file__, server.url, recording, str(QUESTIONS), str(AT_ONCE)])


def test_a_killed_process_is_resumed_without_a_repeated_call(tmp_path: Path) -> None:
    """Five calls are answered, the next ones hang; the process is killed there."""
    recording = tmp_path / "chat.jsonl"
    killed = False

    def script(call: Call) -> Action:
        return says(f"answer to {call.question}") if killed or call.number <= 5 else hangs()

    with ScriptedServer(script) as server:
        process = start(server, recording)
        wait_until(lambda: recording.exists() and sum(answers(recording).values()) == 5 and len(server.calls) == 5 + AT_ONCE)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        killed = True
        asked_before = list(server.served)
        replies = asyncio.run(asking.ask_all(server.url, recording, QUESTIONS, AT_ONCE))
    assert [reply.content for reply in replies] == [f"answer to question {number}" for number in range(QUESTIONS)]
    asked_again = server.served[len(asked_before) :]
    assert len(asked_before) == 5 and not set(asked_before) & set(asked_again)
    assert sorted(asked_before + asked_again) == sorted(f"question {number}" for number in range(QUESTIONS))
    assert answers(recording) == Counter(f"call {number}" for number in range(QUESTIONS))
    assert Recording(recording).spending().calls == QUESTIONS + AT_ONCE  # what was under way may have been paid


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_a_random_moment_nothing_recorded_is_asked_again(seed: int, tmp_path: Path) -> None:
    recording = tmp_path / "chat.jsonl"
    with ScriptedServer(lambda call: Action(f"answer to {call.question}", delay=0.02)) as server:
        process = start(server, recording)
        wait_until(lambda: len(server.calls) >= random.Random(seed).randint(1, QUESTIONS))
        time.sleep(random.Random(seed).uniform(0, 0.03))
        process.kill()
        process.wait()
        recorded = {key.replace("call", "question") for key in answers(recording)}
        calls_before = len(server.calls)
        replies = asyncio.run(asking.ask_all(server.url, recording, QUESTIONS, AT_ONCE))
    assert [reply.content for reply in replies] == [f"answer to question {number}" for number in range(QUESTIONS)]
    assert not recorded & {call.question for call in server.calls[calls_before:]}
    assert len(server.calls) <= QUESTIONS + AT_ONCE
    assert answers(recording) == Counter(f"call {number}" for number in range(QUESTIONS))


def test_the_same_key_asked_twice_at_once_is_sent_once(tmp_path: Path) -> None:
    async def twice(server: ScriptedServer) -> list[Reply]:
        async with open_chat(ChatOptions(model="small", base_url=server.url), tmp_path / "chat.jsonl") as chat:
            return await asyncio.gather(chat.ask(ASKED, key="1"), chat.ask(ASKED, key="1"))

    with ScriptedServer([says("SELECT 2")]) as server:
        first, second = asyncio.run(twice(server))
    assert first == second and len(server.calls) == 1


def record(recording: Path) -> dict[str, Reply | ChatError]:
    """Outcomes of every kind, recorded from a real server."""
    actions = {
        "success": [says("SELECT 2")],
        "malformed": [says("{not json")],
        "truncated": [truncates("SELECT")],
        "refused": [refuses("No.")],
        "drop": [says("DROP TABLE orders")],
        "rate limit": [overloaded("0"), says("SELECT 3")],
        "no model": [fails(404, "no such model")],
        "broken": [fails(500)],
        "not the protocol": [Action(raw=b"<html>")],
    }
    tried: Counter[str] = Counter()

    def script(call: Call) -> Action:
        tried[call.question] += 1
        return actions[call.question][min(tried[call.question], len(actions[call.question])) - 1]

    async def ask_all(server: ScriptedServer) -> dict[str, Reply | ChatError]:
        async with open_chat(ChatOptions(model="small", base_url=server.url, retries=1), recording) as chat:
            return {key: await outcome(chat.ask([Message("user", key)], key=key)) for key in actions}

    with ScriptedServer(script) as server:
        return asyncio.run(ask_all(server))


async def outcome(asked: object) -> Reply | ChatError:
    try:
        return await asked  # type: ignore[no-any-return,misc]
    except ChatError as error:
        return error


def test_a_replay_repeats_every_outcome_without_a_server(tmp_path: Path) -> None:
    recording = tmp_path / "chat.jsonl"
    live = record(recording)
    content = recording.read_bytes()

    async def replay() -> None:
        async with open_chat(ChatOptions(replay=recording)) as chat:
            for key, expected in live.items():
                replayed = await outcome(chat.ask([Message("user", key)], key=key))
                if isinstance(expected, ChatError):
                    assert (type(replayed), str(replayed)) == (type(expected), str(expected))
                else:
                    assert replayed == expected
            with pytest.raises(ChatRefused, match="holds no answer"):
                await chat.ask(ASKED, key="another")
            assert await chat.ask(ASKED, key="success") == live["success"], "messages may hold other times than those recorded"

    asyncio.run(replay())
    assert recording.read_bytes() == content
    assert {type(value) for value in live.values()} == {Reply, ChatRefused, ChatUnavailable, ReplyUnusable}


def test_a_resumed_run_asks_again_only_what_was_not_paid_for(tmp_path: Path) -> None:
    recording = tmp_path / "chat.jsonl"
    live = record(recording)

    async def resume(server: ScriptedServer) -> None:
        async with open_chat(ChatOptions(model="small", base_url=server.url), recording) as chat:
            for key in live:
                await outcome(chat.ask([Message("user", key)], key=key))

    with ScriptedServer([says("SELECT 4")]) as server:
        asyncio.run(resume(server))
    assert {call.question for call in server.calls} == {"no model", "broken"}


def test_offline_sends_nothing_and_keeps_what_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = tmp_path / "chat.jsonl"
    live = record(recording)

    async def offline(options: ChatOptions) -> None:
        async with open_chat(options, recording) as chat:
            assert await chat.ask([Message("user", "success")], key="success") == live["success"]
            with pytest.raises(ChatRefused, match="--offline forbids"):
                await chat.ask(ASKED, key="new")

    with ScriptedServer([says("SELECT 4")]) as server:
        asyncio.run(offline(ChatOptions(model="small", base_url=server.url, offline=True)))
        monkeypatch.setenv("QUERYWRIGHT_OFFLINE", "1")
        asyncio.run(offline(ChatOptions(model="small", base_url=server.url)))
    assert not server.calls


def test_a_line_that_a_crash_cut_short_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    reply = Reply("SELECT 2", "small", "stop", 1, 2, 0.5, 0.1)
    recording = Recording(path)
    recording.request("1", conversation(ASKED, None), model="small", base_url="http://x", at_most=1.0)
    recording.paid("1", reply)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 3])
    reopened = Recording(path)
    assert reopened.exchange("1") == recording.exchange("1") and reopened.spending() == recording.spending()
    reopened.request("2", conversation(ASKED, None), model="small", base_url="http://x", at_most=1.0)
    assert path.read_bytes().startswith(whole) and len(path.read_bytes().splitlines()) == 3
    assert Recording(path).spending().cost == 1.5


@pytest.mark.parametrize(
    "line", [b"not json\n", b"[]\n", b"{}\n", b'{"event": "x", "key": "1"}\n', b'{"event": "reply", "key": "1"}\n']
)
def test_a_damaged_recording_is_named_by_its_line(line: bytes, tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    Recording(path).request("1", conversation(ASKED, None), model="small", base_url="http://x", at_most=None)
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(RunError, match=r"Line 2 of .*chat\.jsonl"):
        Recording(path)


def test_a_recording_that_cannot_be_written_stops_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def ask(server: ScriptedServer) -> None:
        async with open_chat(ChatOptions(model="small", base_url=server.url), tmp_path / "file" / "chat.jsonl") as chat:
            await chat.ask(ASKED, key="1")

    with ScriptedServer([says("SELECT 2")]) as server, pytest.raises(RunError, match="cannot be written"):
        asyncio.run(ask(server))
    assert not server.calls


def test_code_that_is_not_asynchronous_asks_in_the_background(tmp_path: Path) -> None:
    with ScriptedServer(lambda call: hangs() if call.question == "hang" else says("SELECT 2")) as server:
        options = ChatOptions(model="small", base_url=server.url)
        with BackgroundChat(options, tmp_path / "chat.jsonl") as chat:
            futures = [chat.ask(ASKED, key=str(number)) for number in range(4)]
            assert {future.result().content for future in futures} == {"SELECT 2"}
            hanging = chat.ask([Message("user", "hang")], key="hang")
            wait_until(lambda: len(server.calls) == 5)
            assert chat.spending.calls == 5
        with pytest.raises(CancelledError):
            hanging.result()
    with pytest.raises(ChatRefused, match="No model is named"), BackgroundChat(ChatOptions()):
        pass
