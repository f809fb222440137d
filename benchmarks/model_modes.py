"""Runs all four modes with a real model: python benchmarks/model_modes.py --base-url http://127.0.0.1:8080/v1 --model NAME

Each mode optimizes a query of the built-in shop with rules and model, mode single with the model alone, since it asks nobody
where the rules gain at once. Whatever the model says, a run with rules must end with a winner, and each answer must be recorded,
with the reason where it could not be judged or was not faster. A small model on a CPU will do: see ``docs/models.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from querywright.chat.options import ChatOptions
from querywright.pipeline import Options, ProposerName, optimize
from querywright.propose.history import result
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
    parser.add_argument("--seconds", type=float, default=3600.0, help="most seconds of one mode")
    parser.add_argument("--reply-timeout", type=float, default=600.0)
    parser.add_argument("--concurrency", type=int, default=1, help="calls that the server can work on at a time")
    parser.add_argument("--workers", type=int, default=4, help="of modes parallel and swarm")
    parser.add_argument("--mode", action="append", choices=sorted(modes()))
    chosen = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for mode in chosen.mode or sorted(modes()):
            proposers: tuple[ProposerName, ...] = ("model",) if mode == "single" else ("rules", "model")
            answered: list[Answered] = []
            lost: list[str] = []

            def listen(event: Event, answered: list[Answered] = answered, lost: list[str] = lost) -> None:
                if isinstance(event, Answered):
                    answered.append(event)
                elif isinstance(event, ModelLost):
                    lost.append(event.reason)

            options = Options(
                mode=mode,
                budget=Budget(seconds=chosen.seconds, iterations=2, target=1000.0, workers=chosen.workers),
                runs=Path(folder) / mode,
                proposers=proposers,
                chat=ChatOptions(
                    model=chosen.model,
                    base_url=chosen.base_url,
                    max_tokens=chosen.max_tokens,
                    price=(0.0, 0.0),
                    concurrency=chosen.concurrency,
                    timeout=chosen.reply_timeout,
                ),
            )
            outcome = optimize(QUERY.read_text(), chosen.db, options, name="sign_up_numbers", listen=listen)
            recorded = _recorded(Path(folder) / mode)
            by_model = [attempt for attempt in outcome.attempts if attempt.candidate.origin.proposer == "model"]
            fates = [*(answer.problem for answer in answered if answer.problem), *map(result, by_model)]
            won = f"{outcome.best.timing.ratio:.1f}x" if outcome.best and outcome.best.timing else "-"
            told = f"{len(answered)} questions, {recorded} recorded replies, {len(by_model)} rewrites judged"
            print(f"{mode} ({' and '.join(proposers)}): {outcome.status} {won}, {told}, {outcome.seconds:.0f} s", flush=True)
            for fate, count in Counter(fate.splitlines()[0][:110] for fate in fates).most_common():
                print(f"  {count} x {fate}", flush=True)
            for reason in lost:
                print(f"  lost: {reason}", flush=True)
            kept = not lost and answered and recorded == len(answered)
            failures += not kept or (outcome.status != "faster" and "rules" in proposers)
    return 1 if failures else 0


def _recorded(runs: Path) -> int:
    lines = (line for path in runs.glob("*/exchanges.jsonl") for line in path.read_text().splitlines())
    return sum(json.loads(line)["event"] == "reply" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
