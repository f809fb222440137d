"""Verifies pairs of queries by the hundred: one JSON object a line in, one verdict a line out.

A line holds ``id``, ``a``, ``b`` and ``schema``: the path of a DDL file beside the file of the pairs, or in its folder
``schemas``, or the DDL itself. A line that cannot be used gets a verdict that says so, and the others go on.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from querywright.errors import InputError, QuerywrightError, RunError, WorkerLost
from querywright.pipeline import engine_for, verify
from querywright.runs.files import append_line, read_lines
from querywright.runs.serialize import from_json, to_json
from querywright.sql.files import query_text
from querywright.values import Grade, Premise
from querywright.verification.scratch import Scratch
from querywright.workers import fan_out


@dataclass(frozen=True, slots=True)
class Pair:
    """Two queries over a schema (DDL); ``problem`` says why a line of the file is no such thing."""

    id: str
    a: str = ""
    b: str = ""
    schema: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """What is known of a pair; ``counterexample`` is a script, ``seconds`` are of wall time.

    ``executed`` are both queries as they were run, where they were translated from another ``dialect``.
    """

    id: str
    grade: Grade
    reason: str
    premises: tuple[Premise, ...] = ()
    seconds: float = 0.0
    counterexample: str | None = None
    dialect: str = ""
    executed: tuple[str, ...] = ()


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file, in order; raises `InputError` where the file cannot be read or holds none."""
    pairs: dict[str, Pair] = {}
    for number, line in enumerate(query_text(path).splitlines(), 1):
        if line.strip():
            pair = _pair(line, number, path.parent)
            if pair.id in pairs:
                pair = Pair(f"{pair.id} on line {number}", problem=f"Line {number} repeats the id {pair.id}.")
            pairs[pair.id] = pair
    if all(pair.problem for pair in pairs.values()):
        problem = next((pair.problem for pair in pairs.values()), "It is empty.")
        raise InputError(
            f"{path} holds no pair that can be used. {problem}", "Write JSON with id, a, b and schema, a pair a line."
        )
    return list(pairs.values())


def judged(path: Path | None) -> dict[str, PairVerdict]:
    """The verdicts that a file of an earlier batch holds, by the id of their pair; raises `InputError` where it is none."""
    if path is None:
        return {}
    try:
        verdicts = [from_json(PairVerdict, line) for line in read_lines(path)]
    except (RunError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} is not a file of verdicts.", "Name a new file with --out.") from error
    return {verdict.id: verdict for verdict in verdicts}


def verify_pairs(
    pairs: Collection[Pair], dialect: str, *, seed: int = 0, limit_s: float = 60.0, out: Path | None = None
) -> Iterator[PairVerdict]:
    """The verdict on each pair, in order, computed on all cores.

    Verdicts go to ``out`` as they come; pairs whose verdicts it holds already are not verified again.
    """
    known = judged(out)
    waiting = [pair for pair in pairs if pair.id not in known]
    processes = min(len(waiting), os.cpu_count() or 1) or 1
    fresh = fan_out(partial(_verified, dialect, seed, limit_s), waiting, processes, lost=_lost)
    for pair in pairs:
        if pair.id in known:
            yield known[pair.id]
            continue
        verdict = next(fresh)
        if out is not None:
            append_line(out, to_json(verdict))
        yield verdict


def _pair(line: str, number: int, folder: Path) -> Pair:
    try:
        given: Any = json.loads(line)
    except json.JSONDecodeError as error:
        return Pair(f"line {number}", problem=f"Line {number} is not JSON: {error.msg}.")
    if not isinstance(given, Mapping):
        return Pair(f"line {number}", problem=f"Line {number} is not a JSON object.")
    name = str(given.get("id", f"line {number}"))
    missing = [key for key in ("a", "b", "schema") if not isinstance(given.get(key), str)]
    if missing:
        return Pair(name, problem=f"Line {number} lacks {', '.join(missing)}.")
    try:
        return Pair(name, given["a"], given["b"], _ddl(given["schema"], folder))
    except QuerywrightError as error:
        return Pair(name, problem=str(error))


@cache
def _ddl(schema: str, folder: Path) -> str:
    if "(" in schema or not schema.strip():
        return schema
    beside, within = folder / schema, folder / "schemas" / schema
    return query_text(beside if beside.exists() or not within.exists() else within)


def _verified(dialect: str, seed: int, limit_s: float, pair: Pair) -> PairVerdict:
    if pair.problem:
        return PairVerdict(pair.id, "unverifiable", pair.problem)
    began = time.monotonic()
    try:
        verdict = verify(
            *(pair.a, pair.b),
            schema=pair.schema,
            dialect=dialect,
            seed=seed,
            limit_s=limit_s,
            sources=("a", "b"),
            scratch=_scratch(engine_for(dialect)),
        )
    except QuerywrightError as error:
        return PairVerdict(pair.id, "unverifiable", str(error), seconds=round(time.monotonic() - began, 3))
    except Exception as error:  # noqa: BLE001 - a defect that one pair brings to light must not end the batch; it is reported
        defect = f"Querywright failed on this pair: {type(error).__name__}: {error}"
        return PairVerdict(pair.id, "unverifiable", defect, seconds=round(time.monotonic() - began, 3))
    return PairVerdict(
        pair.id,
        verdict.grade,
        verdict.reason,
        verdict.premises,
        round(time.monotonic() - began, 3),
        verdict.counterexample.script if verdict.counterexample is not None else None,
        verdict.dialect,
        verdict.executed,
    )


def _lost(pair: Pair, error: WorkerLost) -> PairVerdict:
    return PairVerdict(pair.id, "unverifiable", error.message)


@cache
def _scratch(engine: str) -> tuple[Scratch, Scratch]:
    """The scratch sessions of this process: starting them takes longer than most pairs. Others use the other cores."""
    return Scratch(engine, lanes=1), Scratch(engine, lanes=1)
