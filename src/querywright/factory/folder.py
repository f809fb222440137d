"""The folder of runs: ``stage1/``, ``stage2/``, ``combined/`` and ``finetuning/``, named as the published data set's are.

stage2/plan.json                   what was asked for; a later run in the folder goes on with it
stage2/journal.jsonl               every order that is done; the rest is derived from it
stage2/training_data.json          the examples
stage2/metrics.json                the figures, live
stage2/checkpoint_iter_10.json     the figures after ten iterations, and after every ten more
stage2/pool.json                   the best examples of each pattern, to be shown to a model
stage2/model_sqlite.jsonl          what a model was asked for an engine, and its answers
combined/training_data.json        the examples of both stages
combined/training_data_augmented.json   and their variants
combined/augmentation.jsonl        what each example gave of these, by what augmentation.json asks for
finetuning/                        what is exported
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from querywright.errors import RunError
from querywright.factory.journal import examples, products
from querywright.factory.values import Example, Plan, Stage
from querywright.runs.files import read_json, write_json
from querywright.runs.serialize import from_json, to_json

AUGMENTED = "training_data_augmented.json"
STAGES: tuple[Stage, ...] = (1, 2)
FREE_SPACE = "Free space there, then run the same command to go on."

_ENDS = ("examples", "iterations", "seconds")
_ANEW = (*_ENDS, "provider", "base_url", "max_tokens", "max_cost", "max_calls", "price")
"""What a run that goes on may be asked for anew: another end, and where the model is and what it may cost; everything else must
stay as it was."""


def stage_folder(folder: Path, stage: Stage) -> Path:
    """Where a stage keeps its files."""
    return folder / f"stage{stage}"


def journal_of(folder: Path, stage: Stage) -> Path:
    """The journal of a stage."""
    return stage_folder(folder, stage) / "journal.jsonl"


def resumed(folder: Path, plan: Plan, asked: Collection[str]) -> Plan:
    """What a run in ``folder`` is asked for: of ``plan`` the fields that were ``asked`` for, the rest as the run there has it.

    Another end takes the place of all that would have ended the run. Without a run in the folder it is ``plan`` itself; where
    only one stage was run, and none is asked for, it is that one.
    """
    bound = {stage: stored for stage in STAGES if (stored := _bound(folder, stage)) is not None}
    stage = next(iter(bound)) if len(bound) == 1 and "stage" not in asked else plan.stage
    anew = {*asked, *(_ENDS if set(_ENDS) & set(asked) else ())}
    return replace(bound[stage], **{name: getattr(plan, name) for name in anew}) if stage in bound else plan


def settle_plan(folder: Path, plan: Plan) -> Plan:
    """The plan of a new run, written down; or that of the run to go on with, which may only be given another end.

    Raises `RunError` where the folder holds a run with another plan. A run that never finished an order binds nobody.
    """
    stored = _bound(folder, plan.stage)
    if stored is not None:
        same = replace(stored, **{name: getattr(plan, name) for name in _ANEW})
        if same != plan:
            different = [one.name for one in fields(Plan) if getattr(same, one.name) != getattr(plan, one.name)]
            raise RunError(
                f"{folder} holds a run with other {', '.join(different)}.", "Name another folder with --out, or ask for the same."
            )
    path = _plan_of(folder, plan.stage)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{path.parent} cannot be made: {error.strerror}.", "Name another folder with --out.") from error
    write_object(path, asdict(plan))
    return plan


def _plan_of(folder: Path, stage: Stage) -> Path:
    return stage_folder(folder, stage) / "plan.json"


def _bound(folder: Path, stage: Stage) -> Plan | None:
    """The plan that orders were done for already, if there is one."""
    path = _plan_of(folder, stage)
    if not path.is_file() or next(products(journal_of(folder, stage)), None) is None:
        return None
    return from_json(Plan, json.dumps(read_json(path)))


def stored_plans(folder: Path) -> list[Plan]:
    """The plans of the stages that were run; raises `RunError` where there is none."""
    paths = [_plan_of(folder, stage) for stage in STAGES]
    found = [from_json(Plan, json.dumps(read_json(path))) for path in paths if path.is_file()]
    if not found:
        raise RunError(f"{folder} holds no run of the factory.", f"Make one: qw factory run --out {folder}")
    return found


def all_examples(folder: Path) -> Iterator[Example]:
    """The examples of both stages, stage 1 first, without variants.

    Both may have come upon the same slow query; those of stage 2 that stage 1 has as well are left out.
    """
    earlier = set[str]()
    for plan in stored_plans(folder):
        here = set[str]()
        for example in examples(journal_of(folder, plan.stage)):
            name = f"{example.engine}:{example.fingerprint}"
            if name not in earlier:
                here.add(name)
                yield example
        earlier |= here


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
        raise RunError(f"{path} cannot be written: {error.strerror}.", FREE_SPACE) from error
    finally:
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)
    return written


def write_object(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON object in one step; raises `RunError` where there is no room for it."""
    with writing_here():
        write_json(path, value)


@contextmanager
def writing_here() -> Iterator[None]:
    """Gives errors in writing the remedy that holds in a folder of the factory."""
    try:
        yield
    except RunError as error:
        raise RunError(error.message, FREE_SPACE) from error


def read_array(path: Path) -> Iterator[Example]:
    """The examples that `write_array` wrote, one at a time."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith("{"):
                yield from_json(Example, line.rstrip().removesuffix(","))


def write_metrics(folder: Path, summary: dict[str, Any], checkpoint: int | None = None) -> None:
    """Write the live figures, and keep them as a checkpoint where its iteration is given."""
    write_object(folder / "metrics.json", summary)
    if checkpoint is not None:
        write_object(folder / f"checkpoint_iter_{checkpoint}.json", summary)


def checkpoints(folder: Path) -> list[int]:
    """The iterations of the checkpoints in a stage's folder."""
    names = (re.fullmatch(r"checkpoint_iter_(\d+)\.json", path.name) for path in folder.glob("checkpoint_iter_*.json"))
    return sorted(int(found.group(1)) for found in names if found)
