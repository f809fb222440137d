"""Runs the command line as a user would, in this process, on a machine of its own."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from querywright.serve.cli import main
from querywright.settings import settings


@dataclass(frozen=True)
class Answer:
    """What a command said: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


Command = Callable[..., Answer]


def private_machine(patch: pytest.MonkeyPatch, folder: Path, temporary: Path | None = None) -> None:
    """Work in ``folder``, with a timing lock of one's own: nothing in these suites depends on times, so nothing need wait."""
    patch.chdir(folder)
    patch.setenv("TMPDIR", str(temporary or folder))
    patch.setattr(tempfile, "tempdir", None)  # else the folder that was asked for first stays
    patch.delenv("QUERYWRIGHT_RUNS", raising=False)
    settings.cache_clear()


def exit_code(patch: pytest.MonkeyPatch, *words: object) -> int:
    """The exit code of ``qw`` with the given words."""
    patch.setattr(sys, "argv", ["qw", *map(str, words)])
    with pytest.raises(SystemExit) as stop:
        main()
    code = stop.value.code
    return code if isinstance(code, int) else int(bool(code))


def command(patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """``qw`` as a function of its words."""

    def run(*words: object) -> Answer:
        capsys.readouterr()
        code = exit_code(patch, *words)
        shown = capsys.readouterr()
        return Answer(code, shown.out, shown.err)

    return run
