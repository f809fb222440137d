"""What all requests share: the gym, the threads that examine, and which episode a client without a cookie means."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from querywright.errors import ExaminationFailed, GymError, GymUnprepared, MissingExtraError
from querywright.gym.episodes import Gym
from querywright.gym.examiner import Examiner
from querywright.gym.fair_pool import FairPool
from querywright.gym.leaderboard import Leaderboard, Standing
from querywright.gym.meter import Meter
from querywright.settings import settings

Result = TypeVar("Result")

_LOG = logging.getLogger("querywright.gym")

RECORDED = "verified"
"""The profile of rewards whose answers enter the leaderboard."""

_MOST_CLIENTS = 10_000

_FOR_OPERATORS = (MissingExtraError,)
"""Errors that last until whoever runs the server has followed their remedy, and that name neither hidden databases nor files."""


def open_service(profile: str = RECORDED, leaderboard: Path | None = None, threads: int = 4) -> Service:
    """A service with an examiner of its own, metered. ``leaderboard`` is a file; default: that of the settings.

    Raises `GymError` for a profile that does not exist, and `DatabaseError` for a file that cannot be used.
    """
    board = Leaderboard(leaderboard or settings().leaderboard)
    with ExitStack() as resources:
        examiner = resources.enter_context(Examiner())
        gym = Gym(examiner, profile, board if profile == RECORDED else None, Meter())
        return Service(gym, board, threads, resources.pop_all())


class Service:
    """A gym for many clients at once; a context manager.

    ``board`` is the leaderboard that is shown. ``resources`` are closed with the service.
    """

    def __init__(self, gym: Gym, board: Leaderboard, threads: int = 4, resources: ExitStack | None = None) -> None:
        self.gym = gym
        self._board = board
        self._resources = resources or ExitStack()
        self._pool = FairPool(threads)
        self._latest: OrderedDict[str, str] = OrderedDict()
        """Of each client, the episode it started last."""
        self._turn = threading.Lock()

    def __enter__(self) -> Service:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs and end all worker processes."""
        self._pool.close()
        self._board.close()
        self._resources.close()

    def submit(self, client: str, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """``function(*arguments)`` on a thread, when it is the client's turn.

        A future cancelled before its turn never runs. What fails for another reason than a `GymError` is logged. Of that the
        client is told what whoever runs the server can mend, as `GymUnprepared`, and no more than `ExaminationFailed` otherwise.
        """
        return self._pool.submit(client, _told, function, *arguments)

    async def run(self, client: str, function: Callable[..., Result], *arguments: object) -> Result:
        """`submit`, awaited."""
        return await asyncio.wrap_future(self.submit(client, function, *arguments))

    async def aside(self, function: Callable[..., Result], *arguments: object) -> Result:
        """``function(*arguments)`` at once, beside those who wait for examinations: for what is quick but for its first time."""
        return await asyncio.to_thread(_told, function, *arguments)

    def standings(self) -> tuple[Standing, ...]:
        """The leaderboard."""
        return self._board.standings()

    def remember(self, client: str, episode_id: str) -> None:
        """The client means this episode when it names none."""
        with self._turn:
            self._latest[client] = episode_id
            self._latest.move_to_end(client)
            if len(self._latest) > _MOST_CLIENTS:
                self._latest.popitem(last=False)

    def latest(self, client: str) -> str | None:
        """The episode that the client started last."""
        with self._turn:
            return self._latest.get(client)


def _told(function: Callable[..., Result], *arguments: object) -> Result:
    """The result, or an error that a client may see."""
    try:
        return function(*arguments)
    except GymError:
        raise
    except _FOR_OPERATORS as error:
        _LOG.exception("A request failed until this is mended.")
        raise GymUnprepared(error.message, f"Whoever runs the server can mend that. {error.remedy}".rstrip()) from error
    except Exception as error:
        _LOG.exception("A request failed.")
        raise ExaminationFailed("The query could not be examined.", "Try again.") from error
