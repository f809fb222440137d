"""Fresh databases for what was exported: generated anew from their specification, and renamed where the example is.

They live in a folder of their own, so that nothing of the run that made the examples takes part.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import OrderedDict
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import TracebackType

from querywright.databases.database import Database
from querywright.databases.names import listed
from querywright.databases.opening import open_database, silent
from querywright.databases.scratch import SCRATCH
from querywright.databases.specification import workload_instance
from querywright.engines.protocol import Limits, Location
from querywright.engines.session import Host, Session
from querywright.errors import RunError
from querywright.factory.definitions import definition
from querywright.sql.renaming import Renaming, renamed_schema
from querywright.sql.schema import Schema
from querywright.workloads.driver import FILE_SUFFIX, Instance, build

_OPEN = 6
_ROOM_BYTES = 16 << 20
_PROBE_BYTES = 1 << 20


class Replicas:
    """Builds databases when they are first asked for, in a temporary folder; a context manager.

    ``rows`` and ``seed`` replace those of generated databases where they are given; databases of the user's own are read as they
    are. All sessions live in one worker process.
    """

    def __init__(self, rows: int | None = None, seed: int | None = None) -> None:
        self._rows = rows
        self._seed = seed
        self._folder = tempfile.TemporaryDirectory(prefix="querywright-", ignore_cleanup_errors=True)
        self._host = Host()
        self._databases: dict[tuple[str, tuple[tuple[str, str], ...]], Database] = {}
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._numbers = count()

    def __enter__(self) -> Replicas:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._host.close()
        self._folder.cleanup()

    @property
    def host(self) -> Host:
        """The worker process of all sessions."""
        return self._host

    def opened(self, specification: str, names: Renaming) -> tuple[Database, Session]:
        """The database under its new names, and a session on it; raises `DatabaseError` where it cannot be made."""
        if self._host.lost:
            self._host.close()
            self._host = Host()
            self._sessions.clear()
        database = self._database(self._meant(specification), names)
        address = database.location.address
        if address not in self._sessions:
            while len(self._sessions) >= _OPEN:
                _, oldest = self._sessions.popitem(last=False)
                oldest.close()
            self._sessions[address] = Session(database.location, Limits(threads=1), self._host).__enter__()
        self._sessions.move_to_end(address)
        return database, self._sessions[address]

    def check_room(self, specification: str) -> None:
        """Raise `RunError` where there is no room for another such database: what failed then says nothing of a query."""
        path = Path(self.opened(specification, {})[0].location.address)
        size = path.stat().st_size if path.is_file() else 0
        try:
            with tempfile.TemporaryFile(dir=self._folder.name) as file:
                file.write(bytes(_PROBE_BYTES))
            full = shutil.disk_usage(self._folder.name).free < max(_ROOM_BYTES, size)
        except OSError:
            full = True
        if full:
            raise RunError(
                "There is no room for temporary databases.",
                f"Free space in {tempfile.gettempdir()}, then run the same command to go on.",
            )

    def _meant(self, specification: str) -> Instance | str:
        """The generated database in its size here, or the user's own."""
        chosen = workload_instance(specification)
        if chosen is None:
            return specification
        changed = {"rows": self._rows, "seed": self._seed}
        given = {name: str(value) for name, value in changed.items() if value is not None and name in chosen.parameters}
        return replace(chosen, parameters={**chosen.parameters, **given})

    def _database(self, meant: Instance | str, names: Renaming) -> Database:
        key = (meant if isinstance(meant, str) else meant.label, tuple(sorted(names.items())))
        if key not in self._databases:
            self._databases[key] = self._renamed(meant, names) if names else self._original(meant)
        return self._databases[key]

    def _original(self, meant: Instance | str) -> Database:
        if isinstance(meant, str):
            return open_database(meant)
        path = self._new_file(meant.engine)
        build(meant, path, silent)
        return self._described(Location(meant.engine, str(path)), meant.label, Schema(meant.workload.tables(meant.parameters)))

    def _renamed(self, meant: Instance | str, names: Renaming) -> Database:
        source = self._database(meant, {})
        schema = renamed_schema(source.schema, names)
        path = self._new_file(source.location.engine)
        scratch = SCRATCH[source.location.engine](source.location, path, Path(self._folder.name))
        with Session(scratch.location, host=self._host) as session:
            for old, new in zip(source.schema.tables, schema.tables, strict=True):
                # Rows arrive table by table: references are declared, not enforced.
                session.execute(definition(new, references=False))
                columns, values = (listed(column.name for column in table.columns) for table in (new, old))
                session.execute(f'INSERT INTO "{new.name}" ({columns}) SELECT {values} FROM {scratch.source(old.name)}')
            for statement in scratch.finish(session) if source.location.engine == "duckdb" else ():
                session.execute(statement)
        return self._described(Location(source.location.engine, str(path)), f"{source.name}, renamed", schema)

    def _new_file(self, engine: str) -> Path:
        return Path(self._folder.name) / f"{next(self._numbers)}{FILE_SUFFIX[engine]}"

    def _described(self, location: Location, name: str, declared: Schema) -> Database:
        with Session(location, host=self._host) as session:
            schema = session.schema().with_keys(declared.tables)
        return Database(name, location, "full", schema)
