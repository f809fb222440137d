"""What people are told of a request that failed, and what they can do about it."""

from __future__ import annotations

from dataclasses import dataclass

from querywright.chat.pacing import LONGEST_WAIT
from querywright.chat.providers import Target
from querywright.chat.recording import SHORTEST_SECRET
from querywright.chat.wire import Failed
from querywright.errors import ChatError, ChatRefused, ChatUnavailable


@dataclass(frozen=True, slots=True)
class Asked:
    """A model of a server, and the option that names it."""

    target: Target
    model: str
    option: str = "--model"

    def error(self, failed: Failed, requests: int) -> ChatError:
        """The error for people that a failed request stands for; a server that quotes the key is not quoted."""
        target = self.target
        secret = target.key is not None and len(target.key) >= SHORTEST_SECRET
        detail = failed.detail.replace(target.key or "", "***") if secret else failed.detail
        if failed.can_be_retried:
            told = f"{target.base_url} gave no answer (requests sent: {requests}): {detail}"
            return ChatUnavailable(told, self._patience(failed))
        return ChatRefused(f"{target.base_url} refused to ask {self.model}: {detail}", self._change(failed))

    def _patience(self, failed: Failed) -> str:
        if (failed.retry_after or 0.0) > LONGEST_WAIT:
            return f"The server asks to wait {failed.retry_after:.0f} s. Repeat the command then; what was answered is kept."
        if failed.status == 429:
            return "Ask less at once: --concurrency 2, or: --requests-per-minute 20"
        return self.target.provider.advice or "Check the network and --base-url, or allow more time: --reply-timeout 600"

    def _change(self, failed: Failed) -> str:
        target = self.target
        if failed.status in (401, 403):
            return f"Check the key: export {target.key_variable}=…"
        if failed.status == 402 or failed.code == "insufficient_quota":
            return "Add credit to the account, or choose another provider: --provider NAME"
        if failed.status == 404:
            advice = target.provider.advice or "Check --base-url as well."
            return f"Choose a model that it serves: {self.option} NAME. {advice}".strip()
        return f"Change what the server objects to, or choose another model: {self.option} NAME"
