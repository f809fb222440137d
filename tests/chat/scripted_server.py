"""A real HTTP server on loopback that answers like a model server, call by call, as a script says.

    with ScriptedServer([overloaded(retry_after=1), says("SELECT 1")]) as server:
        ChatOptions(model="m", base_url=server.url)      # OpenAI's protocol; Anthropic's is served under the same root

A script is a list of actions, whose last one repeats, or a function from `Call` to an action. ``server.calls`` holds what
arrived, ``server.served`` the questions whose answer was sent whole, ``server.most_at_once`` the largest number of calls under
way together.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Call:
    """One request: its number from 1, headers in lower case, and body."""

    number: int
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def question(self) -> str:
        """The last message, or the texts that vectors are asked for."""
        return str(self.body["messages"][-1]["content"]) if "messages" in self.body else "\n".join(self.texts)

    @property
    def texts(self) -> list[str]:
        """The texts that vectors are asked for; none in a question."""
        return list(self.body.get("input", []))

    @property
    def answer_format(self) -> str:
        """How the client asks to keep to a schema: json_schema, json_object or text."""
        chosen = self.body.get("response_format") or (self.body.get("output_config") or {}).get("format") or {"type": "text"}
        return str(chosen["type"])


@dataclass(frozen=True)
class Action:
    """What the server does with one call: an answer in the protocol of the path, or raw bytes."""

    content: str = ""
    finish: str = "stop"
    tokens: tuple[int, int] | None = (100, 10)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    delay: float = 0.0
    hangs: bool = False
    drops: bool = False
    vector: Callable[[str], Sequence[float]] | None = None


Script = Callable[[Call], Action]


def says(content: str, finish: str = "stop", tokens: tuple[int, int] | None = (100, 10)) -> Action:
    """A good answer; ``tokens`` are those of the prompt and of the answer, None where the server does not count."""
    return Action(content, finish, tokens)


def embeds(vector: Callable[[str], Sequence[float]], tokens: tuple[int, int] | None = (100, 0)) -> Action:
    """The vectors of texts, the last text first, as servers may."""
    return Action(tokens=tokens, vector=vector)


def truncates(content: str) -> Action:
    """An answer cut off at the token limit."""
    return Action(content, "length")


def refuses(content: str = "I cannot help with that.") -> Action:
    """The model declines."""
    return Action(content, "refusal")


def fails(status: int, message: str = "internal error", code: str | None = None, **headers: str) -> Action:
    """An error with a body as OpenAI writes it; header names are given with underscores."""
    body = json.dumps({"error": {"message": message, "type": code, "code": code}}).encode()
    return Action(status=status, raw=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def unauthorized(key: str = "") -> Action:
    """A wrong key, which the message quotes."""
    return fails(401, f"Incorrect API key provided: {key}", "invalid_api_key")


def unknown_model() -> Action:
    """The model is not served."""
    return fails(404, "The model does not exist", "model_not_found")


def overloaded(retry_after: str | None = None) -> Action:
    """The rate limit is reached."""
    return fails(429, "Rate limit reached", "rate_limit_exceeded", **({"retry_after": retry_after} if retry_after else {}))


def garbles(body: bytes = b'{"choices": [{"mess') -> Action:
    """A body that is not what the protocol says."""
    return Action(raw=body)


def floods(megabytes: int = 10) -> Action:
    """A well-formed answer of many megabytes."""
    return Action("x" * (megabytes * 1024 * 1024))


def hangs() -> Action:
    """No answer until the client goes away or the server closes."""
    return Action(hangs=True)


def drops() -> Action:
    """The connection closes without an answer."""
    return Action(drops=True)


def after(seconds: float, action: Action) -> Action:
    """The same, later."""
    return replace(action, delay=seconds)


def enforcing(*formats: str, action: Action, status: int = 400) -> Script:
    """A server that knows only some answer formats and rejects the others; llama-cpp-python's does so with 500."""
    rejected = fails(
        status, "1 validation error: ('body', 'response_format', 'type'): input should be another", "invalid_request_error"
    )
    return lambda call: action if call.answer_format in formats else rejected


class ScriptedServer:
    """Serves a script on a free port while its ``with`` block lasts."""

    def __init__(self, script: Script | Sequence[Action]) -> None:
        self._script = script if callable(script) else lambda call: script[min(call.number, len(script)) - 1]
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._under_way = 0
        self.calls: list[Call] = []
        self.served: list[str] = []
        self.most_at_once = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                server._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read ``calls`` instead of a log."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that goes away in the middle is part of some tests."""

        self._http = Server(("127.0.0.1", 0), Handler)

    @property
    def root(self) -> str:
        """The address without a path, as Anthropic's client wants it."""
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def url(self) -> str:
        """The address for clients of OpenAI's protocol."""
        return f"{self.root}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            call = Call(len(self.calls) + 1, handler.path, headers, body)
            self.calls.append(call)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            action = self._script(call)
            self._closing.wait(action.delay)
            if action.hangs:
                self._closing.wait()
            if action.hangs or action.drops:
                handler.close_connection = True
                return
            content = _encoded(call, action) if action.raw is None else action.raw
            handler.send_response(action.status)
            for name, value in {"content-type": "application/json", **action.headers}.items():
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
            with self._lock:
                self.served.append(call.question)
        finally:
            with self._lock:
                self._under_way -= 1


def _encoded(call: Call, action: Action) -> bytes:
    """An answer in the protocol that the path belongs to."""
    if action.vector is not None:
        rows = [{"index": index, "embedding": list(action.vector(text))} for index, text in enumerate(call.texts)]
        usage = {"prompt_tokens": action.tokens[0], "total_tokens": action.tokens[0]} if action.tokens else None
        return json.dumps({"model": call.body["model"], "data": rows[::-1], "usage": usage}).encode()
    refused = action.finish == "refusal"
    if call.path.endswith("/messages"):
        reason = {"stop": "end_turn", "length": "max_tokens"}.get(action.finish, action.finish)
        usage = {"input_tokens": action.tokens[0], "output_tokens": action.tokens[1]} if action.tokens else None
        blocks = [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": action.content}]
        return json.dumps({"model": call.body["model"], "content": blocks, "stop_reason": reason, "usage": usage}).encode()
    message = {
        "role": "assistant",
        "content": None if refused else action.content,
        "refusal": action.content if refused else None,
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop" if refused else action.finish}
    usage = {"prompt_tokens": action.tokens[0], "completion_tokens": action.tokens[1]} if action.tokens else None
    return json.dumps({"model": call.body["model"], "choices": [choice], "usage": usage}).encode()
