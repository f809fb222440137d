"""How long twenty questions asked at once take: python benchmarks/swarm.py [--latency 1.0] [--workers 20]

Optimizes a query of the built-in shop in mode swarm against a server on loopback that answers each question after a fixed
latency. Prints how far apart the first and the last question arrive, and when the last answer is sent.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from querywright.chat.options import ChatOptions
from querywright.pipeline import Options, optimize
from querywright.search.protocol import Budget

QUERY = Path(__file__).parents[1] / "examples" / "sign_up_numbers.sql"
ANSWER = "```sql\nSELECT 1 AS one\n```"


class SlowModel(ThreadingHTTPServer):
    """Answers every question the same after ``latency_s`` seconds and keeps when each came and was answered."""

    request_queue_size = 128

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.arrived: list[float] = []
        self.answered: list[float] = []
        super().__init__(("127.0.0.1", 0), Question)


class Question(BaseHTTPRequestHandler):
    """One call of the chat interface."""

    server: SlowModel

    def do_POST(self) -> None:
        """Wait, then answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.arrived.append(time.monotonic())
        time.sleep(self.server.latency_s)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "slow", "choices": [choice], "usage": usage}
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.server.answered.append(time.monotonic())

    def log_message(self, format: str, *args: object) -> None:
        """The times say enough."""


def main() -> None:
    """Run once and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--db", default="shop:scale=0.3")
    chosen = parser.parse_args()
    server = SlowModel(chosen.latency)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        options = Options(
            mode="swarm",
            budget=Budget(seconds=120.0, iterations=1, target=1000.0, workers=chosen.workers),
            runs=Path(folder),
            proposers=("model",),
            chat=ChatOptions(model="slow", base_url=f"http://127.0.0.1:{server.server_port}/v1", price=(0.0, 0.0)),
        )
        optimize(QUERY.read_text(), chosen.db, options)
    server.shutdown()
    first = min(server.arrived)
    together = [moment for moment in server.arrived if moment < first + chosen.latency]
    print(f"{len(together)} questions within {max(together) - first:.3f} s")
    print(f"{len(together)} answers {sorted(server.answered)[len(together) - 1] - first:.2f} s after the first question")


if __name__ == "__main__":
    main()
