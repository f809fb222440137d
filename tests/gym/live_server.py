"""A server on a free port of this machine, as long as a ``with`` block lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from querywright.gym.episodes import Gym
from querywright.gym.leaderboard import Leaderboard
from querywright.gym.meter import Meter
from querywright.gym.server.application import create_application
from querywright.gym.server.listening import addresses, open_ports, server
from querywright.gym.server.service import Service
from querywright.gym.values import Examination, Task


@contextmanager
def serving(service: Service) -> Iterator[str]:
    """The address of a server over ``service``; both are closed in the end."""
    sockets = open_ports("127.0.0.1", [0])
    [address] = addresses(sockets)
    running = server(create_application(service))
    thread = threading.Thread(target=running.run, kwargs={"sockets": list(sockets)})
    thread.start()
    try:
        yield address
    finally:
        running.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@dataclass
class Desk:
    """Examines without an engine, for what only concerns the server: "equal" is equal, "wait" waits, "break" breaks."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    leave: threading.Event = field(default_factory=threading.Event)

    def examine(self, task: Task, sql: str, work: bool = False) -> Examination:
        self.asked.append((task.id, sql))
        if "wait" in sql:
            self.entered.release()
            assert self.leave.wait(60)
        if "break" in sql:
            raise RuntimeError("no such file: /home/somebody/secret")
        return Examination(task.id, sql, match="equal" in sql, speedup=1.5 if "equal" in sql else 0.0)

    def explain(self, task: Task, sql: str) -> str:
        return "a plan"

    def milliseconds(self, task: Task, sql: str) -> float:
        return 12.5

    def expect(self, task: Task) -> None:
        pass


def desk_service(desk: Desk, folder: Path, threads: int = 4, burst: int = 1000) -> Service:
    """A service whose examinations ``desk`` makes."""
    board = Leaderboard(folder / "leaderboard.sqlite")
    return Service(Gym(desk, leaderboard=board, meter=Meter(burst)), board, threads)
