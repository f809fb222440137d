"""Adds OpenEnv's interface to the application: WebSocket sessions, tasks, metadata, schemas, MCP and health."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from openenv.core.env_server import ConcurrencyConfig, HTTPEnvServer
from openenv.core.env_server.types import ServerMode

from querywright.gym.openenv.environment import NAME, QueryEnvironment
from querywright.gym.openenv.models import QueryAction, QueryObservation, QueryState
from querywright.gym.server.service import Service

MOST_SESSIONS = 256

_IDLE_S = 1800.0


def add_openenv(app: FastAPI, service: Service) -> None:
    """Serve OpenEnv sessions from ``app``, each with an environment of its own.

    OpenEnv's own `/reset`, `/step` and `/state` forget everything between requests; those of the published interface keep
    episodes and take OpenEnv's bodies as well, so OpenEnv is asked to leave its own out.
    """
    server = HTTPEnvServer(
        partial(QueryEnvironment, service),
        QueryAction,
        QueryObservation,
        concurrency_config=ConcurrencyConfig(max_concurrent_envs=MOST_SESSIONS, session_timeout=_IDLE_S),
        env_name=NAME,
        state_cls=QueryState,
    )
    server.register_routes(app, mode=ServerMode.PRODUCTION)
