"""The bodies that clients receive, under the names of the published environment's HTTP interface, as plain dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from querywright.databases.opening import open_database
from querywright.engines.session import Host
from querywright.gym.episodes import Episode
from querywright.gym.leaderboard import Standing
from querywright.gym.schema_text import schema_text
from querywright.gym.values import Examination, Reward, StepResult, Task
from querywright.gym.weakest import weakest
from querywright.gym.wire import Answer

Body = dict[str, Any]


@lru_cache(maxsize=256)
def schema_info(database: str, *hidden: str) -> str:
    """The tables of a task's database, with what holds on the hidden ones as well.

    Builds those that have not been built yet. Raises `DatabaseError`.
    """
    with Host() as host:
        return schema_text(weakest(open_database(name, host=host).schema for name in (database, *hidden)).tables)


@lru_cache(maxsize=256)
def table_sizes(database: str) -> Body:
    """The number of rows of each table; builds the database where that has not been done yet. Raises `DatabaseError`."""
    return {table.name: table.rows for table in open_database(database).schema.tables}


def observation(episode: Episode) -> Body:
    """What a client sees of its episode. May build the task's database."""
    task = episode.task
    return {
        "task_id": task.id,
        "task_name": task.title,
        "task_description": task.description,
        "sql_query": task.sql,
        "schema_info": schema_info(task.database, *task.hidden),
        "dialect": task.dialect,
        "difficulty": task.difficulty,
        "step_count": episode.step,
        "max_steps": task.steps,
        "issues_found_so_far": list(episode.found),
        "last_execution": None if episode.last is None else execution(episode.last),
    }


def episode_after(result: StepResult, episode_id: str = "") -> Episode:
    """The episode as a step left it."""
    return Episode(episode_id, result.task, result.step, result.done, result.cumulative, result.found, result.examination)


def observation_after(result: StepResult) -> Body:
    """What a client sees after a step."""
    return observation(episode_after(result))


def execution(examination: Examination) -> Body:
    """What came of running a query. An error of the original cannot occur: such a task is not certified."""
    return {
        "original_ms": round(examination.original_ms, 3),
        "optimized_ms": round(examination.optimized_ms, 3),
        "speedup": round(examination.speedup, 3),
        "results_match": examination.match,
        "original_rows": examination.original_rows,
        "optimized_rows": examination.rows,
        "original_error": None,
        "optimized_error": examination.refusal or examination.error or None,
        "verdict": verdict(examination),
    }


def verdict(examination: Examination) -> str:
    """One sentence on what was found."""
    if examination.refusal:
        return f"❌ Not run: {examination.refusal}"
    if examination.error:
        return f"❌ Failed: {examination.error}"
    if not examination.match:
        return f"❌ Not the same result: {examination.reason}" if examination.reason else "❌ Not the same result"
    if examination.unchanged:
        return "➖ The same query again"
    if examination.speedup > 1:
        return f"✅ {examination.speedup:.1f}x faster with correct results"
    if examination.speedup == 1:
        return "➖ Correct, and as fast as the original"
    return f"⚠️ Correct, but slower: {examination.speedup:.2f}x"


def reward(given: Reward) -> Body:
    """A score with its components."""
    return {"score": given.score, "breakdown": dict(given.breakdown), "feedback": given.feedback}


def step(result: StepResult, seen: Body) -> Body:
    """What a step answers; ``seen`` is the observation after it."""
    return {
        "observation": seen,
        "reward": reward(result.reward),
        "done": result.done,
        "info": {
            "step": result.step,
            "cumulative_reward": result.cumulative,
            "issues_found": list(result.found),
            "execution": execution(result.examination),
        },
    }


def state(episode: Episode | None) -> Body:
    """Where an episode stands; of a client that has none, nothing."""
    return {
        "task_id": episode and episode.task.id,
        "step_count": episode.step if episode else 0,
        "max_steps": episode.task.steps if episode else 0,
        "episode_done": episode.done if episode else False,
        "cumulative_reward": episode.cumulative if episode else 0.0,
        "current_task": episode and episode.task.title,
        "episode_id": episode and episode.id,
    }


def task(listed: Task) -> Body:
    """A task in a list of them. The speedup that was certified is told; what reached it stays with the server."""
    return {
        "task_id": listed.id,
        "task_name": listed.title,
        "difficulty": listed.difficulty,
        "max_steps": listed.steps,
        "description": listed.description,
        "family": listed.family,
        "split": listed.split,
        "database": listed.database.partition(":")[0],
        "certified_speedup": listed.reference.speedup if listed.reference else None,
        "note": listed.note,
    }


def action_schema() -> Body:
    """JSON schema of an action."""
    return Answer.model_json_schema()


def leaderboard(standings: Iterable[Standing], always: Iterable[Task]) -> Body:
    """The leaderboard; tasks of ``always`` are on it even if nobody has tried them."""
    tried = {one.task: one for one in standings}
    untried = {one.id: Standing(one.id, 0, 0) for one in always}
    return {
        "leaderboard": {name: _standing(one) for name, one in {**untried, **tried}.items()},
        "description": "Best score and speedup of each task, of verified answers only.",
    }


def _standing(one: Standing) -> Mapping[str, object]:
    return {
        "best_score": one.best_score or 0.0,
        "best_speedup": one.best_speedup or 0.0,
        "total_attempts": one.attempts,
        "correct_attempts": one.correct,
        "success_rate": round(one.success_rate, 4),
        "best_attempt_at": one.best_at,
    }
