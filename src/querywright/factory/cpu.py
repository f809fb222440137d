"""The CPU time of a worker process, asked for from inside it; a module of its own, so that little is loaded there."""

from __future__ import annotations

import time

from querywright.engines.protocol import Connection


def process_time(_: Connection) -> float:
    """Worker side: the CPU seconds of this process so far."""
    return time.process_time()
