"""Measures the environment: steps per second, clients side by side, rewards of the unchanged query, memory, start.

python benchmarks/gym.py                                in this process, the repaired edition of the five tasks
python benchmarks/gym.py --edition published            the five as published
python benchmarks/gym.py --url http://127.0.0.1:7860 --pid 1234 [--edition published]
python benchmarks/gym.py --only start,light,clients     some of: start five light cached clients unchanged variants idle memory

With --url it speaks the published HTTP interface, so that it measures any server of it; memory is that of the process --pid and
its children. Each submission of `five`, `light` and `clients` is a text that the server has not seen: the same rewrite, wrapped
anew.
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from querywright.gym.client import Environment, Stepped
from querywright.gym.local import local_gym
from querywright.gym.remote import RemoteGym
from querywright.gym.rewards.verified import FLOOR
from querywright.gym.tasks.driver import tasks
from querywright.gym.values import Task
from querywright.gym.wire import Answer
from querywright.workloads import shop

PARTS = ("start", "five", "light", "cached", "clients", "unchanged", "variants", "idle", "memory")
LIGHT = (0, 1, 3)
UNCHANGED = 200
VARIANTS = 40
CLIENTS = 4

_SHOP = shop.queries("duckdb")
PUBLISHED_REWRITES = (
    """SELECT * FROM orders
WHERE customer_id = 5000 AND created_at >= TIMESTAMP '2024-01-01' AND created_at < TIMESTAMP '2025-01-01'""",
    """WITH stats AS (
    SELECT customer_id, COUNT(*) FILTER (WHERE status = 'completed') AS completed_orders,
           SUM(total) FILTER (WHERE created_at >= '2024-01-01') AS recent_total,
           first(total ORDER BY created_at DESC) AS latest_total
    FROM orders GROUP BY customer_id
)
SELECT u.email, u.region, COALESCE(s.completed_orders, 0) AS completed_orders, s.recent_total, s.latest_total
FROM users u LEFT JOIN stats s ON s.customer_id = u.id WHERE u.tier = 'premium'""",
    """SELECT *, id || '_' || event_type AS event_key, upper(event_type) AS event_label FROM events
WHERE session_id LIKE 'sess_%' OR event_type LIKE '%purchase%' OR event_type LIKE '%buy%'""",
    """SELECT u.region, u.plan, COUNT(*) AS order_count, SUM(o.total) AS revenue,
       (SELECT AVG(total) FROM orders) AS average_total,
       (SELECT MAX(total) FROM orders WHERE status = 'completed') AS largest_completed
FROM orders AS o JOIN users AS u ON u.id = o.customer_id
WHERE o.status = 'completed' OR o.status = 'shipped' GROUP BY u.region, u.plan""",
    _SHOP["window_functions"].replace("COUNT(*) OVER (PARTITION BY user_id)", "COUNT(id) OVER (PARTITION BY user_id)"),
)


class Bench:
    """The environment under test with the five tasks and a rewrite of each."""

    def __init__(self, environment: Environment, edition: str, pid: int) -> None:
        self.environment = environment
        self.tasks = tasks(family=edition)[:5]
        self.rewrites = [
            task.reference.sql if task.reference else text for task, text in zip(self.tasks, PUBLISHED_REWRITES, strict=True)
        ]
        self.pid = pid
        self._turn = threading.Lock()
        self._submitted = time.time_ns() % 1_000_000  # texts that no earlier run of this script has submitted

    def fresh(self, number: int) -> str:
        """The rewrite of a task in a text that is new."""
        with self._turn:
            self._submitted += 1
            return f"SELECT answer_{self._submitted}.* FROM (\n{self.rewrites[number]}\n) AS answer_{self._submitted}"

    def step(self, number: int, sql: str) -> Stepped:
        """Begin an episode of a task and submit one query."""
        observation = self.environment.reset(self.tasks[number].id)
        answer = Answer(optimized_query=sql, summary="", estimated_improvement="")
        return self.environment.step(observation.episode_id, answer)

    def valid(self, number: int, stepped: Stepped) -> bool:
        """Whether a step was graded on its own task and found the rewrite equal."""
        return stepped.observation.task_id == self.tasks[number].id and stepped.execution.results_match


def figures(name: str, bench: Bench, steps: int) -> Iterator[str]:
    """What one part measures, in words."""
    if name in ("five", "light"):
        numbers = range(5) if name == "five" else LIGHT
        began, valid, count = time.perf_counter(), 0, 0
        each = dict.fromkeys(numbers, 0.0)
        for _ in range(steps):
            for number in numbers:
                started = time.perf_counter()
                valid += bench.valid(number, bench.step(number, bench.fresh(number)))
                each[number] += time.perf_counter() - started
                count += 1
        rate = count / (time.perf_counter() - began)
        yield f"{name}: {rate:.2f} new steps/s, {valid} of {count} found equal"
        yield "  seconds a step: " + ", ".join(f"task {n + 1}: {s / steps:.3f}" for n, s in each.items())
    elif name == "cached":
        texts = {number: bench.fresh(number) for number in LIGHT}
        for number, sql in texts.items():
            bench.step(number, sql)
        began = time.perf_counter()
        for _ in range(20):
            for number, sql in texts.items():
                bench.step(number, sql)
        yield f"cached: {20 * len(LIGHT) / (time.perf_counter() - began):.1f} resubmitted steps/s"
    elif name == "clients":
        yield from _clients(bench, steps)
    elif name == "unchanged":
        scores = []
        for turn in range(UNCHANGED):
            task = bench.tasks[LIGHT[turn % len(LIGHT)]]
            sql = task.sql if turn < 2 * len(LIGHT) else task.sql.replace("\n", "\n" + " " * turn) + f" -- {turn}"
            scores.append(bench.step(LIGHT[turn % len(LIGHT)], sql).score)
        yield f"unchanged: {UNCHANGED} resubmissions of originals score {min(scores):.4f} to {max(scores):.4f}"
    elif name == "variants":
        for number in LIGHT:
            stepped = [bench.step(number, _wrapped(bench.tasks[number], turn)) for turn in range(VARIANTS)]
            ratios = sorted(one.execution.original_ms / (one.execution.optimized_ms or math.inf) for one in stepped)
            scores = sorted(one.score for one in stepped)
            yield (
                f"variants: task {number + 1}, original wrapped {VARIANTS} times: {ratios[0]:.3f}x to {ratios[-1]:.3f}x, "
                f"scores {scores[0]:.4f} to {scores[-1]:.4f}"
            )
            yield f"  {sum(score > FLOOR for score in scores)} of them above the floor"
    elif name == "idle":
        began = time.perf_counter()
        for turn in range(200):
            bench.step(0, f"-- {turn}")
        yield f"idle: {(time.perf_counter() - began) / 200 * 1000:.2f} ms for a reset and a step that runs no SQL"
    elif name == "memory":
        now, highest = (sum(_status(one, field) for one in _processes(bench.pid)) / 2**20 for field in ("VmRSS", "VmHWM"))
        yield f"memory: {now:.0f} MiB resident in all processes; the sum of their peaks is {highest:.0f}"


def _clients(bench: Bench, steps: int) -> Iterator[str]:
    outcomes: list[str] = []

    def play(client: int) -> None:
        for turn in range(steps):
            number = LIGHT[(client + turn) % len(LIGHT)]
            try:
                stepped = bench.step(number, bench.fresh(number))
            except Exception as error:  # noqa: BLE001 - counted and shown: another server may fail in any way
                outcomes.append(f"failed: {type(error).__name__}")
                continue
            if stepped.observation.task_id != bench.tasks[number].id:
                outcomes.append("graded on another task")
            else:
                outcomes.append("valid" if stepped.execution.results_match else "found different")

    began = time.perf_counter()
    threads = [threading.Thread(target=play, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    counts = ", ".join(f"{outcomes.count(kind)} {kind}" for kind in sorted(set(outcomes)))
    yield f"clients: {outcomes.count('valid') / seconds:.2f} valid new steps/s of {CLIENTS} clients ({counts})"


def _wrapped(task: Task, turn: int) -> str:
    return f"SELECT original_{turn}.* FROM (\n{task.sql}\n) AS original_{turn}"


def _start() -> str:
    """Seconds until a fresh process has begun its first episode."""
    code = (
        "from querywright.gym.local import local_gym\n"
        "with local_gym() as gym: gym.reset(gym.tasks()[0].id); print('begun', flush=True); input()"
    )
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - began
        process.communicate("\n")
    return f"start: {seconds:.2f} s until the first episode of a fresh process has begun"


def _processes(pid: int) -> list[int]:
    """A process and all below it."""
    children = [
        int(child) for thread in Path(f"/proc/{pid}/task").iterdir() for child in (thread / "children").read_text().split()
    ]
    return [pid, *(one for child in children for one in _processes(child))]


def _status(pid: int, field: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{field}:")[2].split()[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server of the published HTTP interface; default: in this process")
    parser.add_argument("--pid", type=int, help="process of that server, for its memory")
    parser.add_argument("--edition", default="repaired", choices=("repaired", "published"))
    parser.add_argument("--steps", type=int, default=5, help="rounds over the tasks, and steps of each client")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    given = parser.parse_args()
    with ExitStack() as stack:
        environment = RemoteGym(given.url) if given.url else stack.enter_context(local_gym())
        bench = Bench(environment, given.edition, given.pid or os.getpid())
        if given.url is None and "start" in given.only.split(","):
            print(_start(), flush=True)
        for number in range(5):
            began = time.perf_counter()
            bench.step(number, bench.fresh(number))
            print(f"first step of task {number + 1}: {time.perf_counter() - began:.2f} s", flush=True)
        for name in given.only.split(","):
            if name == "memory" and given.url and not given.pid:
                continue
            for line in figures(name, bench, given.steps):
                print(line, flush=True)


if __name__ == "__main__":
    main()
