"""Where each search mode keeps its steps inside a run directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from querywright.errors import RunError

Mode = Literal["single", "parallel", "iterative", "swarm"]


@dataclass(frozen=True, slots=True)
class Layout:
    """``folder`` holds one folder per step, named ``prefix`` and the step's number, which counts from 1."""

    folder: str
    prefix: str

    def step(self, run: Path, number: int) -> Path:
        """The folder of one step."""
        return run / self.folder / f"{self.prefix}{number}"

    def steps(self, run: Path) -> Iterator[tuple[int, Path]]:
        """Number and folder of each step that was begun, in order."""
        begun = (run / self.folder).glob(f"{self.prefix}*")
        numbers = [path.name.removeprefix(self.prefix) for path in begun if path.is_dir()]
        for number in sorted(int(number) for number in numbers if number.isdecimal()):
            yield number, self.step(run, number)


LAYOUTS: Mapping[str, Layout] = {
    "single": Layout("iterations", "iteration_"),
    "iterative": Layout("iterations", "iteration_"),
}


def layout(mode: str) -> Layout:
    """The layout of a mode; raises `RunError` where runs of that mode are not kept."""
    if mode not in LAYOUTS:
        raise RunError(f"Runs of mode '{mode}' are not kept.", f"Use one of: --mode {' | '.join(LAYOUTS)}")
    return LAYOUTS[mode]
