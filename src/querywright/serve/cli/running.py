"""``qw runs``: reads the catalogue of past runs and prints it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from querywright.engines.protocol import ResultSet
from querywright.errors import InputError, RunError
from querywright.runs.catalogue import Catalogue
from querywright.runs.directory import RunDirectory
from querywright.runs.layout import layout
from querywright.serve.wording import milliseconds, table
from querywright.settings import settings

Row = Mapping[str, Any]

_RATIOS = frozenset({"speedup", "low", "high", "best", "geometric_mean"})
_ATTEMPT = ("iteration", "attempt", "transforms", "grade", "phase", "speedup", "low", "failure")


@dataclass(frozen=True)
class Source:
    """Where the runs are (None: the configured folder) and how to print them."""

    folder: Path | None
    as_json: bool

    @property
    def root(self) -> Path:
        """The folder of run directories."""
        return self.folder or settings().runs

    @contextmanager
    def catalogue(self) -> Iterator[Catalogue]:
        """The runs in the folder; raises `RunError` where a folder was named and is none."""
        if self.folder is not None and not self.folder.is_dir():
            raise RunError(f"There is no folder {self.folder}.", "Name the folder of run directories with --runs-dir.")
        with Catalogue.read(self.root) as catalogue:
            yield catalogue


def show_list(source: Source) -> int:
    """Print all runs, the latest first."""
    with source.catalogue() as catalogue:
        rows = _rows(catalogue.runs())
    return _print(source, rows, f"There are no runs in {source.root} yet. Make one with: qw optimize QUERY --db DATABASE")


def show_sql(source: Source, statement: str) -> int:
    """Print the answer to SQL over the catalogue."""
    with source.catalogue() as catalogue:
        return _print(source, _rows(catalogue.sql(statement)), "No rows.")


def show_top(source: Source, count: int) -> int:
    """Print the runs with the highest recommended speedups."""
    with source.catalogue() as catalogue:
        rows = [{"rank": rank, **row} for rank, row in enumerate(_rows(catalogue.top(count)), 1)]
    return _print(source, rows, f"No run in {source.root} recommends a faster query yet.")


def show_transforms(source: Source) -> int:
    """Print how often each transform succeeded."""
    with source.catalogue() as catalogue:
        return _print(source, _rows(catalogue.transforms()), f"No run in {source.root} tried a transform yet.")


def show_comparison(source: Source, first: str, second: str) -> int:
    """Print two runs side by side."""
    with source.catalogue() as catalogue:
        result = catalogue.compare(first, second)
    if source.as_json:
        return _print(source, _rows(result), "")
    headers, rows = result.columns, [(row[0], *(_cell(str(row[0]), value) for value in row[1:])) for row in result.rows]
    print(table(headers, rows))
    return 0


def show_run(source: Source, name: str, chosen: Sequence[str]) -> int:
    """Print one run, or the part of it that ``chosen`` names; raises `InputError` for several parts at once."""
    if len(chosen) > 1:
        raise InputError(f"--{' and --'.join(chosen)} exclude each other.", "Give one of them, or none for the whole run.")
    with source.catalogue() as catalogue:
        run = catalogue.open(name)
        run.outcome()  # a damaged outcome is an error here, where the list only names it
        if chosen == ["prompts"]:
            return _show_prompts(source, run)
        which = cast("Literal['all', 'best', 'valid', 'failed']", chosen[0] if chosen else "all")
        attempts = _with_transforms(catalogue, run.run_id, _rows(catalogue.attempts(run.run_id, which)))
        if chosen == ["best"]:
            return _show_best(source, run, attempts)
        if chosen:
            return _print(source, attempts, f"No attempt of {run.run_id} is among these.", _ATTEMPT)
        [about] = _rows(catalogue.sql("SELECT * FROM runs WHERE run_id = ?", run.run_id))
        iterations = _rows(catalogue.sql("SELECT * FROM iterations WHERE run_id = ? ORDER BY iteration", run.run_id))
    if source.as_json:
        print(_json({"run": about, "configuration": run.configuration, "iterations": iterations, "attempts": attempts}))
        return 0
    _print_summary(about, run)
    print(f"\nBy {layout(run.mode).noun}")
    _print(source, iterations, "None was begun.", ("iteration", "complete", "attempts", "speedup"))
    print("\nAttempts")
    return _print(source, attempts, "Nothing was judged.", _ATTEMPT)


def _print_summary(about: Row, run: RunDirectory) -> None:
    print(f"{run.run_id}: {about['status']}")
    print(f"  query: {about['query']} ({about['dialect']})")
    duration = f", {about['seconds']:.1f} s" if about["seconds"] is not None else ""
    print(f"  mode: {about['mode']}, started {_cell('started', about['started'])}{duration}")
    for key, value in run.configuration.items():
        print(f"  {key}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
    if about["speedup"] is not None:
        times = f"{milliseconds(about['original_ms'])} → {milliseconds(about['optimized_ms'])}"
        print(f"  best: {about['speedup']:.2f}x (at least {about['low']:.2f}x), {times}, {about['grade']}")
        print(f"  transforms: {_cell('transforms', about['transforms'])}")
    if about["status"] == "interrupted":
        print(f"  continue with: qw optimize QUERY --db DATABASE --resume {run.path}")


def _show_best(source: Source, run: RunDirectory, attempts: Sequence[Row]) -> int:
    if source.as_json:
        print(_json(attempts[0] if attempts else None))
    elif not attempts:
        print(f"No attempt of {run.run_id} was verified and timed.")
    else:
        best = attempts[0]
        times = f"{milliseconds(best['original_ms'])} → {milliseconds(best['optimized_ms'])}"
        print(f"-- {best['speedup']:.2f}x (at least {best['low']:.2f}x), {times}, {best['grade']}")
        print(f"-- {_cell('transforms', best['transforms'])}")
        print(best["sql"].rstrip())
    return 0


def _show_prompts(source: Source, run: RunDirectory) -> int:
    prompts = [{"iteration": number, "prompt": prompt} for number, prompt in run.prompts()]
    if source.as_json:
        print(_json(prompts))
    elif not prompts:
        print(f"No model took part in {run.run_id}: its proposals came from rules.")
    for entry in prompts if not source.as_json else ():
        print(f"=== {layout(run.mode).noun} {entry['iteration']}\n{entry['prompt']}\n")
    return 0


def _with_transforms(catalogue: Catalogue, run_id: str, attempts: Sequence[Row]) -> list[Row]:
    steps = catalogue.sql(
        "SELECT iteration, attempt, list(transform ORDER BY step) FROM steps WHERE run_id = ? GROUP BY iteration, attempt", run_id
    )
    stacks = {(iteration, attempt): transforms for iteration, attempt, transforms in steps.rows}
    return [{**row, "transforms": stacks.get((row["iteration"], row["attempt"]), [])} for row in attempts]


def _rows(result: ResultSet) -> list[Row]:
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows]


def _print(source: Source, rows: Sequence[Row], nothing: str, columns: Sequence[str] = ()) -> int:
    if source.as_json:
        print(_json(rows))
    elif not rows:
        print(nothing)
    else:
        shown = list(columns or rows[0])
        print(table(shown, [[_cell(column, row[column]) for column in shown] for row in rows]))
    return 0


def _cell(column: str, value: object) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}{'x' if column in _RATIOS else ''}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, list):
        return " → ".join(map(str, value))
    return " ".join(str(value).split())


def _json(value: object) -> str:
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: object) -> object:
    """``value`` as strict JSON can hold it; infinite numbers become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
