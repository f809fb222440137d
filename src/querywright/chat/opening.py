"""From the user's choices to a chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from querywright.chat.budget import Spending
from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Chat
from querywright.chat.providers import Target, resolve
from querywright.chat.recorded import OfflineChat, ReplayedChat
from querywright.chat.recording import Recording
from querywright.errors import ChatRefused, MissingExtraError
from querywright.settings import model_settings

if TYPE_CHECKING:
    from querywright.chat.wire import Endpoint


class PaidChat(Chat, Protocol):
    """A chat that knows what it has spent."""

    @property
    def spending(self) -> Spending:
        """What was paid so far, earlier processes of the same run included."""
        ...


@asynccontextmanager
async def open_chat(options: ChatOptions, recording: Path | None = None) -> AsyncIterator[PaidChat]:
    """A chat with the model that the options name; its connections close at the end.

    ``recording`` is the file that every exchange is added to; what it holds already is not asked again. Raises `ChatRefused` and
    `InputError` where the options name no model that can be asked, `MissingExtraError` without the client libraries, `RunError`
    where the recording is damaged.
    """
    if options.replay is not None:
        if not options.replay.is_file():
            raise ChatRefused(
                f"There is no recording at {options.replay}", "Name the file of a recorded run: --replay FILE.jsonl"
            )
        yield ReplayedChat(Recording(options.replay))
    elif options.offline or model_settings().offline:
        yield OfflineChat(Recording(recording))
    else:
        target = resolve(options)
        endpoint = _endpoint(target, options)
        try:
            from querywright.chat.client import ModelChat

            yield ModelChat(target, endpoint, options, Recording(recording, target.key))
        finally:
            await endpoint.close()


def _endpoint(target: Target, options: ChatOptions) -> Endpoint:
    """The client libraries take seconds to load, so only a chat that will use one does."""
    try:
        if target.provider.dialect == "anthropic":
            from querywright.chat.anthropic_messages import AnthropicMessages

            return AnthropicMessages(target, options)
        from querywright.chat.openai_compatible import OpenAICompatible

        return OpenAICompatible(target, options)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("querywright"):
            raise
        extra = "anthropic" if target.provider.dialect == "anthropic" else "model"
        raise MissingExtraError(f"To ask {target.model}, the library {error.name} is needed", extra=extra) from error
