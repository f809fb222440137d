"""The web application: the published interface always, OpenEnv's where the library is installed."""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from querywright.errors import GymError
from querywright.gym.server.requests import Refused
from querywright.gym.server.routes import add_routes
from querywright.gym.server.service import Service


def create_application(service: Service) -> FastAPI:
    """The application over ``service``, which it closes when the server stops. Pages of other origins cannot call it."""
    app = FastAPI(
        title="Querywright gym",
        summary="Make slow SQL fast: an environment whose rewards are verified.",
        version=version("querywright"),
        docs_url=None,
        redoc_url=None,
    )
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(GymError, _failed)
    add_routes(app, service)
    if find_spec("openenv") is not None:
        from querywright.gym.openenv.serving import add_openenv

        add_openenv(app, service)
    app.router.on_shutdown.append(service.close)
    return app


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return JSONResponse({"detail": error.detail}, error.status)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse({"detail": [{"loc": one["loc"], "msg": one["msg"], "type": one["type"]} for one in error.errors()]}, 422)


async def _failed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GymError)
    wait = {} if error.retry_after_s is None else {"Retry-After": f"{error.retry_after_s:.0f}"}
    return JSONResponse({"detail": error.message, "remedy": error.remedy}, error.status, wait)
