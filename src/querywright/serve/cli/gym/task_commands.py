"""``qw gym tasks`` and ``qw gym tasks build``."""

from __future__ import annotations

from typing import Annotated

import typer

from querywright.serve.cli.gym.agent_commands import FamilyOption, SplitOption
from querywright.serve.cli.options import JsonOption

commands = typer.Typer(name="tasks", help="The tasks: list them, build more.", invoke_without_command=True)


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
    count: Annotated[int, typer.Option(min=1, help="Tasks of this seed that there shall be.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other tasks.")] = 1,
    sources: Annotated[
        str | None, typer.Option(help="Where from, separated by commas, such as hr,hr/sqlite; default: all.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds; run again to go on.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Drafts worked on side by side; default: one for each processor.")
    ] = None,
) -> None:
    """Draft tasks, verify and measure their reference rewrites, keep those with clear headroom; goes on where it was stopped."""
    from querywright.serve.cli.gym import tasking

    raise typer.Exit(tasking.build_tasks(count, seed, sources, seconds, processes))
