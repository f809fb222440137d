"""Writes docs/reference from the docstrings and from ``--help``; with ``--check`` fails where the files have drifted."""

from __future__ import annotations

import argparse
import difflib
import inspect
import os
import subprocess
import sys
from pathlib import Path

from querywright.transforms.driver import transforms

REFERENCE = Path(__file__).parent / "reference"


def transforms_page() -> str:
    """Markdown of all transforms, from their docstrings."""
    lines = ["# Transforms", "", "Generated from the docstrings by `python docs/generate.py`.", ""]
    for name, module in transforms().items():
        lines += [f"## {name}", "", f"Family `{module.FAMILY}`; proposed on {', '.join(module.ENGINES)}.", ""]
        lines += ["```text", inspect.cleandoc(module.__doc__ or ""), "```", ""]
    return "\n".join(lines)


def command_page() -> str:
    """Markdown of the command line, from its own help."""
    environment = dict(os.environ, COLUMNS="100", NO_COLOR="1", TERM="dumb")
    commands = ["", "optimize", "verify", "analyze", "explain", "recheck", "transforms", "runs", "workloads"]
    lines = ["# Command line", "", "Generated from `qw --help` by `python docs/generate.py`.", ""]
    for command in commands:
        words = [str(Path(sys.executable).parent / "qw"), *command.split(), "--help"]
        shown = subprocess.run(words, capture_output=True, text=True, env=environment, check=True).stdout
        text = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        lines += [f"## qw {command}".rstrip(), "", "```text", text, "```", ""]
    return "\n".join(lines)


def main() -> int:
    """Write or check every page; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    drifted = 0
    for name, text in {"transforms.md": transforms_page(), "command-line.md": command_page()}.items():
        path = REFERENCE / name
        current = path.read_text(encoding="utf-8") if path.exists() else ""
        if current == text:
            continue
        if check:
            drifted += 1
            sys.stdout.writelines(difflib.unified_diff(current.splitlines(True), text.splitlines(True), str(path), "generated"))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if drifted:
        print(f"{drifted} page(s) out of date: run `make docs`.")
    return 1 if drifted else 0


if __name__ == "__main__":
    sys.exit(main())
