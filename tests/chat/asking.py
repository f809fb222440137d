"""Asks a number of questions and may be killed while it does: ``python asking.py URL RECORDING QUESTIONS CONCURRENCY``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from querywright.chat.opening import open_chat
from querywright.chat.options import ChatOptions
from querywright.chat.protocol import Message, Reply


async def ask_all(url: str, recording: Path, questions: int, concurrency: int) -> list[Reply]:
    options = ChatOptions(model="small", base_url=url, concurrency=concurrency, retries=0)
    async with open_chat(options, recording) as chat:
        asked = [chat.ask([Message("user", f"question {number}")], key=f"call {number}") for number in range(questions)]
        return await asyncio.gather(*asked)


if __name__ == "__main__":
    url, recording, questions, concurrency = sys.argv[1:]
    asyncio.run(ask_all(url, Path(recording), int(questions), int(concurrency)))
