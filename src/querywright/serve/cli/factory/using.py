"""``qw factory stats``, ``augment``, ``export`` and ``check``."""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from querywright.errors import RunError
from querywright.factory.card import write_card
from querywright.factory.checking import Checked
from querywright.factory.checking import check as check_file
from querywright.factory.exporting import export as export_files
from querywright.factory.folder import (
    AUGMENTED,
    all_examples,
    augmented_examples,
    journal_of,
    stored_plans,
    writing_here,
)
from querywright.factory.journal import products
from querywright.factory.metrics import Metrics
from querywright.factory.splits import leaks
from querywright.factory.statistics import Statistics
from querywright.factory.values import Plan
from querywright.factory.variants import Augmented, Wanted
from querywright.factory.variants import augment as augment_folder

_SHOWN_FAULTS = 20


def stats(folder: Path, as_json: bool) -> int:
    """Print the tables and draw the pictures; returns the exit code."""
    plans = stored_plans(folder)
    found = Statistics.of(chain(all_examples(folder), augmented_examples(folder)))
    pictures = folder / "stats"
    try:
        pictures.mkdir(exist_ok=True)
    except OSError as error:
        raise RunError(f"{pictures} cannot be made: {error.strerror}.", "Free space there.") from error
    with writing_here():
        drawn = found.draw(pictures)
    shared = leaks(all_examples(folder))
    if as_json:
        stages = {f"stage{plan.stage}": _figures(folder, plan) for plan in plans}
        print(json.dumps({**found.summary(), "leaks": shared, "runs": stages}, indent=2))
    else:
        print(found.tables())
        print(f"Families that training shares with a held-out split: {len(shared)}")
        print(f"Pictures: {', '.join(str(path) for path in drawn)}")
    return 0


def _figures(folder: Path, plan: Plan) -> dict[str, Any]:
    """The metrics of a stage, from its journal: a run that was killed has written none."""
    metrics = Metrics()
    for product in products(journal_of(folder, plan.stage)):
        metrics.add(product)
    return metrics.summary(metrics.orders // plan.queries)


def augment(folder: Path, wanted: Wanted, given: Collection[str], as_json: bool) -> int:
    """Write the variants; returns the exit code. What was not ``given`` is as those that are there were asked for."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            found = augment_folder(folder, wanted, given, lambda so_far: live.update(_progress(so_far)))
    except KeyboardInterrupt:
        console.print(f"Interrupted. What was completed is in {folder}; the same command goes on with it.", markup=False)
        return 130
    if as_json:
        print(json.dumps({"variants": found.variants, "dropped": found.dropped}, indent=2))
    else:
        print(f"{found.variants:,} variants in {folder / 'combined' / AUGMENTED}")
        for reason, count in found.dropped.items():
            print(f"  left out: {count:,}, {reason}")
    return 0


def _progress(so_far: Augmented) -> str:
    left_out = so_far.dropped.total()
    return f"{so_far.variants:,} variants of {so_far.done:,} of {so_far.examples:,} examples, {left_out:,} left out"


def export(folder: Path, out: Path | None, as_json: bool) -> int:
    """Write the files and the card; returns the exit code."""
    plans = stored_plans(folder)
    target = out or folder / "finetuning"
    exported = export_files(chain(all_examples(folder), augmented_examples(folder)), target, plans[0].seed)
    write_card(target, exported, plans, [_figures(folder, plan) for plan in plans])
    if as_json:
        print(json.dumps({"folder": str(target), "files": exported.files}, indent=2))
    else:
        for name, count in exported.files.items():
            print(f"{target / name}: {count:,}")
    return 0


def check(file: Path, rows: int, seed: int, as_json: bool) -> int:
    """Check a file; returns the exit code."""
    console = Console(stderr=True, highlight=False)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        found = check_file(file, rows, seed, lambda so_far: live.update(f"{so_far.equal:,} of {so_far.lines:,} lines hold"))
    if as_json:
        faults = [{"line": fault.line, "reason": fault.reason, "malformed": fault.malformed} for fault in found.faults]
        print(json.dumps({"lines": found.lines, "equal": found.equal, "empty": found.empty, "faults": faults}, indent=2))
    else:
        _print(found)
    return 2 if any(fault.malformed for fault in found.faults) else 1 if found.faults else 0


def _print(found: Checked) -> None:
    print(f"{found.equal:,} of {found.lines:,} lines hold on fresh databases; {found.empty:,} of them had no rows to compare.")
    for fault in found.faults[:_SHOWN_FAULTS]:
        print(f"  line {fault.line}: {fault.reason}")
    if len(found.faults) > _SHOWN_FAULTS:
        print(f"  and {len(found.faults) - _SHOWN_FAULTS:,} more")
