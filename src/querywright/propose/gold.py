"""Gold examples: verified rewrites with their measured speedups, shown to a model as worked examples.

``gold.json`` is generated from the figures of ``qw profile`` and from recorded runs by ``benchmarks/gold_examples.py``, never
kept by hand.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from querywright.analyze import Analysis
from querywright.propose.likeness import Texts, features, similarity
from querywright.propose.rewrite_sets import rewrites_between
from querywright.sql.parse import parse_query

PACKAGED = Path(__file__).with_name("gold.json")
SET_SIZE = 3


@dataclass(frozen=True, slots=True)
class GoldExample:
    """A query and its rewrite. ``families`` are those of the twelve names that it is an example of, ``relies_on`` facts of the
    schema that the rewrite needs. ``engine`` also names the dialect; ``speedup`` was measured on ``database`` with this engine
    and version, at least ``low``.
    """

    transform: str
    families: tuple[str, ...]
    title: str
    engine: str
    version: str
    database: str
    query: str
    rewrite: str
    speedup: float
    low: float
    relies_on: tuple[str, ...] = ()

    @property
    def nodes(self) -> dict[str, str]:
        """The rewrite as nodes that replace those of the query."""
        return _nodes(self)


def read_gold(path: Path = PACKAGED) -> tuple[GoldExample, ...]:
    """The gold examples in a file."""
    rows = json.loads(path.read_text(encoding="utf-8"))["examples"]
    return tuple(GoldExample(**{**row, "families": tuple(row["families"]), "relies_on": tuple(row["relies_on"])}) for row in rows)


def write_gold(examples: Sequence[GoldExample], path: Path = PACKAGED) -> None:
    """Write the gold examples, sorted, in one step."""
    ordered = sorted(examples, key=lambda example: (example.engine, example.families, example.transform, example.title))
    temporary = path.with_name(f"{path.name}.part")
    text = json.dumps({"examples": [asdict(example) for example in ordered]}, indent=1, ensure_ascii=False)
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


@cache
def gold_examples() -> tuple[GoldExample, ...]:
    """The gold examples of the package."""
    return read_gold()


def for_families(families: Sequence[str], engine: str, turn: int = 0) -> tuple[GoldExample, ...]:
    """One example of each family, measured on ``engine`` where there is one, the fastest first.

    ``turn`` goes on to the next best ones, so that sets that come round again differ. A family without example is passed over.
    """
    chosen: list[GoldExample] = []
    for family in families:
        known = [example for example in gold_examples() if family in example.families and example not in chosen]
        here = [example for example in known if example.engine == engine] or known
        ordered = sorted(here, key=lambda example: (example.families[0] != family, -example.speedup))
        if ordered:
            chosen.append(ordered[turn % len(ordered)])
    return tuple(chosen)


def nearest(
    analysis: Analysis,
    engine: str,
    count: int = SET_SIZE,
    leave_out: Collection[GoldExample] = (),
    likeness: Sequence[float] | None = None,
) -> tuple[GoldExample, ...]:
    """The examples whose queries are most like the analyzed one in structure and in text, each of another transform.

    ``likeness`` in text, 0 to 1 for each of `gold_examples`, is counted in words where it is not given.
    """
    wanted = features(analysis.tree)
    hinted = {hint.transform for hint in analysis.hints}
    in_text = dict(zip(gold_examples(), likeness or _texts().similarities(analysis.query.sql), strict=True))

    def closeness(example: GoldExample) -> float:
        same_engine, applies = example.engine == engine, example.transform in hinted
        return similarity(wanted, _features_of(example)) + in_text[example] + 0.2 * same_engine + 0.5 * applies

    chosen: dict[str, GoldExample] = {}
    for example in sorted(gold_examples(), key=lambda example: (-closeness(example), example.title)):
        if example not in leave_out:
            chosen.setdefault(example.transform, example)
    return tuple(list(chosen.values())[:count])


@cache
def _texts() -> Texts:
    return Texts([example.query for example in gold_examples()])


@cache
def _nodes(example: GoldExample) -> dict[str, str]:
    before, after = (parse_query(text, example.engine) for text in (example.query, example.rewrite))
    return rewrites_between(before, after, example.engine)


@cache
def _features_of(example: GoldExample) -> Counter[str]:
    return features(parse_query(example.query, example.engine))
