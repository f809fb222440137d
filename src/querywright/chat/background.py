"""Ask a model from code that is not asynchronous: the search goes on, and the answers come as futures."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from querywright.chat.budget import Spending
from querywright.chat.opening import PaidChat, open_chat
from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Embedding, Message, Reply

Result = TypeVar("Result")


class BackgroundChat:
    """A chat whose event loop runs in a thread of its own.

    ``with BackgroundChat(options, recording) as chat: chat.ask(messages, key="1.1").result()``. At the end, calls under way are
    canceled.
    """

    def __init__(self, options: ChatOptions, recording: Path | None = None) -> None:
        self._options = options
        self._recording = recording
        self._closing = AsyncExitStack()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="chat", daemon=True)
        self._chat: PaidChat | None = None

    def __enter__(self) -> Self:
        """Open the chat; raises what `open_chat` raises."""
        self._thread.start()
        with ExitStack() as undoing:
            undoing.callback(self._stop)
            self._chat = self._run(self._closing.enter_async_context(open_chat(self._options, self._recording))).result()
            undoing.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Cancel what is under way and close the connections."""
        self._run(self._close()).result()
        self._stop()

    def ask(self, messages: Sequence[Message], *, key: str, schema: Mapping[str, object] | None = None) -> Future[Reply]:
        """Send a call and return at once; the future holds the reply, or the error of `protocol.Chat.ask`."""
        return self._run(self._opened.ask(messages, key=key, schema=schema))

    def embed(self, texts: Sequence[str], *, key: str) -> Future[Embedding]:
        """As `ask`, for `protocol.Chat.embed`."""
        return self._run(self._opened.embed(texts, key=key))

    @property
    def spending(self) -> Spending:
        """What was paid so far, earlier processes of the same run included."""
        return self._opened.spending

    @property
    def _opened(self) -> PaidChat:
        if self._chat is None:
            raise RuntimeError("BackgroundChat is used in a with statement")
        return self._chat

    def _run(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _close(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._closing.aclose()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
