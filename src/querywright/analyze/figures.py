"""What each transform gained when it was measured: figures by engine and version, and what they promise.

The figures that come with the package were measured by ``qw profile``; the user's own (`Settings.figures`) replace them for
every engine, version and transform that they cover.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from math import exp, log
from pathlib import Path

from querywright.engines.protocol import Engine, Location
from querywright.engines.session import engine_of
from querywright.errors import DatabaseError, InputError
from querywright.settings import settings

PACKAGED = Path(__file__).with_name("figures.json")

HARMFUL = 0.9
"""A transform none of whose measured ratios can be this high is proposed last."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One slow query with and without the transform: ``ratio`` of the original's time to the rewrite's, with its bounds."""

    engine: str
    version: str
    transform: str
    query: str
    database: str
    original_ms: float
    ratio: float
    low: float
    high: float
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the figures of a transform say together: the geometric mean of the ratios, measured on ``version``."""

    gain: float
    version: str
    figures: tuple[Figure, ...]

    @property
    def harmful(self) -> bool:
        """Whether every figure is clearly below `HARMFUL`."""
        return all(figure.high < HARMFUL for figure in self.figures)


def read_figures(path: Path) -> tuple[Figure, ...]:
    """The figures in a file; () where there is no file. Raises `InputError` where it holds something else."""
    if not path.exists():
        return ()
    try:
        return tuple(Figure(**row) for row in json.loads(path.read_text(encoding="utf-8"))["figures"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        remedy = f"Remove it, or write it anew: qw profile --out {path}"
        raise InputError(f"{path} does not hold the figures of qw profile.", remedy) from error


def write_figures(path: Path, figures: Sequence[Figure]) -> None:
    """Write ``figures`` into a file, in place of those it holds for the same engine, version and transform."""
    merged = sorted(merge(read_figures(path), figures), key=lambda f: (f.engine, version_key(f.version), f.transform, f.query))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join("    " + json.dumps(asdict(figure)) for figure in merged)
    temporary = path.with_name(f"{path.name}.part")
    temporary.write_text(f'{{\n  "figures": [\n{lines}\n  ]\n}}\n', encoding="utf-8")
    temporary.replace(path)


def merge(older: Sequence[Figure], newer: Sequence[Figure]) -> tuple[Figure, ...]:
    """Both, the older ones only for an engine, version and transform that the newer ones leave out."""
    covered = {(figure.engine, figure.version, figure.transform) for figure in newer}
    return (*(f for f in older if (f.engine, f.version, f.transform) not in covered), *newer)


@cache
def known_figures() -> tuple[Figure, ...]:
    """The figures of the package with those of the user."""
    return merge(read_figures(PACKAGED), read_figures(settings().figures))


def promise(transform: str, engine: str, version: str | None) -> Promise | None:
    """What a transform promises on an engine, by the nearest version it was measured on; None where it was not measured."""
    figures = [figure for figure in known_figures() if figure.engine == engine and figure.transform == transform]
    if not figures or version is None:
        return None
    nearest = _nearest({figure.version for figure in figures}, version)
    chosen = tuple(figure for figure in figures if figure.version == nearest)
    return Promise(exp(sum(log(figure.ratio) for figure in chosen) / len(chosen)), nearest, chosen)


@cache
def engine_version(engine: str) -> str | None:
    """The version of an engine that is at hand, None for an engine that is not."""
    try:
        module: Engine = engine_of(Location(engine))
    except DatabaseError:
        return None
    return module.CAPABILITIES.version


def version_key(version: str) -> tuple[int, ...]:
    """The numbers of a version, for sorting.

    >>> version_key("1.5.5") < version_key("1.10.0")
    True
    """
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _nearest(measured: Collection[str], wanted: str) -> str:
    """The newest version that is not newer than the wanted one; the oldest where all are newer."""
    earlier = [version for version in measured if version_key(version) <= version_key(wanted)]
    return max(earlier, key=version_key) if earlier else min(measured, key=version_key)
