"""The folder of runs: ``stage1/``, ``stage2/``, ``combined/`` and ``finetuning/``, named as the published data set's are.

stage2/plan.json                   what was asked for; a later run in the folder goes on with it
stage2/journal.jsonl               every order that is done; the rest is derived from it
stage2/training_data.json          the examples
stage2/metrics.json                the figures, live
stage2/checkpoint_iter_10.json     the figures after ten iterations, and after every ten more
stage2/pool.json                   the best examples of each pattern, to be shown to a model
combined/training_data.json        the examples of both stages
combined/training_data_augmented.json   and their variants
finetuning/                        what is exported
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from querywright.errors import RunError
from querywright.factory.journal import examples
from querywright.factory.values import Example, Plan, Stage
from querywright.runs.files import read_json, write_json
from querywright.runs.serialize import from_json, to_json

AUGMENTED = "training_data_augmented.json"
_ENDS = ("examples", "iterations", "seconds", "max_cost")
"""What a run that goes on may be asked for anew; everything else must stay as it was."""


def stage_folder(folder: Path, stage: Stage) -> Path:
    """Where a stage keeps its files."""
    return folder / f"stage{stage}"


def journal_of(folder: Path, stage: Stage) -> Path:
    """The journal of a stage."""
    return stage_folder(folder, stage) / "journal.jsonl"


def settle_plan(folder: Path, plan: Plan) -> Plan:
    """The plan of a new run, written down; or that of the run to go on with, which may only be given another end.

    Raises `RunError` where the folder holds a run with another plan.
    """
    path = stage_folder(folder, plan.stage) / "plan.json"
    if path.is_file():
        stored = from_json(Plan, json.dumps(read_json(path)))
        same = replace(stored, **{name: getattr(plan, name) for name in _ENDS})
        if same != plan:
            different = [one.name for one in fields(Plan) if getattr(same, one.name) != getattr(plan, one.name)]
            raise RunError(
                f"{folder} holds a run with other {', '.join(different)}.", "Name another folder with --out, or ask for the same."
            )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path.parent} cannot be made: {error.strerror}.", "Name another folder with --out.") from error
    write_json(path, asdict(plan))
    return plan


def stored_plans(folder: Path) -> list[Plan]:
    """The plans of the stages that were run; raises `RunError` where there is none."""
    stages: tuple[Stage, ...] = (1, 2)
    paths = [stage_folder(folder, stage) / "plan.json" for stage in stages]
    found = [from_json(Plan, json.dumps(read_json(path))) for path in paths if path.is_file()]
    if not found:
        raise RunError(f"{folder} holds no run of the factory.", f"Make one: qw factory run --out {folder}")
    return found


def all_examples(folder: Path) -> Iterator[Example]:
    """The examples of both stages, stage 1 first, without variants."""
    for plan in stored_plans(folder):
        yield from examples(journal_of(folder, plan.stage))


def augmented_examples(folder: Path) -> Iterator[Example]:
    """The variants that ``augment`` made, none where it was not run."""
    path = folder / "combined" / AUGMENTED
    if path.is_file():
        yield from read_array(path)


def write_array(path: Path, items: Iterable[Example]) -> int:
    """Write examples as a JSON array in one step, one a line, without holding them all; return how many there were."""
    temporary = path.with_name(f".{path.name}.tmp")
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as file:
            file.write("[")
            for item in items:
                file.write(",\n" if written else "\n")
                file.write(to_json(item))
                written += 1
            file.write("\n]\n")
        temporary.replace(path)
    except OSError as error:
        if temporary.exists():
            temporary.unlink()
        raise RunError(f"{path} cannot be written: {error.strerror}.", "Free space there, then run the same again.") from error
    return written


def read_array(path: Path) -> Iterator[Example]:
    """The examples that `write_array` wrote, one at a time."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("{"):
                yield from_json(Example, line.rstrip().removesuffix(","))


def write_metrics(folder: Path, summary: dict[str, Any], checkpoint: int | None = None) -> None:
    """Write the live figures, and keep them as a checkpoint where its iteration is given."""
    write_json(folder / "metrics.json", summary)
    if checkpoint is not None:
        write_json(folder / f"checkpoint_iter_{checkpoint}.json", summary)


def checkpoints(folder: Path) -> list[int]:
    """The iterations of the checkpoints in a stage's folder."""
    names = (re.fullmatch(r"checkpoint_iter_(\d+)\.json", path.name) for path in folder.glob("checkpoint_iter_*.json"))
    return sorted(int(found.group(1)) for found in names if found)
