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
from math import sqrt
from pathlib import Path

from sqlglot import exp

from querywright.analyze import Analysis
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
        before, after = (parse_query(text, self.engine) for text in (self.query, self.rewrite))
        return rewrites_between(before, after, self.engine)


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
    analysis: Analysis, engine: str, count: int = SET_SIZE, leave_out: Collection[GoldExample] = ()
) -> tuple[GoldExample, ...]:
    """The examples whose queries are built most like the analyzed one, each of another transform."""
    wanted = features(analysis.tree)
    hinted = {hint.transform for hint in analysis.hints}

    def closeness(example: GoldExample) -> float:
        same_engine, applies = example.engine == engine, example.transform in hinted
        return similarity(wanted, _features_of(example)) + 0.2 * same_engine + 0.5 * applies

    chosen: dict[str, GoldExample] = {}
    for example in sorted(gold_examples(), key=lambda example: (-closeness(example), example.title)):
        if example not in leave_out:
            chosen.setdefault(example.transform, example)
    return tuple(list(chosen.values())[:count])


_SCALAR_PLACES = (exp.Binary, exp.Select, exp.Alias)

_CONSTRUCTS: tuple[type[exp.Expr], ...] = (
    exp.CTE,
    exp.Exists,
    exp.Subquery,
    exp.In,
    exp.Window,
    exp.Group,
    exp.Distinct,
    exp.Having,
    exp.Order,
    exp.Limit,
    exp.Or,
    exp.Not,
    exp.Case,
    exp.Union,
    exp.Between,
    exp.Like,
    exp.Sum,
    exp.Count,
    exp.Avg,
    exp.Min,
    exp.Max,
)


def features(tree: exp.Expr) -> Counter[str]:
    """How often each construct of SQL occurs, joins by kind; names, types and literals do not count."""
    found = Counter(kind.__name__ for kind in _CONSTRUCTS for _ in tree.find_all(kind))
    found.update(f"{join.side or 'INNER'} JOIN" for join in tree.find_all(exp.Join))
    found.update("SELF JOIN" for select in tree.find_all(exp.Select) if _joins_itself(select))
    found.update("SCALAR" for query in tree.find_all(exp.Subquery) if isinstance(query.parent, _SCALAR_PLACES))
    return found


def similarity(one: Counter[str], other: Counter[str]) -> float:
    """Cosine of two counts, 0 to 1; large counts weigh by their square root."""
    product = sum(sqrt(count * other[name]) for name, count in one.items())
    length = sqrt(sum(one.values()) * sum(other.values()))
    return product / length if length else 0.0


def _joins_itself(select: exp.Select) -> bool:
    tables = [join.this for join in select.args.get("joins") or []]
    source = select.args.get("from_")
    names = [table.name for table in [*([source.this] if source is not None else []), *tables] if isinstance(table, exp.Table)]
    return len(set(names)) < len(names)


@cache
def _features_of(example: GoldExample) -> Counter[str]:
    return features(parse_query(example.query, example.engine))
