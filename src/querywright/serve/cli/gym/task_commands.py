"""``qw gym tasks`` and ``qw gym tasks build``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.gym.agent_commands import FamilyOption, SplitOption
from querywright.serve.cli.options import JsonOption

commands = typer.Typer(name="tasks", help="The tasks: list them, build more.", invoke_without_command=True)

_COUNT = 100


@commands.callback()
def tasks(
    context: typer.Context, split: SplitOption = None, family: FamilyOption = None, json_output: JsonOption = False
) -> None:
    """List the tasks, or build more of them."""
    if context.invoked_subcommand is None:
        from querywright.serve.cli.gym import tasking

        raise typer.Exit(tasking.show_tasks(split, family, json_output))


@commands.command()
def build(
    count: Annotated[
        int | None,
        typer.Option(min=1, help="Tasks that there shall be; default: 100, or all that are given.", show_default=False),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another seed gives other tasks; default: 1, with --from 0.", show_default=False)
    ] = None,
    sources: Annotated[
        str | None, typer.Option(help="Where from, separated by commas, such as hr,hr/sqlite; default: all.")
    ] = None,
    given: Annotated[
        Path | None,
        typer.Option("--from", help="Certify the prompts that `qw factory export` wrote; --seed is that of the export."),
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds; run again to go on.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Drafts worked on side by side; default: one for each processor.")
    ] = None,
) -> None:
    """Draft tasks, verify and measure their reference rewrites, keep those with clear headroom; goes on where it was stopped."""
    from querywright.serve.cli.gym import tasking

    if given is not None:
        raise typer.Exit(tasking.build_given(given, count, seed or 0, seconds, processes))
    raise typer.Exit(tasking.build_tasks(count or _COUNT, 1 if seed is None else seed, sources, seconds, processes))
