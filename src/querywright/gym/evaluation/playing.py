"""Plays episodes: one, or those of several agents on several tasks with several seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from querywright.errors import ChatUnavailable, ExecutionError, InputError
from querywright.gym.agents.driver import Recruit
from querywright.gym.agents.protocol import Agent
from querywright.gym.client import Environment, TaskEntry
from querywright.gym.evaluation.episodes import EpisodeLog, Move

Watch = Callable[[EpisodeLog], None]
"""Sees an episode after its reset and after each step."""


def play(
    environment: Environment,
    agent: Agent,
    task_id: str,
    *,
    name: str,
    seed: int = 0,
    steps: int | None = None,
    watch: Watch = lambda episode: None,
) -> EpisodeLog:
    """Play one episode to its end, or for ``steps`` steps.

    A model that cannot be reached, or an examination that fails, ends it early and is written into the log. Raises
    `querywright.errors.InputError` where task, agent or server cannot be used, and `querywright.errors.ChatError` where the
    model refuses or its budget is used up.
    """
    seen = environment.reset(task_id, seed=seed)
    log = EpisodeLog(name, seed, environment.label, seen)
    watch(log)
    while not (log.moves and log.moves[-1].done) and len(log.moves) < min(steps or seen.max_steps, seen.max_steps):
        began = time.monotonic()
        try:
            answer = agent.act(seen)
            came = environment.step(seen.episode_id, answer)
        except (ChatUnavailable, ExecutionError) as error:
            return replace(log, failure=error.message)
        seen = came.observation
        move = Move(
            len(log.moves) + 1,
            answer,
            came.score,
            came.breakdown,
            came.feedback,
            came.done,
            came.execution,
            seen.issues_found_so_far,
            round(time.monotonic() - began, 3),
        )
        log = replace(log, moves=(*log.moves, move))
        watch(log)
    return log


def play_all(
    environment: Environment,
    recruits: Mapping[str, Recruit],
    tasks: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int | None = None,
    done: Collection[tuple[str, str, int]] = (),
    watch: Watch = lambda episode: None,
) -> Iterator[EpisodeLog]:
    """Episodes of all agents on all tasks; agents take turns on a task, so that they meet the same machine.

    ``done`` are the keys of episodes to leave out.
    """
    for seed in seeds:
        for task in tasks:
            for name, recruit in recruits.items():
                if (name, task, seed) not in done:
                    yield play(environment, recruit(seed), task, name=name, seed=seed, steps=steps, watch=watch)


def choose(
    known: Sequence[TaskEntry],
    ids: Sequence[str] = (),
    split: str | None = None,
    family: str | None = None,
    most: int | None = None,
) -> tuple[str, ...]:
    """Ids of tasks: those named, else those of the split and family, ``most`` of them spread evenly.

    Raises `InputError` for an unknown task and where none is left.
    """
    if ids:
        unknown = [name for name in ids if name not in {one.id for one in known}]
        if unknown:
            near = ", ".join(one.id for one in known[:5])
            raise InputError(f"There is no task {unknown[0]!r}.", f"Tasks begin with: {near}. List them: qw gym tasks")
        return tuple(ids)
    fitting = [one.id for one in known if split in (None, one.split) and family in (None, one.family)]
    if not fitting:
        kinds = sorted({f"--family {one.family} --split {one.split}" for one in known if one.family and one.split})
        wanted = f"family {family or 'any'} and split {split or 'any'}"
        there = f"There are: {'; '.join(kinds)}" if kinds else "No family or split is told of any task; name some: --tasks ID,ID"
        raise InputError(f"There is no task of {wanted}.", there)
    if most is None or most >= len(fitting):
        return tuple(fitting)
    return tuple(fitting[place * len(fitting) // most] for place in range(most))
