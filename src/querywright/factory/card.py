"""The data set's card: what it holds, how it was made and checked, and how to load it."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from querywright.factory.exporting import FILES, Exported
from querywright.factory.folder import writing_here
from querywright.factory.values import Plan
from querywright.runs.files import write_text
from querywright.scoring.readability import WEIGHTS
from querywright.scoring.reward import CAP, SPEED_WEIGHT, THRESHOLD

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def write_card(out: Path, exported: Exported, plans: Sequence[Plan], metrics: Sequence[Mapping[str, Any]]) -> None:
    """Write ``README.md`` and its pictures beside the exported files."""
    with writing_here():
        pictures = exported.statistics.draw(out)
        write_text(out / "README.md", card(exported, plans, metrics, [path.name for path in pictures]))


def card(exported: Exported, plans: Sequence[Plan], metrics: Sequence[Mapping[str, Any]], pictures: Sequence[str]) -> str:
    """The card as Markdown with the header that dataset hubs read."""
    total = exported.statistics.total
    size = next((name for limit, name in _SIZES if total < limit), "n>1M")
    made = [name for split, name in FILES.items() if exported.files.get(f"{name}.jsonl")]
    seconds = sum(float(one.get("seconds", 0)) for one in metrics)
    cost = sum(float(one.get("cost_usd", 0)) for one in metrics)
    calls = sum(int(one.get("model_calls", 0)) for one in metrics)
    made_from = sum(int(one.get("slow_queries_tried", 0)) for one in metrics)
    kept = sum(int(one.get("fates", {}).get("kept", 0)) for one in metrics)
    originals = max(1, total - exported.statistics.variants)
    engines = ", ".join(dict.fromkeys(engine for plan in plans for engine in plan.engines))
    files = "\n".join(f"| {name} | {count:,} |" for name, count in exported.files.items())
    shown = "\n".join(f"![{name.removesuffix('.svg').replace('_', ' ')}]({name})" for name in pictures)
    return f"""---
license: apache-2.0
language: [en]
task_categories: [text-generation]
tags: [sql, query-optimization, text-to-sql]
size_categories: ["{size}"]
configs:
- config_name: default
  data_files:
{_data_files(made)}
---

# Slow SQL queries with verified faster ones

{total:,} pairs of a slow query and a faster one that returns the same rows, on {engines}, with the question that both answer.
Made by Querywright {version("querywright")} on {date.today().isoformat()}.

## How it was made

A typed generator draws questions over a schema, each with the query an expert would write. Habits of people in a hurry are put
into the query, which keeps its answer. Solutions are proposed by rules, indexes and, where one was asked, a model; the expert's
own query is one of them. Each is run on generated adversarial databases and on the data, and compared with the slow query there,
before its time counts. Times are interleaved runs in one process, of one thread.

The reward is {SPEED_WEIGHT:g} times the speedup on a logarithmic scale, capped at {CAP:g} times, and {1 - SPEED_WEIGHT:.2g} times
how well the query reads: {", ".join(f"{part} {weight:g}" for part, weight in WEIGHTS.items())}. Pairs below
{plans[0].threshold if plans else THRESHOLD:g} were left out. Quotas for patterns, speedups and schemas held while it was made.
Variants that differ from their original in names alone have its times and its reward; those with other constants, or in another
dialect, were timed anew.

| hardware | |
| --- | --- |
| System | {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()} |
| Time | {seconds / 60:,.1f} minutes |
| Slow queries tried | {made_from:,}, of which {kept / max(1, made_from):.1%} became examples |
| Model calls | {calls:,} for ${cost:.2f}, ${cost / originals:.5f} an example before variants |

## Files

| file | lines |
| --- | --- |
{files}

Validation and test hold schemas and families of queries that training has none of; variants stay in the split of their original.

```python
from datasets import load_dataset

dataset = load_dataset("json", data_files={{"train": "training_data.jsonl", "test": "test.jsonl"}})
```

Every line can be checked again: `qw factory check training_data.jsonl` generates the databases anew and runs both queries.

## Statistics

{exported.statistics.tables()}
{shown}

## Citation

```bibtex
@misc{{querywright,
  title = {{Slow SQL queries with verified faster ones}},
  year = {{{date.today().year}}},
  note = {{{total:,} pairs, made by Querywright {version("querywright")}}}
}}
```
"""


def _data_files(made: Sequence[str]) -> str:
    splits = {name: split for split, name in FILES.items()}
    return "\n".join(f"  - split: {splits[name]}\n    path: {name}.jsonl" for name in made) or "  []"
