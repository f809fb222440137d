"""Makes the certified tasks that come with the package: drafts, verifies and measures them, then writes them into its files.

    python benchmarks/certify_tasks.py --seconds 3600        (goes on where it was stopped)
    python benchmarks/certify_tasks.py --seconds 0           (only writes the files again)

Every draft, accepted or not, is a line of ``--log``. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from querywright.gym.building import build
from querywright.gym.certifying import Certifier, Uncertified
from querywright.gym.drafting import SOURCES
from querywright.gym.tasks import certified, shop
from querywright.gym.tried import Tried, read_tried
from querywright.gym.values import Task
from querywright.runs.serialize import to_json

LARGEST_BYTES = 95_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1200.0, help="how long to draft and certify")
    parser.add_argument("--count", type=int, default=400, help="tasks that are enough")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--log", type=Path, default=Path("benchmarks/out/certified_tasks/seed-0.jsonl"))
    parser.add_argument("--published", action="store_true", help="certify the repaired published tasks and print their speedups")
    arguments = parser.parse_args()
    began = time.monotonic()
    if arguments.published:
        with Certifier(limit_s=60, margin=1.0) as certifier:
            certify_published(certifier)
        return
    with Certifier() as certifier:

        def stop() -> bool:
            return bool(time.monotonic() - began > arguments.seconds)

        build(arguments.log, arguments.count, arguments.seed, certifier, arguments.sources.split(","), show, stop)
    write_files(arguments.log)
    summarize(read_tried(arguments.log))


def certify_published(certifier: Certifier) -> None:
    """The speedups to write into ``gym/tasks/shop.py``."""
    for task in shop.load():
        if task.reference is not None:
            outcome = certifier.certify(task.sql, [task.reference.sql], task.database, task.hidden[0])
            print(
                task.id, outcome.reason if isinstance(outcome, Uncertified) else f"{outcome.speedup} {outcome.grade}", flush=True
            )


def show(tried: Tried) -> None:
    """One line for a draft."""
    if tried.task is not None and tried.task.reference is not None:
        what = f"{tried.task.family}, {tried.task.difficulty}, {tried.task.reference.speedup}x on {tried.task.database}"
    else:
        what = tried.refused
    print(f"{tried.number:>5} {tried.source:<20} {tried.seconds:>6.1f} s  {', '.join(tried.injected)}: {what}", flush=True)


def write_files(log: Path) -> None:
    """The tasks of ``log`` as files of the package, one or more a schema."""
    by_schema: dict[str, list[Task]] = defaultdict(list)
    for tried in read_tried(log):
        if tried.task is not None:
            by_schema[tried.source.partition("/")[0]].append(tried.task)
    certified.FOLDER.mkdir(exist_ok=True)
    for path in certified.FOLDER.glob("*.json"):
        path.unlink()
    for schema, tasks in sorted(by_schema.items()):
        for number, lines in enumerate(pages([to_json(task) for task in tasks]), 1):
            (certified.FOLDER / f"{schema}_{number}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


def pages(lines: Sequence[str]) -> Iterator[list[str]]:
    """The lines in groups that fit into one file."""
    page: list[str] = []
    size = 0
    for line in lines:
        if page and size + len(line.encode()) > LARGEST_BYTES:
            yield page
            page, size = [], 0
        page.append(line)
        size += len(line.encode()) + 2
    if page:
        yield page


def summarize(done: Sequence[Tried]) -> None:
    """Counts, and what certification costs."""
    tasks = [tried.task for tried in done if tried.task is not None]
    seconds = sum(tried.seconds for tried in done)
    print(
        f"{len(done)} drafts, {len(tasks)} tasks in {seconds / 60:.1f} minutes: {60 * len(tasks) / max(seconds, 1):.2f} a minute"
    )
    print("families", dict(Counter(task.family for task in tasks)))
    print("splits", dict(Counter(task.split for task in tasks)))
    print("difficulties", dict(Counter(task.difficulty for task in tasks)))
    print("engines", dict(Counter(task.dialect for task in tasks)))
    print("injected", Counter(name for tried in done if tried.task is not None for name in tried.injected).most_common())
    print("refused", Counter(" ".join(tried.refused.split()[:4]) for tried in done if tried.refused).most_common(12))


if __name__ == "__main__":
    main()
