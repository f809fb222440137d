"""Where each search mode keeps its steps inside a run directory, and what people call a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from querywright.errors import RunError

Mode = Literal["single", "parallel", "iterative", "swarm"]


@dataclass(frozen=True, slots=True)
class Layout:
    """``folder`` holds one folder per step, named ``prefix`` and the step's number, which counts from 1 and has at least
    ``digits`` digits. ``noun`` is what a step is called."""

    folder: str
    prefix: str
    noun: str
    digits: int = 1

    def step(self, run: Path, number: int) -> Path:
        """The folder of one step."""
        return run / self.folder / f"{self.prefix}{number:0{self.digits}}"

    def steps(self, run: Path) -> Iterator[tuple[int, Path]]:
        """Number and folder of each step that was begun, in order."""
        begun = (run / self.folder).glob(f"{self.prefix}*")
        numbers = [path.name.removeprefix(self.prefix) for path in begun if path.is_dir()]
        for number in sorted(int(number) for number in numbers if number.isdecimal()):
            yield number, self.step(run, number)


LAYOUTS: Mapping[str, Layout] = {
    "single": Layout("iterations", "iteration_", "try"),
    "parallel": Layout("workers", "worker_", "worker"),
    "iterative": Layout("iterations", "iteration_", "iteration"),
    "swarm": Layout("", "gen_", "generation", digits=2),
}


def layout(mode: str) -> Layout:
    """The layout of a mode; raises `RunError` where runs of that mode are not kept."""
    if mode not in LAYOUTS:
        raise RunError(f"Runs of mode '{mode}' are not kept.", f"Use one of: --mode {' | '.join(LAYOUTS)}")
    return LAYOUTS[mode]
