"""Databases that stay open in one worker process, so that whoever needs many of them in turn pays for no process each."""

from __future__ import annotations

from collections import OrderedDict
from itertools import count

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.engines.protocol import Limits
from querywright.engines.session import Host, Session
from querywright.judge import Bench
from querywright.verification.scratch import Scratch

_SCRATCH_BYTES = 256 << 20
_SCRATCH_LIMIT_S = 5.0


class SharedDatabases:
    """Opens databases when they are first asked for and keeps the ``most`` used last; ``limits`` are those of each.

    Once the worker process was killed, `renew` must be called: what had been opened is gone.
    """

    def __init__(self, limits: Limits, most: int = 24) -> None:
        self._limits = limits
        self._most = most
        self._known: dict[str, Database] = {}
        self._numbers = count()
        self._begin()

    def _begin(self) -> None:
        self._host = Host()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._scratches: dict[str, Scratch] = {}

    @property
    def lost(self) -> bool:
        """Whether the worker process is gone."""
        return self._host.lost

    def database(self, label: str) -> Database:
        """The database that ``label`` names, generated if need be; raises what `open_database` raises."""
        if label not in self._known:
            self._known[label] = open_database(label, host=self._host)
        return self._known[label]

    def session(self, label: str) -> Session:
        """An open session on a database."""
        if label not in self._sessions:
            while len(self._sessions) >= self._most:
                _, oldest = self._sessions.popitem(last=False)
                oldest.close()
            self._sessions[label] = Session(self.database(label).location, self._limits, self._host).__enter__()
        self._sessions.move_to_end(label)
        return self._sessions[label]

    def bench(self, label: str) -> Bench:
        """A database with room for an answer of its own."""
        return Bench(self.database(label), self.session(label), table=f"querywright_answer_{next(self._numbers)}")

    def scratch(self, engine: str) -> Scratch:
        """Where witness databases of an engine are loaded."""
        if engine not in self._scratches:
            self._scratches[engine] = Scratch(engine, 1, (self._host,), _SCRATCH_LIMIT_S, _SCRATCH_BYTES)
        return self._scratches[engine]

    def renew(self) -> None:
        """Start over with another worker process."""
        self.close()
        self._begin()

    def close(self) -> None:
        """End the worker process."""
        self._host.close()
        for scratch in self._scratches.values():
            scratch.close()
        for session in self._sessions.values():
            session.close()
