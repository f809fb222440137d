"""The client of the environment for OpenEnv's users: one WebSocket, one session."""

from __future__ import annotations

from typing import Any

from openenv.core import EnvClient
from openenv.core.client_types import StepResult

from querywright.gym.openenv.models import QueryAction, QueryObservation, QueryState


class QuerywrightEnv(EnvClient[QueryAction, QueryObservation, QueryState]):
    """Connects to a server: ``with QuerywrightEnv(base_url="http://localhost:7860").sync() as env: env.reset()``."""

    def _step_payload(self, action: QueryAction) -> dict[str, Any]:
        return action.model_dump(mode="json", exclude={"metadata"})

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[QueryObservation]:
        done, reward = bool(payload.get("done")), payload.get("reward")
        observation = QueryObservation(**payload["observation"], done=done, reward=reward)
        return StepResult(observation=observation, reward=reward, done=done, metadata=payload.get("metadata"))

    def _parse_state(self, payload: dict[str, Any]) -> QueryState:
        return QueryState(**payload)
