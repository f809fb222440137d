"""Writes examples as training data: conversations, preference pairs, prompts for reinforcement learning, Parquet, and a card.

    training_data.jsonl  validation.jsonl  test.jsonl    a conversation a line, with all that is needed to check it again
    quill_training_data.jsonl                            the training conversations alone, as the published data set has them
    preferences.jsonl                                    prompt, chosen and rejected answers; of the training split only
    prompts.jsonl                                        prompts with the ids of the environment's tasks
    training_data.parquet …                              the conversations' files as tables
    README.md, *.svg                                     the data set's card

All columns but the messages are plain numbers and texts, so that every loader infers the same types from any part of a file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from querywright.errors import RunError
from querywright.factory.conversations import SYSTEM, engine_name, question
from querywright.factory.replicas import Replicas
from querywright.factory.statistics import Statistics
from querywright.factory.values import Example, Solution
from querywright.generation.identity import task_id
from querywright.sql.schema import Schema

FILES = {"train": "training_data", "validation": "validation", "test": "test"}
"""Files of conversations by split."""

CONVERSATIONS = "quill_training_data"
"""Fine-tuning services refuse lines with more than the messages."""

Message = dict[str, str]
"""With the keys ``role`` and ``content``."""


@dataclass(frozen=True)
class Exported:
    """What was written: files with their numbers of lines, and the statistics of all examples."""

    files: dict[str, int]
    statistics: Statistics


def prompt(example: Example, schema: Schema) -> list[Message]:
    """The system's and the user's message."""
    return [
        {"role": "system", "content": SYSTEM.format(engine=engine_name(example.engine))},
        {"role": "user", "content": question(schema, example.slow, example.engine, example.question, example.slow)},
    ]


def answer(solution: Solution) -> Message:
    """The assistant's message."""
    return {"role": "assistant", "content": f"{solution.text};"}


def row(example: Example, schema: Schema) -> dict[str, Any]:
    """The conversation of an example with everything that is known about it."""
    solution = example.solution
    return {
        "messages": [*prompt(example, schema), answer(solution)],
        "id": example.id,
        "engine": example.engine,
        "database": example.database,
        "schema": example.schema,
        "renaming": json.dumps(dict(example.renaming), ensure_ascii=False),
        "question": example.question,
        "slow": example.slow,
        "fast": solution.sql,
        "indexes": ";\n".join(solution.statements),
        "split": example.split,
        "family": example.family,
        "fingerprint": example.fingerprint,
        "origin": example.origin,
        "optimization": example.pattern,
        "transforms": ", ".join(solution.transforms),
        "habits": ", ".join(example.habits),
        "injected": ", ".join(example.injected),
        "features": ", ".join(example.features),
        "proposer": solution.proposer,
        "evidence": solution.grade or "",
        "speedup": float(solution.speedup),
        "slow_ms": float(solution.slow_ms),
        "fast_ms": float(solution.fast_ms),
        "readability": float(solution.readability),
        "slow_readability": float(example.slow_readability),
        "reward": float(solution.reward),
        "difficulty": example.difficulty,
        "tables": example.tables,
        "tier": example.tier,
        "stage": int(example.stage),
    }


def preferences(example: Example, schema: Schema) -> Iterator[dict[str, Any]]:
    """The solution against each other one that was tried, which was slower or not equal."""
    for rejected in example.rejected:
        yield {
            "prompt": prompt(example, schema),
            "chosen": [answer(example.solution)],
            "rejected": [answer(rejected)],
            "id": example.id,
            "reason": rejected.reason or f"{rejected.speedup:g} times as fast",
            "chosen_reward": float(example.solution.reward),
            "rejected_reward": float(rejected.reward),
        }


def task(example: Example, schema: Schema, seed: int) -> dict[str, Any]:
    """The prompt with the id of its task in the environment, once ``qw gym tasks build --from`` has certified it there."""
    return {
        "prompt": prompt(example, schema),
        "task_id": task_id(example.fingerprint, example.schema, seed),
        "question": example.question,
        "engine": example.engine,
        "database": example.database,
        "slow": example.slow,
        "clean": example.clean,
        "reference": example.clean if example.solution.statements else example.solution.sql,
        "speedup": float(example.solution.speedup),
        "split": example.split,
    }


def export(examples: Iterable[Example], out: Path, seed: int = 0, watch: Callable[[int], None] | None = None) -> Exported:
    """Write all files into the folder ``out``; raises `RunError` where that cannot be done."""
    statistics, counts, identities = Statistics(), dict[str, int](), set[str]()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack, Replicas(rows=1000) as replicas:
            names = [*FILES.values(), CONVERSATIONS, "preferences", "prompts"]
            files = {name: stack.enter_context((out / f"{name}.jsonl").open("w", encoding="utf-8")) for name in names}
            counts = dict.fromkeys(files, 0)
            for example in examples:
                statistics.add(example)
                database, _ = replicas.opened(example.database, dict(example.renaming))
                schema = database.schema
                _write(files, counts, FILES[example.split], [row(example, schema)])
                if example.split == "train":
                    _write(files, counts, CONVERSATIONS, [{"messages": [*prompt(example, schema), answer(example.solution)]}])
                    _write(files, counts, "preferences", preferences(example, schema))
                prompted = task(example, schema, seed)
                if not example.origin and prompted["task_id"] not in identities:
                    identities.add(prompted["task_id"])
                    _write(files, counts, "prompts", [prompted])
                if watch is not None:
                    watch(statistics.total)
        for name, count in counts.items():
            if count:
                _to_parquet(out / f"{name}.jsonl", out / f"{name}.parquet")
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror}.", "Free space there, or name another folder.") from error
    return Exported({f"{name}.jsonl": count for name, count in counts.items()}, statistics)


def _write(files: Mapping[str, TextIO], counts: dict[str, int], name: str, rows: Iterable[dict[str, Any]]) -> None:
    for one in rows:
        files[name].write(json.dumps(one, ensure_ascii=False) + "\n")
        counts[name] += 1


def _to_parquet(source: Path, target: Path) -> None:
    """DuckDB reads the lines and writes the table, piece by piece."""
    import duckdb

    def literal(path: Path) -> str:
        return "'" + str(path).replace("'", "''") + "'"

    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        try:
            connection.execute(
                f"COPY (FROM read_json({literal(source)}, format = 'newline_delimited', sample_size = -1, "
                f"maximum_object_size = 33554432)) TO {literal(target)} (FORMAT parquet, COMPRESSION zstd)"
            )
        except duckdb.OperationalError as error:
            said = str(error).partition("\n")[0]
            raise RunError(f"{target} cannot be written: {said}", "Free space there, or name another folder.") from error
