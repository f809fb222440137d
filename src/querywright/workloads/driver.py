"""Finds workloads, reads their parameters, and builds each database once into the cache."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from querywright.errors import DatabaseError
from querywright.registry import plugins
from querywright.settings import settings
from querywright.workloads.protocol import Parameters, Progress, Workload

FILE_SUFFIX = {"duckdb": ".duckdb", "sqlite": ".sqlite"}


@dataclass(frozen=True)
class Instance:
    """A workload with an engine and a value for each of its parameters."""

    name: str
    engine: str
    parameters: Parameters

    @property
    def workload(self) -> Workload:
        """The plug-in."""
        return workloads()[self.name]

    @property
    def label(self) -> str:
        """The shortest specification that opens this database, such as ``tpch:sf=0.1,engine=sqlite``."""
        given = [f"{name}={value}" for name, value in self.parameters.items() if name == "sf"]
        given += [
            f"{name}={value}"
            for name, value in self.parameters.items()
            if name != "sf" and value != self.workload.PARAMETERS[name].default
        ]
        given += [f"engine={self.engine}"] if self.engine != self.workload.ENGINES[0] else []
        return f"{self.name}:{','.join(given)}" if given else self.name

    @property
    def path(self) -> Path:
        """The cached database file, whether or not it is there yet."""
        known = self.workload.PARAMETERS
        values = "".join(f"-{name}{known[name].identity(value)}" for name, value in sorted(self.parameters.items()))
        file_name = f"{self.name}{values}-g{self.workload.GENERATOR}{FILE_SUFFIX[self.engine]}"
        return cache_folder() / file_name


def cache_folder() -> Path:
    """The folder of generated workloads."""
    return settings().cache / "workloads"


def workloads() -> Mapping[str, Workload]:
    """Workload plug-ins by name."""
    return cast(Mapping[str, Workload], plugins("querywright.workloads"))


def sized(name: str) -> bool:
    """Whether a workload comes at any number of rows."""
    return name in workloads() and "rows" in workloads()[name].PARAMETERS


def domains() -> tuple[str, ...]:
    """The workloads that come at any number of rows and need not be told anything else."""
    return tuple(name for name, one in workloads().items() if sized(name) and all(p.default for p in one.PARAMETERS.values()))


def instance(name: str, given: Mapping[str, str]) -> Instance:
    """A workload with the given parameters (``engine`` among them) and the defaults of the others.

    Raises `DatabaseError` for an unknown workload, parameter or value.
    """
    workload = workloads().get(name)
    if workload is None:
        raise DatabaseError(f"There is no workload {name}.", f"Workloads: {', '.join(workloads())}.")
    engine = given.get("engine", workload.ENGINES[0])
    if engine not in workload.ENGINES:
        raise DatabaseError(
            f"The workload {name} is not available for the engine {engine}.",
            f"Write engine={' or engine='.join(workload.ENGINES)}.",
        )
    accepted = {
        key: parameter for key, parameter in workload.PARAMETERS.items() if not parameter.engines or engine in parameter.engines
    }
    for key in given:
        if key != "engine" and key not in accepted:
            raise DatabaseError(
                f"The workload {name} has no parameter {key} on {engine}.",
                f"Parameters: {', '.join([*accepted, 'engine'])}.",
            )
    values = {key: parameter.canonical(key, given.get(key, parameter.default)) for key, parameter in accepted.items()}
    return Instance(name, engine, values)


def build_once(wanted: Instance, progress: Progress) -> Path:
    """The database file of a workload, generated now if the cache does not hold it."""

    return file_once(wanted.path, lambda path: build(wanted, path, progress))


def build(wanted: Instance, path: Path, progress: Progress) -> None:
    """Generate a workload into a file that is not there; raises `DatabaseError` where there is no room for it."""
    import duckdb

    try:
        wanted.workload.build(path, wanted.engine, wanted.parameters, progress)
    except (OSError, duckdb.OperationalError, duckdb.FatalException, sqlite3.OperationalError) as error:
        raise DatabaseError(
            f"{wanted.label} cannot be generated: {str(error).partition(chr(10))[0]}",
            f"Free space in {path.parent}, then run the same command to go on.",
        ) from error


def file_once(path: Path, write: Callable[[Path], None]) -> Path:
    """``path``, made by ``write`` if it is not there.

    The file appears under its name only when complete; processes that want the same file wait for the first.
    """
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(
            f"The cache folder {path.parent} cannot be made: {error.strerror}.",
            "Set QUERYWRIGHT_CACHE to a folder that can be written.",
        ) from error
    with _lock(path.with_name(f"{path.name}.lock")):
        if not path.exists():
            partial = path.with_name(f"{path.name}.partial")
            # A process killed while building leaves its partial file; the lock says that no one writes it now.
            for leftover in path.parent.glob(f"{partial.name}*"):
                leftover.unlink()
            write(partial)
            partial.replace(path)
    return path


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    # flock is released by the system when its holder dies, so a killed process never blocks the next one.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
