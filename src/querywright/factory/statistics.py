"""What is in a data set: the tables of the published card, and ours, as text and as pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

from querywright.factory.charts import write_chart
from querywright.factory.features import FEATURES
from querywright.factory.values import CURRICULUM, Example
from querywright.scoring.reward import band, band_names

_REWARD_BINS = 20
_CLAUSES = {"WHERE": TokenType.WHERE, "JOIN": TokenType.JOIN, "GROUP BY": TokenType.GROUP_BY, "DISTINCT": TokenType.DISTINCT}
_BEFORE_ALL = {TokenType.SELECT, TokenType.DISTINCT, TokenType.COMMA, TokenType.DOT}
"""What stands before the ``*`` of ``SELECT *`` and of no other one."""


@dataclass
class Statistics:
    """Counts over examples; ``add`` takes them one at a time."""

    total: int = 0
    variants: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    slow: set[str] = field(default_factory=set)
    fast: set[str] = field(default_factory=set)
    rewards: Counter[int] = field(default_factory=Counter)
    reward_sum: float = 0.0
    readability_gain: float = 0.0

    @classmethod
    def of(cls, examples: Iterable[Example]) -> Statistics:
        """The statistics of all examples."""
        found = cls()
        for example in examples:
            found.add(example)
        return found

    def add(self, example: Example) -> None:
        """Count an example."""
        solution = example.solution
        self.total += 1
        self.variants += bool(example.origin)
        self.slow.add(f"{example.engine}:{example.fingerprint}")
        self.fast.add(f"{example.engine}:{solution.fingerprint}:{';'.join(solution.statements)}")
        self.rewards[min(_REWARD_BINS - 1, int(solution.reward * _REWARD_BINS))] += 1
        self.reward_sum += solution.reward
        self.readability_gain += solution.readability - example.slow_readability
        rows = f"{CURRICULUM[example.tier]:,} rows" if example.tier < len(CURRICULUM) else "own data"
        for name, values in (
            ("stage", [f"{example.stage}, variants" if example.origin else f"{example.stage}"]),
            ("engine", [example.engine]),
            ("schema", [example.schema]),
            ("split", [example.split]),
            ("optimization", [example.pattern]),
            ("transform", solution.transforms),
            ("habit", example.habits),
            ("proposer", [solution.proposer]),
            ("speedup", [band(solution.speedup)]),
            ("feature", example.features),
            ("clause", _clauses(example)),
            ("difficulty", [example.difficulty]),
            ("size", [rows]),
            ("shape", [example.shape]),
        ):
            self.counts.setdefault(name, Counter()).update(values)

    def summary(self) -> dict[str, Any]:
        """Everything as JSON values."""
        count = max(1, self.total)
        return {
            "examples": self.total,
            "variants": self.variants,
            "unique_slow_queries": round(len(self.slow) / count, 4),
            "unique_fast_queries": round(len(self.fast) / count, 4),
            "mean_reward": round(self.reward_sum / count, 4),
            "mean_readability_gain": round(self.readability_gain / count, 4),
            "counts": {title: dict(values) for title, values in self.histograms.items()},
            "by": {name: _sorted(values) for name, values in self.counts.items()},
        }

    @property
    def histograms(self) -> Mapping[str, Mapping[str, int]]:
        """Counts by title, in an order that reads well."""
        speeds, used = self.counts.get("speedup", Counter()), self.counts.get("feature", Counter())
        return {
            "Rewards": {
                f"{low / _REWARD_BINS:.2f} to {(low + 1) / _REWARD_BINS:.2f}": self.rewards[low] for low in range(_REWARD_BINS)
            },
            "Speedups": {name: speeds[name] for name in band_names() if speeds[name]},
            "Optimizations": _sorted(self.counts.get("optimization", Counter())),
            "Transforms": _sorted(self.counts.get("transform", Counter())),
            "Habits": _sorted(self.counts.get("habit", Counter())),
            "SQL features": {name: used[name] for name in FEATURES if used[name]},
            "Schemas": _sorted(self.counts.get("schema", Counter())),
        }

    def tables(self) -> str:
        """All tables as Markdown."""
        mean = self.reward_sum / self.total if self.total else 0.0
        gain = self.readability_gain / self.total if self.total else 0.0
        parts = [
            _table(
                ("what", "value"),
                [
                    ("Examples", f"{self.total:,}"),
                    ("Of these, variants", f"{self.variants:,}"),
                    ("Unique slow queries", f"{len(self.slow):,} ({_share(len(self.slow), self.total)})"),
                    ("Unique fast queries", f"{len(self.fast):,} ({_share(len(self.fast), self.total)})"),
                    ("Mean reward", f"{mean:.3f}"),
                    ("Mean gain of readability", f"{gain:+.3f}"),
                ],
            )
        ]
        for name, counts in self.counts.items():
            ordered = dict(self.histograms["Speedups"]) if name == "speedup" else _sorted(counts)
            rows = [(value, f"{count:,}", _share(count, self.total)) for value, count in ordered.items()]
            parts.append(f"**By {name}**\n\n{_table((name, 'examples', 'share'), rows)}")
        return "\n\n".join(parts) + "\n"

    def draw(self, folder: Path) -> list[Path]:
        """Write a picture of each histogram into a folder that exists."""
        paths = []
        for title, counts in self.histograms.items():
            path = folder / f"{title.lower().replace(' ', '_')}.svg"
            write_chart(path, title, counts)
            paths.append(path)
        return paths


def _clauses(example: Example) -> list[str]:
    """What the slow query is written with; ``CREATE INDEX`` where its solution begins so."""
    kinds = [token.token_type for token in Dialect.get_or_raise(example.engine).tokenize(example.slow)]
    all_columns = any(kind is TokenType.STAR and before in _BEFORE_ALL for before, kind in pairwise(kinds))
    return [
        *(name for name, kind in _CLAUSES.items() if kind in kinds),
        *(["SELECT *"] if all_columns else []),
        *(["CREATE INDEX"] if example.solution.statements else []),
    ]


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _share(count: int, total: int) -> str:
    return f"{count / total:.1%}" if total else "–"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
