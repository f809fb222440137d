"""``qw gym serve`` and ``qw gym validate`` as a user types them."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from command_line import command

COMMAND = "import sys; sys.argv[0] = 'qw'; from querywright.serve.cli import main; main()"
PACKAGE = Path(__file__).parents[2] / "environments" / "querywright_env"


def test_it_serves_on_several_ports_until_it_is_stopped(tmp_path: Path) -> None:
    words = ("gym", "serve", "--port", "0", "--port", "0", "--leaderboard", str(tmp_path / "board.sqlite"))
    with subprocess.Popen([sys.executable, "-c", COMMAND, *words], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        addresses = [re.search(r"http://[\d.:]+", server.stdout.readline()) for _ in range(2)]
        for address in addresses:
            assert address is not None
            with urllib.request.urlopen(f"{address[0]}/leaderboard", timeout=60) as answer:
                assert len(json.load(answer)["leaderboard"]) == 5
        server.send_signal(signal.SIGINT)
        assert server.wait(60) in (0, 130)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("serve", "--profile", "generous"), "no profile of rewards named 'generous'"),
        (("serve", "--host", "203.0.113.1", "--port", "7860"), "cannot be listened on"),
        (("validate", "nowhere"), "no OpenEnv package"),
        (("validate", str(PACKAGE), "--level", "thorough"), "no level 'thorough'"),
    ],
)
def test_what_cannot_be_served_or_validated_is_bad_input(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    board = ("--leaderboard", str(tmp_path / "board.sqlite")) if words[0] == "serve" else ()
    answer = command(monkeypatch, capsys)("gym", *words, *board, *(("--port", "0") if "--profile" in words else ()))
    assert answer.code == 2 and said in answer.err


def test_the_package_is_validated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer = command(monkeypatch, capsys)("gym", "validate", PACKAGE, "--level", "static")
    assert answer.code == 0 and "static.manifest" in answer.out and "Verdict: pass" in answer.out
    shown = command(monkeypatch, capsys)("gym", "validate", PACKAGE, "--level", "static", "--json")
    assert json.loads(shown.out)["verdict"] == "pass"
