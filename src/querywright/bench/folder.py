"""The folder of a bench: what it was asked, and a file for each completed query, so that a killed bench goes on where it was.

OUT/
├── bench.json         what was asked; another bench does not continue here
├── queries/           NAME.json, a row for each completed query
├── comparison/        NAME.json, ours against theirs, with --compare
├── rewrites/          NAME.sql, what is recommended
├── counterexamples/   NAME.sql, databases on which somebody else's rewrite answers differently
├── runs/              a run directory for each query
├── audit.json         with --audit
├── results.json       all of it, with the summary
└── report.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from querywright.errors import RunError
from querywright.runs.files import read_json, read_text, write_json, write_text
from querywright.runs.serialize import from_json, to_json

FORMAT = "querywright-bench/1"
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Request:
    """What a bench was asked. Times are in seconds, ``memory_bytes`` limits the engine; ``only`` are query names (empty: all)."""

    target: str
    database: str
    only: tuple[str, ...] = ()
    seconds: float = 60.0
    timeout_s: float = 60.0
    seed: int = 0
    threads: int | None = None
    memory_bytes: int | None = None
    compare: str | None = None


@dataclass(frozen=True, slots=True)
class BenchFolder:
    """An opened folder of a bench."""

    path: Path

    @classmethod
    def start(cls, path: Path, request: Request, versions: Mapping[str, str]) -> BenchFolder:
        """Make the folder, or go on in it; raises `RunError` where it holds another bench or something else.

        Which queries are chosen, and with what they are compared, may change from one time to the next.
        """
        folder, asked = cls(path), _asked(request, versions)
        if (path / "bench.json").is_file():
            stored = read_json(path / "bench.json")
            differing = [name for name in asked if name not in ("only", "compare") and stored.get(name) != asked[name]]
            if differing:
                changes = "; ".join(f"{name}: {stored.get(name)} there, {asked[name]} now" for name in differing)
                raise RunError(
                    f"{path} holds another bench ({changes}).", "Choose another folder with --out, or the same settings."
                )
            if asked["only"]:
                # What is chosen now is added to what was chosen before; nothing chosen means all.
                asked["only"] = [*stored["only"], *asked["only"]] if stored.get("only") else []
                asked["only"] = list(dict.fromkeys(asked["only"]))
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path} is there already and holds no bench.", "Choose another folder with --out.")
        try:
            for part in ("queries", "comparison", "rewrites", "counterexamples", "runs"):
                (path / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror}.", "Choose another folder with --out.") from error
        write_json(path / "bench.json", asked)
        return folder

    @classmethod
    def stored_request(cls, path: Path) -> Request:
        """What the bench in the folder was asked; raises `RunError` where there is none."""
        if not (path / "bench.json").is_file():
            raise RunError(f"There is no bench at {path}.", "Name the folder that an earlier qw bench wrote.")
        stored = read_json(path / "bench.json")
        if stored.get("format") != FORMAT:
            raise RunError(f"{path} was written by another version of Querywright.", "Bench again with --out.")
        return from_json(Request, json.dumps({name: stored[name] for name in Request.__slots__ if name in stored}))

    def read(self, part: str, name: str, kind: type[Record]) -> Record | None:
        """The record of a query in ``queries`` or ``comparison``; None where it was not completed."""
        path = self._record(part, name)
        return from_json(kind, read_text(path)) if path.is_file() else None

    def write(self, part: str, name: str, record: object) -> None:
        """Store a completed record: whole, or not at all."""
        write_text(self._record(part, name), to_json(record) + "\n")

    def write_sql(self, part: str, name: str, sql: str | None) -> None:
        """Store a text in ``rewrites`` or ``counterexamples``; None removes an outdated one."""
        path = self.path / part / f"{_file_name(name)}.sql"
        if sql is None:
            path.unlink(missing_ok=True)
        else:
            write_text(path, sql.rstrip() + "\n")

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Store the whole bench."""
        write_json(self.path / "results.json", dict(results))
        audit = results.get("audit")
        if audit is not None:
            write_json(self.path / "audit.json", audit)

    def _record(self, part: str, name: str) -> Path:
        return self.path / part / f"{_file_name(name)}.json"


def _asked(request: Request, versions: Mapping[str, str]) -> dict[str, Any]:
    return {"format": FORMAT, **json.loads(json.dumps(asdict(request))), "versions": dict(versions)}


def _file_name(name: str) -> str:
    return quote(name, safe=" ()+,=@~")
