"""The published environment's HTTP interface: `/`, `/reset`, `/step`, `/state`, `/tasks`, `/grader`, `/execute`, `/leaderboard`.

Bodies are the published ones. In addition each episode has an ``episode_id``, which `/reset` returns and sets as a cookie, and
`/step` repeats, so that clients never share one. `/reset` and `/step` also speak OpenEnv's bodies, and answer in kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from importlib.metadata import version
from importlib.resources import files
from typing import Any, TypeVar

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel

from querywright.gym import bodies
from querywright.gym.bodies import Body
from querywright.gym.episodes import Episode
from querywright.gym.server.requests import (
    COOKIE,
    HEADER,
    ExecuteBody,
    Refused,
    ResetBody,
    address,
    checked,
    default_client,
    read_action,
    read_object,
)
from querywright.gym.server.service import Service
from querywright.gym.tasks.driver import find_task, tasks
from querywright.gym.values import StepResult
from querywright.gym.wire import Answer

Result = TypeVar("Result")

NAME = "sql-optim-env"
"""The published environment's name, which its clients may look for."""

_NO_EPISODE = "There is no episode yet: start one with POST /reset."
_LONGEST_LIST = 1000


def add_routes(app: FastAPI, service: Service) -> None:
    """Serve the interface from ``app``."""
    gym = service.gym

    def named(request: Request, given: str | None) -> str:
        """The episode that a request is about: as its body or query says, its header, its cookie, or the latest of its client."""
        said = given or request.headers.get(HEADER) or request.cookies.get(COOKIE)
        episode_id = said or service.latest(default_client(request))
        if episode_id is None:
            raise Refused(400, _NO_EPISODE)
        return episode_id

    @app.get("/", summary="What this is, its tables and tasks")
    async def root(request: Request) -> Body:
        published = tasks(family="published")
        return {
            "status": "ok",
            "environment": NAME,
            "version": version("querywright"),
            "unique_feature": "Every query is run and checked on real databases; only verified speed earns a reward.",
            "table_stats": await service.aside(bodies.table_sizes, published[0].database),
            "tasks": [task.id for task in published],
        }

    @app.post("/reset", summary="Start an episode", openapi_extra=_body(ResetBody))
    async def reset(request: Request) -> JSONResponse:
        body = await read_object(request)
        asked = checked(ResetBody, body)

        def start() -> tuple[Episode, Body]:
            episode = gym.reset(asked.task_id, asked.episode_id, asked.seed, asked.split, asked.index, address(request))
            return episode, {**bodies.observation(episode), "episode_id": episode.id}

        episode, seen = await service.aside(start)
        service.remember(default_client(request), episode.id)
        openenv = bool(body) and "task_id" not in body
        answer = JSONResponse({"observation": seen, "reward": None, "done": False} if openenv else seen)
        answer.set_cookie(COOKIE, episode.id, httponly=True, samesite="lax")
        return answer

    @app.post("/step", summary="Submit a query to the episode", openapi_extra=_body(Answer))
    async def step(request: Request) -> JSONResponse:
        action = read_action(await read_object(request))
        episode_id = named(request, action.episode_id)

        def advance() -> tuple[StepResult, Body]:
            result = gym.step(episode_id, action.answer)
            return result, bodies.observation_after(result)

        result, seen = await _run(service, request, advance)
        answer = bodies.step(result, seen)
        answer["info"]["episode_id"] = episode_id
        if action.nested:
            answer = {"observation": seen, "reward": result.reward.score, "done": result.done, "metadata": answer["info"]}
        return JSONResponse(answer)

    @app.get("/state", summary="Where the episode stands")
    async def state(request: Request, episode_id: str | None = None) -> Body:
        try:
            return bodies.state(gym.episode(named(request, episode_id)))
        except Refused:
            return bodies.state(None)

    @app.get("/tasks", summary="The published tasks, or those of a split or family")
    async def list_tasks(
        split: str | None = Query(default=None, pattern="^(train|validation|test|all)$"),
        family: str | None = None,
        offset: int = Query(default=0, ge=0),
        limit: int = Query(default=_LONGEST_LIST, ge=1, le=_LONGEST_LIST),
    ) -> Body:
        if split is None and family is None:
            schema = bodies.action_schema()
            return {"tasks": [{**bodies.task(task), "action_schema": schema} for task in tasks(family="published")]}
        chosen = tasks(None if split in (None, "all") else split, family)  # type: ignore[arg-type]
        shown = [bodies.task(task) for task in chosen[offset : offset + limit]]
        return {"tasks": shown, "total": len(chosen), "action_schema": bodies.action_schema()}

    @app.post("/grader", summary="The reward of a query, without a step", openapi_extra=_body(Answer))
    async def grade(request: Request) -> JSONResponse:
        action = read_action(await read_object(request))
        task_id = action.task_id or gym.episode(named(request, action.episode_id)).task.id
        return JSONResponse(bodies.reward(await _run(service, request, gym.grade, task_id, action.answer, address(request))))

    @app.post("/execute", summary="Run a query beside a task's", openapi_extra=_body(ExecuteBody))
    async def execute(request: Request) -> JSONResponse:
        asked = checked(ExecuteBody, await read_object(request))

        def run() -> Body:
            found = gym.execute(asked.task_id, asked.optimized_query, address(request))
            plan = gym.examiner.explain(find_task(asked.task_id), asked.optimized_query) if not found.refusal else ""
            return {**bodies.execution(found), "explain_plan": plan or None}

        return JSONResponse(await _run(service, request, run))

    @app.get("/leaderboard", summary="Best verified score and speedup of each task")
    async def leaderboard() -> Body:
        standings = await service.aside(service.standings)
        return bodies.leaderboard(standings, tasks(family="published"))

    @app.get("/web", include_in_schema=False)
    @app.get("/demo", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(files("querywright.gym.server").joinpath("page.html").read_text(encoding="utf-8"))


async def _run(service: Service, request: Request, function: Callable[..., Result], *arguments: object) -> Result:
    """The result, unless the client leaves first: what has not begun then never does."""
    working = asyncio.ensure_future(service.run(address(request), function, *arguments))
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Refused(499, "The client left.")
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _body(model: type[BaseModel]) -> dict[str, Any]:
    """How a body that is read by hand is documented."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    return {"requestBody": {"content": {"application/json": {"schema": _inlined(schema, schema.pop("$defs", {}))}}}}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, dict):
        reference = schema.get("$ref")
        if reference:
            return _inlined(definitions[reference.rpartition("/")[2]], definitions)
        return {name: _inlined(value, definitions) for name, value in schema.items()}
    return [_inlined(one, definitions) for one in schema] if isinstance(schema, list) else schema
