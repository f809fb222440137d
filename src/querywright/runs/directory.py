"""A run directory: written as things complete, readable at any moment, resumable after any interruption.

q1_20260205_103000_iterative/     (single: the same tree, an iteration a try)
├── input/         original.sql, query_dag.json, metadata.json
├── iterations/    iteration_N/: input.sql, examples.json, ml_hints.json, history.txt, attempts.jsonl, optimized.sql,
│                  verdict.json, benchmark_runs.json, benchmark_summary.json; prompt.txt, llm_response.json with a model
├── progression/   speedup_graph.json, transform_stack.json, convergence_analysis.txt
├── winner/        optimized.sql, transform_stack.txt, comparison.txt
├── exchanges.jsonl  with a model: every call and reply, which a resumed run does not pay for again
├── outcome.json   the whole outcome
└── summary.json   written last: the run is complete

q1_20260205_103000_parallel/      input/, winner/, outcome.json, summary.json as above
└── workers/       worker_N/: as an iteration; history.txt is what a retry saw of the other workers

q1_20260204_150000_swarm/         input/, winner/, outcome.json, summary.json as above
├── config.json, original.sql, plan_summary.txt, plan_full.txt, plan.json, base_prompt.txt
├── gen_NN/        see `querywright.runs.generation`
└── summary.txt    the summary for people
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from querywright.chat.budget import Spending
from querywright.chat.recording import Recording
from querywright.durable import sync_folder
from querywright.errors import RunError
from querywright.runs.files import read_json, read_text, write_json, write_text, writing
from querywright.runs.generation import GenerationDirectory
from querywright.runs.iteration import Iteration, IterationDirectory
from querywright.runs.layout import LAYOUTS, Mode, layout
from querywright.runs.progression import comparison, convergence, fastest, speedups, summary, transform_stack
from querywright.runs.serialize import from_json, to_json
from querywright.runs.swarm import query_number, summary_text, swarm_summary
from querywright.values import Outcome, Query

FORMAT = "querywright-run/1"
METADATA = Path("input", "metadata.json")
SUMMARY, SUMMARY_TEXT, OUTCOME, CONFIG = "summary.json", "summary.txt", "outcome.json", "config.json"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The run stored at ``path``. ``started`` is when it was created, with the local offset from UTC."""

    path: Path
    query: Query
    mode: Mode
    started: datetime
    configuration: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        root: Path,
        query: Query,
        mode: Mode,
        configuration: Mapping[str, Any],
        *,
        query_dag: Mapping[str, Any] | None = None,
        complexity: Mapping[str, Any] | None = None,
    ) -> RunDirectory:
        """Make a run directory under ``root``, complete with its input or not at all.

        ``configuration``, ``query_dag`` and ``complexity`` hold what JSON can. Raises `RunError` where ``root`` cannot be
        written.
        """
        layout(mode)
        started = datetime.now().astimezone()
        draft = root / f".{uuid.uuid4().hex}"
        with writing(root):
            (draft / "input").mkdir(parents=True)
            write_text(draft / "input" / "original.sql", query.sql)
            write_json(draft / "input" / "query_dag.json", query_dag or {})
            metadata = {
                "format": FORMAT,
                "query_id": query.name or query.fingerprint,
                "mode": mode,
                "started": started.isoformat(),
                "complexity": complexity or {},
                "configuration": configuration,
                "query": json.loads(to_json(query)),
            }
            write_json(draft / METADATA, metadata)
            path = _publish(draft, f"{_label(query)}_{started:%Y%m%d_%H%M%S}_{mode}")
        return cls(path, query, mode, started, dict(configuration))

    @classmethod
    def open(cls, path: Path, query: Query | None = None) -> RunDirectory:
        """The run stored at ``path``, to be read or resumed.

        Raises `RunError` where it is missing or damaged, or where it is not a run of ``query`` (compared by fingerprint).
        """
        if not (path / METADATA).is_file():
            raise RunError(f"There is no run at {path}.", "List the runs with: qw runs")
        metadata = read_json(path / METADATA)
        try:
            stored = from_json(Query, json.dumps(metadata["query"]))
            started, mode = datetime.fromisoformat(metadata["started"]), metadata["mode"]
            configuration, written = metadata["configuration"], metadata["format"]
        except (KeyError, TypeError, ValueError, RunError) as error:
            raise RunError(f"{path / METADATA} is damaged: {error}", "Remove the run directory and optimize again.") from error
        if written != FORMAT or mode not in LAYOUTS:
            raise RunError(f"{path} was written by another version of Querywright.", "Optimize again with this version.")
        if query is not None and query.fingerprint != stored.fingerprint:
            raise RunError(
                f"{path} is a run of another query ({metadata.get('query_id')}).",
                "Leave out --resume to start a new run.",
            )
        return cls(path, stored, mode, started, configuration)

    @property
    def run_id(self) -> str:
        """The directory's name."""
        return self.path.name

    @property
    def exchanges(self) -> Path:
        """The file of everything that was said to and by a model."""
        return self.path / "exchanges.jsonl"

    def spending(self) -> Spending | None:
        """What the model was paid so far; None where no model was asked. Raises `RunError` where the recording is damaged."""
        return Recording(self.exchanges).spending() if self.exchanges.is_file() else None

    @property
    def complete(self) -> bool:
        """Whether the run was finished rather than interrupted."""
        return (self.path / SUMMARY).is_file()

    def iteration(self, number: int) -> IterationDirectory:
        """The folder of iteration, try or worker ``number``, counted from 1, to write or read."""
        return IterationDirectory(layout(self.mode).step(self.path, number), number)

    def generation(self, number: int) -> GenerationDirectory:
        """The folder of a swarm's generation ``number``, counted from 1, to write or read."""
        return GenerationDirectory(layout(self.mode).step(self.path, number), number)

    def iterations(self) -> tuple[Iteration, ...]:
        """Every iteration, try, worker or generation that began, with its attempts; only the last iteration can be incomplete."""
        if self.mode == "swarm":
            stored = layout(self.mode).steps(self.path)
            return tuple(GenerationDirectory(path, number).read(self.query.sql) for number, path in stored)
        begun = (IterationDirectory(path, number).read() for number, path in layout(self.mode).steps(self.path))
        return tuple(iteration for iteration in begun if iteration is not None)

    def prompts(self) -> list[tuple[int, str]]:
        """What was asked, by number of the iteration, worker or generation; rules are asked in words by a swarm only."""
        folder = self.generation if self.mode == "swarm" else self.iteration
        folders = [folder(number) for number, _ in layout(self.mode).steps(self.path)]
        asked = [(folder.number, folder.prompt()) for folder in folders]
        return [(number, prompt) for number, prompt in asked if prompt is not None]

    def write_swarm_input(self, plan: str, plan_summary: str, plan_json: Mapping[str, Any], base_prompt: str) -> None:
        """Store what all generations of a swarm start from; ``config.json`` comes last."""
        write_text(self.path / "original.sql", self.query.sql)
        write_text(self.path / "plan_full.txt", plan)
        write_text(self.path / "plan_summary.txt", plan_summary)
        write_json(self.path / "plan.json", plan_json)
        write_text(self.path / "base_prompt.txt", base_prompt)
        told = {"query_number": query_number(self.query), "total_workers": self.configuration.get("workers"), "mode": self.mode}
        write_json(self.path / CONFIG, told | dict(self.configuration))

    def write_progression(self) -> None:
        """Bring ``progression/`` up to date with the complete iterations; only iterations and tries progress."""
        if layout(self.mode).folder != "iterations":
            return
        iterations = self.iterations()
        folder = self._folder("progression")
        write_json(folder / "speedup_graph.json", speedups(iterations))
        write_json(folder / "transform_stack.json", transform_stack(fastest(iterations)))
        write_text(folder / "convergence_analysis.txt", convergence(iterations))

    def finish(self, outcome: Outcome) -> None:
        """Store the outcome, the winner if one is recommended, and the summary, which marks the run complete."""
        self.write_progression()
        iterations = self.iterations()
        best = outcome.best
        if best and outcome.status == "faster":
            folder = self._folder("winner")
            stack = " → ".join(transform_stack(best)) or best.candidate.origin.proposer
            write_text(folder / "optimized.sql", best.candidate.query.sql)
            write_text(folder / "transform_stack.txt", stack + "\n")
            write_text(folder / "comparison.txt", comparison(self.query, best))
        write_text(self.path / OUTCOME, to_json(outcome) + "\n")
        finished = datetime.now().astimezone().isoformat()
        told = {"run_id": self.run_id, "mode": self.mode, "started": self.started.isoformat(), "finished": finished}
        summed = summary(outcome, iterations)
        if spent := self.spending():
            summed["model_spending"] = asdict(spent)
        if self.mode == "parallel":
            summed |= {"best_worker": summed["best_iteration"]}
        if self.mode == "swarm":
            total = max([self.configuration.get("workers") or 0, *(iteration.number for iteration in iterations)])
            summed |= swarm_summary(self.query, total, iterations, outcome)
            write_text(self.path / SUMMARY_TEXT, summary_text(summed, outcome))
        write_json(self.path / SUMMARY, told | summed)

    def outcome(self) -> Outcome | None:
        """The stored outcome; None where the run was interrupted."""
        return from_json(Outcome, read_text(self.path / OUTCOME)) if self.complete else None

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        with writing(folder):
            folder.mkdir(exist_ok=True)
        return folder


def _label(query: Query) -> str:
    name = (query.name or "").removesuffix(".sql")
    return re.sub(r"[^A-Za-z0-9-]+", "_", name).strip("_")[:60] or f"query_{query.fingerprint[:8]}"


def _publish(draft: Path, name: str) -> Path:
    """Rename the draft to the first free name; a run directory is never empty, so that renaming onto one fails."""
    for number in count(1):
        path = draft.with_name(name if number == 1 else f"{name}_{number}")
        if not path.exists():
            try:
                draft.rename(path)
            except OSError:
                if not path.exists():
                    raise
                continue  # another process took the name in between
            sync_folder(path.parent)
            return path
    raise AssertionError(os.fspath(draft))
