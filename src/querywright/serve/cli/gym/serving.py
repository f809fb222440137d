"""``qw gym serve`` and ``qw gym validate``: start, print."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from querywright.errors import MissingExtraError
from querywright.serve.wording import table


def serve(host: str, ports: tuple[int, ...], profile: str, threads: int, leaderboard: Path | None) -> int:
    """Serve until Ctrl-C; raises `MissingExtraError` without a web server."""
    _need("fastapi", "uvicorn")
    from querywright.gym.server.application import create_application
    from querywright.gym.server.listening import addresses, open_ports
    from querywright.gym.server.listening import serve as listen
    from querywright.gym.server.service import open_service

    sockets = open_ports(host, ports)
    app = create_application(open_service(profile, leaderboard, threads))
    for address in addresses(sockets):
        print(f"Serving the gym, profile {profile}, at {address}", flush=True)
    listen(app, sockets)
    return 0


def validate(directory: Path, url: str | None, level: str, as_json: bool) -> int:
    """Print the report; the exit code says whether anything failed."""
    _need("openenv")
    return _validate_server(url, as_json) if url else _validate_package(directory, level, as_json)


def _validate_server(url: str, as_json: bool) -> int:
    from openenv.cli._validation import validate_running_environment

    report = validate_running_environment(url)
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        print(table(("check", "result"), [(one["id"], "pass" if one["passed"] else "fail") for one in report["criteria"]]))
    return 0 if report["passed"] else 1


def _validate_package(directory: Path, level: str, as_json: bool) -> int:
    from openenv.validation import Verdict

    from querywright.gym.openenv.validating import validate_package

    report = validate_package(directory, level)
    if as_json:
        print(report.model_dump_json(indent=2))
    else:
        rows = [(one.check_id, one.status.value, "; ".join(one.evidence)) for one in report.results]
        print(table(("check", "result", "why"), rows))
        print(f"Verdict: {report.verdict.value}")
    return 1 if report.verdict is Verdict.FAIL else 0


def _need(*packages: str) -> None:
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"This needs the {' and '.join(missing)} package.", extra="gym")
