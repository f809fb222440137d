"""OpenEnv's validation of the package, with its server as a process of this machine instead of a container."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from openenv.validation import Level, ValidationReport, run_validation
from openenv.validation.manifest import ExecutionDeclaration
from openenv.validation.providers import ExecResult, StartupError, UnsupportedCapability
from openenv.validation.report import ValidationReportV2
from openenv.validation.runner import source_digest
from openenv.validation.runtime.contracts import LaunchSpec
from openenv.validation.types import ProviderCapability

from querywright.errors import InputError

_START_S = 60.0
_STOP_S = 15.0
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_CACHE_HOME", "QUERYWRIGHT_CACHE")
"""Variables that the server inherits; nothing else of the caller's environment reaches it."""


@dataclass
class RunningServer:
    """A package's server while it is validated."""

    process: subprocess.Popen[bytes]
    base_url: str
    log: IO[bytes]

    def inspect(self) -> dict[str, Any]:
        """What the report keeps about it."""
        return {"provider": "subprocess", "python": sys.version.split()[0]}

    def logs(self, max_bytes: int = 65536) -> str:
        """The end of what it printed."""
        content = Path(self.log.name).read_bytes()
        return content[-max_bytes:].decode("utf-8", "replace")

    def exec(self, argv: list[str], timeout_s: float) -> ExecResult:
        """Nothing is run beside it: a process has no walls that would keep a command in."""
        raise UnsupportedCapability("a subprocess has no sandbox to run commands in")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class SubprocessProvider:
    """Starts a package's server with this interpreter. It cannot enforce limits or network policies and does not claim to."""

    name = "subprocess"
    capabilities = frozenset({ProviderCapability.IMAGE_BUILD})
    supported_network_modes = frozenset({"public"})

    def __init__(self) -> None:
        self._root = Path()

    def build(self, root: Path, execution: ExecutionDeclaration) -> str:
        """Nothing to build; the image's name is the digest of the source."""
        self._root = root
        return f"sha256:{source_digest(root)}"

    def start(self, spec: LaunchSpec) -> RunningServer:
        """The server, once it is healthy; raises `StartupError`."""
        log = tempfile.NamedTemporaryFile(prefix="querywright-validation-", suffix=".log")  # noqa: SIM115  (closed when it stops)
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", "server.app", "--host", "127.0.0.1", "--port", str(port)],
            cwd=self._root,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=log,
            stderr=log,
        )
        running = RunningServer(process, f"http://127.0.0.1:{port}", log)
        with ExitStack() as stopping:
            stopping.callback(running.stop)
            _wait_until_healthy(running)
            stopping.pop_all()
        return running


def validate_package(root: Path, level: str = "semantic") -> ValidationReport | ValidationReportV2:
    """Validate the package in folder ``root``; raises `InputError` for an unknown level or a folder that holds no package."""
    levels = {one.name.lower(): one for one in Level}
    if level not in ("static", "runtime", "semantic"):
        raise InputError(f"There is no level {level!r}.", "Levels: static, runtime, semantic.")
    if not (root / "openenv.yaml").is_file():
        raise InputError(f"{root} holds no OpenEnv package: it has no openenv.yaml.", "Name the folder that has one.")
    return run_validation(root.resolve(), max_level=levels[level], provider=SubprocessProvider())


def _wait_until_healthy(running: RunningServer) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end and running.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{running.base_url}/health", timeout=5):
                return
        except (urllib.error.URLError, ValueError, ConnectionError):
            time.sleep(0.1)
    raise StartupError(f"the server did not become healthy: {running.logs(500)}")
