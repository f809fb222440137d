"""Measures the factory: makes examples for some time from nothing, and prints every bar with what was reached.

python benchmarks/factory.py --seconds 3600 --out runs/factory            both engines, one line of work each
python benchmarks/factory.py --seconds 400 --engines sqlite --recheck 200
python benchmarks/factory.py --yields runs/one runs/two             what kinds of slow queries became examples in earlier runs

Examples an hour are of this machine as busy as it was; core-seconds an example are what the run's own processes computed, which
other work on the machine does not touch. The recheck exports the examples and runs a sample again on data of another seed. A
folder that holds a run is gone on with for so many seconds more; the figures are those of all runs together. With --yields
nothing is run: the table that later runs expect their yields by, src/querywright/factory/yields.json, is brought up to date from
the journals there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

from querywright.factory.checking import check
from querywright.factory.exporting import FILES, export
from querywright.factory.folder import all_examples, journal_of
from querywright.factory.journal import products
from querywright.factory.loop import run
from querywright.factory.metrics import Metrics
from querywright.factory.splits import leaks
from querywright.factory.values import Plan, Product

CORES = 2
LEAST_EXAMPLES = 15_000
SHARES = ("3+-table join", "window", "CTE", "set operation")
LEAST_TRIES = 6
YIELDS = Path(__file__).parents[1] / "src/querywright/factory/yields.json"
_MEBIBYTE = 1 << 20


@dataclass
class Memory:
    """Resident size of this process and all that it started, in MiB, at every tenth of the time."""

    seconds: float
    began: float = field(default_factory=time.monotonic)
    sizes: list[float] = field(default_factory=list)

    def watch(self, _: Metrics, __: Product) -> None:
        """Look at the memory where the next tenth has begun."""
        if time.monotonic() - self.began >= len(self.sizes) * self.seconds / 10:
            self.sizes.append(sum(map(_resident, _family(os.getpid()))) / _MEBIBYTE)


def _family(process: int) -> Iterator[int]:
    yield process
    tasks = Path(f"/proc/{process}/task")
    for children in tasks.glob("*/children"):
        for child in children.read_text(encoding="ascii").split():
            yield from _family(int(child))


def _resident(process: int) -> int:
    pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Run, recheck, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=400.0)
    parser.add_argument("--engines", default="duckdb,sqlite")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", type=int, choices=(1, 2), default=2)
    parser.add_argument("--out", type=Path, help="default: a temporary folder")
    parser.add_argument("--recheck", type=int, default=500, help="examples that are executed again from the exported file")
    parser.add_argument("--yields", type=Path, nargs="+", help="folders of earlier runs")
    asked = parser.parse_args()
    if asked.yields:
        _write_yields(asked.yields)
        return
    with tempfile.TemporaryDirectory(prefix="querywright-") as temporary:
        out = asked.out or Path(temporary) / "factory"
        plan = Plan(
            engines=tuple(asked.engines.split(",")),
            stage=asked.stage,
            examples=10 * LEAST_EXAMPLES,
            seconds=asked.seconds,
            seed=asked.seed,
        )
        memory = Memory(asked.seconds)
        summary = run(plan, out, memory.watch)
        computed_s = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        rechecked = _rechecked(out, Path(temporary), asked.recheck, asked.seed)
        _print(summary, computed_s, memory.sizes, rechecked, len(leaks(all_examples(out))))


def _write_yields(folders: list[Path]) -> None:
    """Of each habit and of each shape: the share of its slow queries that became examples, or would have but for the quotas.

    What was tried less than `LEAST_TRIES` times keeps its figure.
    """
    tries: dict[str, dict[str, dict[str, list[bool]]]] = defaultdict(
        lambda: {"habits": defaultdict(list), "shapes": defaultdict(list)}
    )
    for product in chain.from_iterable(products(journal_of(folder, 2)) for folder in folders):
        for one in product.tries:
            if one.injected and one.fate not in ("failed", "repeated"):
                good, found = one.fate in ("kept", "quota"), tries[product.order.engine]
                found["habits"][one.injected[0]].append(good)
                found["shapes"][product.shape].append(good)
    table: dict[str, dict[str, dict[str, float]]] = json.loads(YIELDS.read_text(encoding="utf-8"))
    for engine, kinds in tries.items():
        for kind, names in kinds.items():
            rates = {
                name: round((sum(good) + 0.3) / (len(good) + 2), 2) for name, good in names.items() if len(good) >= LEAST_TRIES
            }
            table[engine][kind] = dict(sorted({**table[engine][kind], **rates}.items()))
    YIELDS.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _rechecked(out: Path, temporary: Path, most: int, seed: int) -> tuple[int, int, list[str]]:
    """Lines of the exported files that were run again, how many hold, and why others do not."""
    exported = temporary / "exported"
    export(all_examples(out), exported)
    lines = list(chain.from_iterable((exported / f"{name}.jsonl").read_text("utf-8").splitlines() for name in FILES.values()))
    sample = temporary / "sample.jsonl"
    sample.write_text("\n".join(Random(seed).sample(lines, min(most, len(lines)))) + "\n", encoding="utf-8")
    found = check(sample)
    return found.lines, found.equal, [fault.reason for fault in found.faults]


def _print(
    summary: dict[str, Any], computed_s: float, sizes: list[float], rechecked: tuple[int, int, list[str]], shared: int
) -> None:
    count = max(1, summary["examples"])
    used = {name: summary["features"].get(name, 0) / count for name in SHARES}
    largest, largest_count = next(iter(summary["patterns"].items()), ("none", 0))
    core_seconds = summary["cpu_ms_an_example"] / 1000
    lines, equal, reasons = rechecked
    rows = [
        (
            "examples",
            "",
            f"{count:,} of {summary['slow_queries_tried']:,} tries in {summary['seconds']:.0f} s",
        ),
        ("examples an hour", f">= {LEAST_EXAMPLES:,}", f"{summary['examples_an_hour']:,.0f}"),
        ("core-seconds an example", f"<= {CORES * 3600 / LEAST_EXAMPLES:.2f}", f"{core_seconds:.3f}"),
        ("the same of all processes, if from nothing", "", f"{computed_s / count:.3f}"),
        (
            f"an hour on {CORES} cores at that",
            f">= {LEAST_EXAMPLES:,}",
            f"{CORES * 3600 / max(core_seconds, 1e-3):,.0f}",
        ),
        ("unique slow queries", ">= 95 %", f"{summary['unique_slow_queries']:.1%}"),
        ("unique fast queries", "", f"{summary['unique_fast_queries']:.1%}"),
        ("largest pattern", "<= 20 %", f"{largest_count / count:.1%} ({largest})"),
        ("different transforms", ">= 25", str(len(summary["transforms"]))),
        *((name, ">= 15 %", f"{share:.1%}") for name, share in used.items()),
        ("mean reward", "0.4 to 0.7", f"{summary['mean_reward']:.3f}"),
        ("standard deviation of rewards", ">= 0.2", f"{summary['reward_deviation']:.3f}"),
        ("at the cap", "< 10 %", f"{summary['share_at_the_cap']:.1%}"),
        ("families in training and held out", "0", str(shared)),
        ("memory in MiB, by tenths of the time", "flat", ", ".join(f"{size:.0f}" for size in sizes)),
        ("hold when run again on other data", "100 %", f"{equal} of {lines}"),
    ]
    print("| what | bar | measured |\n| --- | --- | --- |")
    print("\n".join(f"| {' | '.join(row)} |" for row in rows))
    for name in ("engines", "schemas", "patterns", "speedups", "transforms", "fates"):
        print(f"{name}: {json.dumps(summary[name])}")
    for reason, times in Counter(reasons).most_common(10):
        print(f"does not hold ({times}): {reason}")


if __name__ == "__main__":
    main()
