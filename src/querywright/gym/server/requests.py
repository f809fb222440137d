"""Reads requests: bounded, checked, and refused with a reason; and tells whose they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from querywright.gym.wire import LONGEST_SQL, Answer

LARGEST_BODY = 1 << 20
"""Bytes of a request's body; a larger one is refused while it arrives."""

COOKIE = "episode_id"

HEADER = "X-Episode-Id"
"""Names the episode for clients that keep no cookies."""

_LONGEST_ID = 255

Model = TypeVar("Model", bound=BaseModel)


class Refused(Exception):
    """A request that is not answered: HTTP ``status``, and ``detail`` for the client, a sentence or a list of wrong fields."""

    def __init__(self, status: int, detail: object) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class ResetBody(BaseModel):
    """What ``/reset`` takes: a task, or a seed or index that chooses one from a split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task_id: str | None = Field(default=None, max_length=_LONGEST_ID, description="Default: the first published task.")
    seed: int | None = Field(default=None, ge=0, description="Chooses a task where none is named.")
    split: str | None = Field(default=None, description="train, validation or test.")
    index: int | None = Field(default=None, ge=0, description="Names a task of the split by its place.")
    episode_id: str | None = Field(default=None, min_length=1, max_length=_LONGEST_ID, description="A name of one's own.")


class ExecuteBody(BaseModel):
    """What ``/execute`` takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task_id: str = Field(max_length=_LONGEST_ID)
    optimized_query: str = Field(max_length=LONGEST_SQL)


class _Named(BaseModel):
    """What may stand beside an action."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    episode_id: str | None = Field(default=None, max_length=_LONGEST_ID)
    task_id: str | None = Field(default=None, max_length=_LONGEST_ID)


@dataclass(frozen=True, slots=True)
class Action:
    """An answer with the episode or task it is for, where the body says so; ``nested``: it came as ``{"action": …}``."""

    answer: Answer
    episode_id: str | None
    task_id: str | None
    nested: bool


async def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body, empty where there is no body. Raises `Refused`."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Refused(413, f"The body is larger than {LARGEST_BODY} bytes.")
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        hint = " An ellipsis (...) stands for what you fill in." if b"..." in body else ""
        raise Refused(400, f"The body is not JSON: {reason}.{hint}") from error
    if not isinstance(value, dict):
        raise Refused(422, f"The body is a JSON {type(value).__name__}; an object is needed, such as {{}}.")
    return value


def checked(model: type[Model], value: object) -> Model:
    """``value`` as the model; raises `Refused` with the fields that are wrong."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = [{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in error.errors(include_url=False)]
        raise Refused(422, details) from error


def read_action(body: dict[str, Any]) -> Action:
    """The action in a body, flat or as ``{"action": …}``. Raises `Refused`."""
    named = checked(_Named, body)
    nested = "action" in body
    fields = body["action"] if nested else {name: value for name, value in body.items() if name not in _Named.model_fields}
    if nested and isinstance(fields, dict):
        fields = {name: value for name, value in fields.items() if name != "metadata"}
    return Action(checked(Answer, fields), named.episode_id, named.task_id, nested)


def address(request: Request) -> str:
    """Where a request comes from: what fairness and the meter go by."""
    return request.client.host if request.client else ""


def default_client(request: Request) -> str:
    """Who a client is that names no episode and keeps no cookie: its address and program."""
    return f"{address(request)} {request.headers.get('user-agent', '')[:200]}"
