"""The certificates that come with the package: measured anew, or chosen among the tasks that `qw gym tasks build` made.

    python benchmarks/certify_tasks.py again                    all that are stored; what has no gain any more is left out
    python benchmarks/certify_tasks.py published                prints the speedups to write into gym/tasks/shop.py
    python benchmarks/certify_tasks.py choose FILE --most 2     adds so many tasks of each source and difficulty of a built file

Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from querywright.gym.certifying import Certifier, Uncertified
from querywright.gym.tasks import certified, shop
from querywright.gym.tried import read_tried
from querywright.gym.values import Reference, Task
from querywright.runs.serialize import to_json

LARGEST_BYTES = 95_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("again", "published", "choose"))
    parser.add_argument("file", nargs="?", type=Path, help="built tasks, one line a draft")
    parser.add_argument("--most", type=int, default=1, help="tasks of each source and difficulty")
    given = parser.parse_args()
    if given.what == "choose":
        if given.file is None:
            parser.error("name the file of a build")
        write_files([*certified.load(), *chosen(given.file, given.most)])
        return
    with Certifier(limit_s=60, margin=1.0) as certifier:
        found = [measured(certifier, task) for task in (shop.load() if given.what == "published" else certified.load())]
    if given.what == "again":
        write_files([task for task in found if task is not None])


def measured(certifier: Certifier, task: Task) -> Task | None:
    """The task with a certificate of today; None where it earns none."""
    if task.reference is None:
        return None
    outcome = certifier.certify(task.sql, [task.reference.sql], task.database, task.hidden)
    before = f"{task.id} ({task.database}): {task.reference.speedup}x, now "
    if isinstance(outcome, Uncertified):
        print(before + outcome.reason, flush=True)
        return None
    print(f"{before}{outcome.speedup}x {outcome.grade}", flush=True)
    return replace(task, reference=Reference(outcome.sql, outcome.speedup, outcome.grade, task.reference.transforms))


def chosen(path: Path, most: int) -> Iterator[Task]:
    """The first tasks of each source and difficulty of a built file."""
    counted = Counter[tuple[str, str]]()
    known = {task.id for task in certified.load()}
    for tried in read_tried(path):
        task = tried.task
        if task is not None and task.id not in known and counted[tried.source, task.difficulty] < most:
            counted[tried.source, task.difficulty] += 1
            yield task


def write_files(tasks: Sequence[Task]) -> None:
    """The tasks as files of the package, one or more a schema, and their counts."""
    by_schema: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        by_schema[task.database.partition(":")[0]].append(task)
    certified.FOLDER.mkdir(exist_ok=True)
    for path in certified.FOLDER.glob("*.json"):
        path.unlink()
    for schema, own in sorted(by_schema.items()):
        for number, lines in enumerate(pages(to_json(task) for task in own), 1):
            (certified.FOLDER / f"{schema}_{number}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{len(tasks)} tasks")
    for name in ("family", "split", "difficulty", "dialect"):
        print(name, dict(Counter(getattr(task, name) for task in tasks)))


def pages(lines: Iterable[str]) -> Iterator[list[str]]:
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


if __name__ == "__main__":
    main()
