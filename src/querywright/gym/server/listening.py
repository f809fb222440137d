"""Runs the application on one or several ports."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

import uvicorn
from fastapi import FastAPI

from querywright.errors import InputError
from querywright.gym.server.requests import LARGEST_BODY

_BACKLOG = 2048
_SHUTDOWN_S = 10


def open_ports(host: str, ports: Iterable[int]) -> tuple[socket.socket, ...]:
    """Listening sockets, one a port, 0 for any free one; raises `InputError` where one cannot be had."""
    with ExitStack() as opened:
        sockets = tuple(opened.enter_context(_listening(host, port)) for port in ports)
        opened.pop_all()
        return sockets


def addresses(sockets: Sequence[socket.socket]) -> tuple[str, ...]:
    """Where the sockets listen, as addresses for a browser."""
    places = [one.getsockname()[:2] for one in sockets]
    return tuple(f"http://{f'[{host}]' if ':' in host else host}:{port}" for host, port in places)


def server(app: FastAPI) -> uvicorn.Server:
    """A server that ends, at the latest, a few seconds after it was asked to."""
    return uvicorn.Server(
        uvicorn.Config(
            app, log_level="warning", backlog=_BACKLOG, ws_max_size=LARGEST_BODY, timeout_graceful_shutdown=_SHUTDOWN_S
        )
    )


def serve(app: FastAPI, sockets: Sequence[socket.socket]) -> None:
    """Serve until interrupted."""
    server(app).run(sockets=list(sockets))


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InputError(f"{host}:{port} cannot be listened on: {error.strerror}.", "Choose another port with --port.") from error
