"""The image, as far as that goes without Docker: its parts are there and agree, and what it runs serves from a copy."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "environments" / "querywright_env"
LINES = (PACKAGE / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
EXTRAS = re.compile(r"querywright\S*\[([\w,]+)\]")
START_S = 120


def instructions(name: str) -> list[str]:
    """What follows an instruction, of each line that has it."""
    return [line.removeprefix(name).strip() for line in LINES if line.startswith(f"{name} ")]


def variables() -> dict[str, str]:
    return dict(line.split("=", 1) for line in instructions("ENV"))


def words(instruction: str) -> list[str]:
    """A command in the form of a JSON list, started with this interpreter."""
    said: list[str] = json.loads(instruction[instruction.index("[") :])
    assert said[0] == "python"
    return [sys.executable, *said[1:]]


def ports(command: list[str]) -> list[str]:
    return [value for option, value in pairwise(command) if option == "--port"]


def test_what_is_copied_is_there() -> None:
    sources = [word for line in instructions("COPY") for word in shlex.split(line)[:-1] if not word.startswith("--")]
    assert sources == ["wheels", "."]
    [recipe] = re.findall(r"^space:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert "--wheel-dir $(SPACE)/wheels ." in recipe and "cp constraints.txt $(SPACE)/wheels" in recipe
    assert "SPACE := environments/querywright_env\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    [installed] = [line for line in instructions("RUN") if "pip install" in line]
    assert "-c wheels/constraints.txt" in installed and "wheels/querywright-*.whl" in installed
    ignored = (PACKAGE / ".dockerignore").read_text(encoding="utf-8").split()
    assert not {"wheels", "server", "openenv.yaml", "validation"} & set(ignored)


def test_extras_are_the_same_everywhere() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    own = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    texts = {
        "Dockerfile": "\n".join(LINES),
        "requirements.txt": (PACKAGE / "server" / "requirements.txt").read_text(encoding="utf-8"),
        "pyproject.toml": "\n".join(own),
        "README.md": (PACKAGE / "README.md").read_text(encoding="utf-8").replace('"../..[', '"querywright['),
    }
    found = {name: set(EXTRAS.findall(text)) for name, text in texts.items()}
    assert found == {name: {"gym,tpc"} for name in texts}
    assert {"gym", "tpc"} <= set(known)


def test_version_ports_and_folders_agree() -> None:
    python = tuple(map(int, re.findall(r"\d+", instructions("FROM")[0])))
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    assert python >= tuple(map(int, re.findall(r"\d+", wanted)))
    front = yaml.safe_load((PACKAGE / "README.md").read_text(encoding="utf-8").split("---")[1])
    manifest = yaml.safe_load((PACKAGE / "openenv.yaml").read_text(encoding="utf-8"))
    [exposed], [command], [health] = instructions("EXPOSE"), instructions("CMD"), instructions("HEALTHCHECK")
    assert exposed.split() == ports(words(command))
    assert str(front["app_port"]) == str(manifest["port"]) == exposed.split()[0] and f":{front['app_port']}/health" in health
    board, cache = Path(variables()["QUERYWRIGHT_LEADERBOARD"]), variables()["QUERYWRIGHT_CACHE"]
    [user] = instructions("USER")
    assert any(f"--owner {user} {board.parent}" in line for line in instructions("RUN")) and cache.startswith(f"/home/{user}/")
    assert "*" not in variables()["FORWARDED_ALLOW_IPS"]


def test_the_command_of_the_image_serves_from_a_copy(tmp_path: Path) -> None:
    copy = shutil.copytree(PACKAGE, tmp_path / "env", ignore=shutil.ignore_patterns("__pycache__", "wheels"))
    [started], [checked] = instructions("CMD"), instructions("HEALTHCHECK")
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        free = [str(place.getsockname()[1]) for place in (one, other)]
    command, check = words(started), words(checked)
    for declared, port in zip(ports(command), free, strict=True):
        command[command.index(declared)] = port
        check[-1] = check[-1].replace(f":{declared}/", f":{port}/")
    board = tmp_path / "data" / "leaderboard.sqlite"
    own = {"QUERYWRIGHT_CACHE": str(tmp_path / "cache"), "QUERYWRIGHT_LEADERBOARD": str(board), "PYTHONDONTWRITEBYTECODE": "1"}
    log = tmp_path / "log"
    with log.open("wb") as output, subprocess.Popen(command, cwd=copy, env={**os.environ, **own}, stderr=output) as server:
        try:
            for port in free:
                assert healthy(f"http://127.0.0.1:{port}/health", server) == {"status": "healthy"}, log.read_text()
            assert subprocess.run(check, check=False, timeout=60).returncode == 0
            with urllib.request.urlopen(f"http://127.0.0.1:{free[0]}/tasks?split=all", timeout=60) as answer:
                assert json.load(answer)["total"] > 5
        finally:
            server.terminate()
    assert server.returncode is not None
    with closing(sqlite3.connect(board)) as kept:
        assert kept.execute("SELECT count(*) FROM standings").fetchone() == (0,)
    assert not (tmp_path / "cache" / "gym" / "leaderboard.sqlite").exists()


def healthy(address: str, server: subprocess.Popen[bytes]) -> object:
    """What the address answers, as soon as the server is there."""
    end = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"{address} is not served")
