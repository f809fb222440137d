"""``qw verify``: parse, call, print."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from querywright.databases.opening import open_database
from querywright.engines.session import engine_of
from querywright.errors import InputError
from querywright.pipeline import verify
from querywright.registry import plugins
from querywright.runs.serialize import to_json
from querywright.serve.cli.console import Progress
from querywright.serve.cli.inputs import read_bindings, read_text
from querywright.serve.wording import evidence
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.values import Verdict

EXIT = {"proved": 0, "bounded": 0, "tested": 0, "refuted": 1, "vacuous": 3, "unknown": 3, "unverifiable": 3}


def run(
    original: str,
    candidate: str,
    db: str | None,
    schema: Path | None,
    dialect: str,
    bind: tuple[str, ...],
    strict: bool,
    counterexample: Path | None,
    timeout: float,
    seed: int,
    as_json: bool,
) -> int:
    """Verify and print; returns the exit code."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    before, after = read_text(original), read_text(candidate)
    database = open_database(db, Progress(console).workload) if db is not None else None
    if database is not None:
        dialect = engine_of(database.location).CAPABILITIES.dialect
    elif dialect not in plugins("querywright.engines"):
        raise InputError(f"--dialect {dialect} is not known.", f"Dialects: {', '.join(plugins('querywright.engines'))}.")
    needed = parameters(parse_query(normalize_parameters(before, dialect), dialect, original))
    verdict = verify(
        before,
        after,
        db=database,
        schema=read_text(str(schema)) if schema is not None else None,
        dialect=dialect,
        bindings=read_bindings(bind, needed),
        strict=strict,
        seed=seed,
        limit_s=timeout,
        sources=(original, candidate),
    )
    if counterexample is not None and verdict.counterexample is not None:
        _write(counterexample, verdict.counterexample.script)
    if as_json:
        print(to_json(verdict))
    else:
        _show(console, verdict, counterexample)
    return EXIT[verdict.grade]


def _write(path: Path, script: str) -> None:
    try:
        path.write_text(script, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", "Choose another file with --counterexample.") from error


def _show(console: Console, verdict: Verdict, saved: Path | None) -> None:
    color = {0: "green", 1: "red"}.get(EXIT[verdict.grade], "yellow")
    console.print(evidence(verdict), style=f"bold {color}", markup=False)
    if verdict.counterexample is not None:
        console.print("\nA database on which they differ:" + (f" (saved to {saved})" if saved else ""))
        console.print(verdict.counterexample.script, markup=False)
