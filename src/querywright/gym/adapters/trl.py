"""For TRL's ``GRPOTrainer``: a class for its ``environment_factory``, a reward function, and rows for its dataset.

    with local_gym() as gym:
        tasks = [entry for entry in gym.tasks() if entry.split == "train"]
        GRPOTrainer(model, environment_factory=environment_factory(gym), train_dataset=Dataset.from_list(tool_rows(tasks)), …)
        GRPOTrainer(model, reward_funcs=reward_function(gym), train_dataset=Dataset.from_list(rows(gym, tasks)), …)

In the first form the model calls tools over several turns, in the second it answers once. Written for TRL 1.16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from querywright.errors import ExecutionError
from querywright.gym.client import Environment, Observation, Stepped, TaskEntry
from querywright.gym.prompting import conversation, opening, outcome, read_answer, task_text, tool_opening
from querywright.gym.wire import LONGEST_SQL, Answer, Suggestion

Completion = str | Sequence[Mapping[str, Any]]
"""What a model generated: a text, or the messages of a conversation."""

_THREADS = 8
"""Examinations asked for at once; one query is examined at a time, but known ones are answered meanwhile."""


class OptimizationEpisode:
    """One rollout: an episode of a task, whose public methods other than ``reset`` and ``get_reward`` are the model's tools."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._seen: Observation | None = None
        self._score = 0.0
        self._done = False

    def reset(self, **row: Any) -> str:
        """Begin an episode of the row's ``task_id``; returns the task, which goes behind the prompt."""
        self._seen = self._environment.reset(str(row["task_id"]))
        self._score, self._done = 0.0, False
        return task_text(self._seen)

    def submit_query(self, query: str, issues: list[str]) -> str:
        """Run a rewritten query and learn whether it returns the same rows, and how fast it is.

        Args:
            query: The whole rewritten query, one SELECT.
            issues: Names of the problems in the original query, such as "correlated_subquery"; an empty list if unknown.

        Returns:
            What came of running it, and how many tries are left.
        """
        if self._seen is None:
            return "No task was given yet."
        if self._done:
            return "No try is left; the episode is over."
        if len(query) > LONGEST_SQL:
            return f"The query is longer than {LONGEST_SQL} characters and was not run."
        named = tuple(Suggestion(issue_type=str(issue)[:200]) for issue in list(issues or ())[:100])
        try:
            came = self._environment.step(self._seen.episode_id, Answer(optimized_query=query, suggestions=named))
        except ExecutionError as error:
            return f"The query could not be examined: {error.message}"
        self._seen, self._done = came.observation, came.done
        self._score = max(self._score, came.score)
        left = 0 if came.done else came.observation.max_steps - came.observation.step_count
        return f"{outcome(came.execution, 'your query')} Reward {came.score:.3f}. Tries left: {left}."

    def get_reward(self) -> float:
        """The best reward of the episode."""
        return self._score


def environment_factory(environment: Environment) -> Callable[[], OptimizationEpisode]:
    """What TRL calls for each rollout of a batch; ``environment`` is shared and may be a server."""
    return lambda: OptimizationEpisode(environment)


def reward_function(environment: Environment, threads: int = _THREADS) -> Callable[..., list[float | None]]:
    """A reward function for completions that hold a whole answer, as the prompt of `rows` asks for.

    The column ``task_id`` says what each completion answers. A completion without a query earns 0; one whose examination failed
    earns None, which TRL leaves out of account.
    """

    def verified_speedup(
        prompts: Sequence[Any], completions: Sequence[Completion], task_id: Sequence[str], **columns: Any
    ) -> list[float | None]:
        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(lambda pair: _examined(environment, *pair), zip(task_id, completions, strict=True)))
        log_metric = columns.get("log_metric")
        if log_metric is not None and found:
            log_metric("gym/correct", sum(bool(came and came.execution.results_match) for came, _ in found) / len(found))
        return [None if failed else came.score if came else 0.0 for came, failed in found]

    return verified_speedup


def rows(environment: Environment, tasks: Iterable[TaskEntry]) -> list[dict[str, Any]]:
    """Rows for `reward_function`: the prompt, which holds the whole task, and ``task_id``."""
    return [
        {"prompt": conversation(opening(environment.reset(task.id))), "task_id": task.id, "difficulty": task.difficulty}
        for task in tasks
    ]


def tool_rows(tasks: Iterable[TaskEntry]) -> list[dict[str, Any]]:
    """Rows for `environment_factory`: a prompt that is the same for all, and ``task_id``, from which `reset` adds the task."""
    return [{"prompt": conversation(tool_opening()), "task_id": task.id, "difficulty": task.difficulty} for task in tasks]


def _examined(environment: Environment, task_id: str, completion: Completion) -> tuple[Stepped | None, bool]:
    """What came of a completion, None where it holds no query, and whether examining it failed."""
    answer = read_answer(_text(completion))
    if answer is None:
        return None, False
    try:
        return environment.step(environment.reset(task_id).episode_id, answer), False
    except ExecutionError:
        return None, True


def _text(completion: Completion) -> str:
    """The last thing that the model said."""
    if isinstance(completion, str):
        return completion
    said = [message.get("content") for message in completion if message.get("role", "assistant") == "assistant"]
    return str(said[-1] or "") if said else ""
