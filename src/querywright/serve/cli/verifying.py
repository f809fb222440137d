"""``qw verify``: parse, call, print."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console

from querywright.bench.pairs import read_pairs, verify_pairs
from querywright.databases.opening import open_database
from querywright.errors import InputError
from querywright.pipeline import engine_for, verify
from querywright.runs.serialize import to_json
from querywright.serve.cli.console import Progress
from querywright.serve.cli.inputs import check_writable, read_bindings, read_text
from querywright.serve.wording import evidence
from querywright.sql.dialects import check_dialect, parameters_of
from querywright.values import Grade, Verdict

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
    check_dialect(dialect)
    engine = database.location.engine if database is not None else engine_for(dialect)
    needed = parameters_of(before, dialect, engine, original)
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


def run_pairs(path: Path, dialect: str, out: Path | None, timeout: float, seed: int, as_json: bool) -> int:
    """Verify the pairs of a file and print a line for each; returns the exit code of the worst."""
    check_dialect(dialect)
    check_writable(out, "--out")
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    counts: Counter[Grade] = Counter()
    for verdict in verify_pairs(read_pairs(path), dialect, seed=seed, limit_s=timeout, out=out):
        counts[verdict.grade] += 1
        if as_json:
            print(to_json(verdict), flush=True)
        else:
            read = f", read as {verdict.dialect}" if verdict.dialect else ""
            line = f"{verdict.id}: {verdict.grade} ({verdict.seconds:.1f} s{read})"
            console.print(f"{line} {verdict.reason}".rstrip(), style=_color(verdict.grade), markup=False)
    total = ", ".join(f"{count} {grade}" for grade, count in counts.most_common())
    console.print(f"{counts.total()} pairs: {total or 'none'}", markup=False)
    return max((EXIT[grade] for grade in counts), key=(0, 3, 1).index, default=0)


def _write(path: Path, script: str) -> None:
    try:
        path.write_text(script, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", "Choose another file with --counterexample.") from error


def _color(grade: Grade) -> str:
    return {0: "green", 1: "red"}.get(EXIT[grade], "yellow")


def _show(console: Console, verdict: Verdict, saved: Path | None) -> None:
    console.print(evidence(verdict), style=f"bold {_color(verdict.grade)}", markup=False)
    if verdict.executed:
        console.print(f"\nRead as {verdict.dialect} and run as:", markup=False)
        for text in verdict.executed:
            console.print(f"  {text}", markup=False)
    if verdict.counterexample is not None:
        console.print("\nA database on which they differ:" + (f" (saved to {saved})" if saved else ""))
        console.print(verdict.counterexample.script, markup=False)
