"""``qw gym serve`` and ``qw gym validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.options import JsonOption

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[
        list[int] | None, typer.Option(min=0, max=65535, help="Port; repeat to listen on several. Default: 7860.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Rewards: verified, which cannot be gamed; work, of rows instead of times; source, as published.")
    ] = "verified",
    threads: Annotated[int, typer.Option(min=1, help="Requests worked on side by side; queries are examined one at a time.")] = 4,
    leaderboard: Annotated[
        Path | None, typer.Option(help="File of the leaderboard; default: QUERYWRIGHT_LEADERBOARD, or one in the cache folder.")
    ] = None,
) -> None:
    """Serve the environment over HTTP and, where OpenEnv is installed, to its clients; stop with Ctrl-C."""
    from querywright.serve.cli.gym import serving

    raise typer.Exit(serving.serve(host, tuple(port or (7860,)), profile, threads, leaderboard))


@commands.command()
def validate(
    directory: Annotated[Path, typer.Argument(metavar="DIRECTORY", help="An OpenEnv package.")] = Path(
        "environments/querywright_env"
    ),
    url: Annotated[str | None, typer.Option(help="Validate a running server instead.")] = None,
    level: Annotated[str, typer.Option(help="static, runtime or semantic: how far to go.")] = "semantic",
    json_output: JsonOption = False,
) -> None:
    """Run OpenEnv's validation; the package's server runs as a process on this machine, no Docker is needed.

    Exit codes: 0 nothing failed, 1 something did, 2 bad input.
    """
    from querywright.serve.cli.gym import serving

    raise typer.Exit(serving.validate(directory, url, level, json_output))
