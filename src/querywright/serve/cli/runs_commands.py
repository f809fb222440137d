"""The commands of ``qw runs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.options import JsonOption

commands = typer.Typer(name="runs", help="Past runs: list, show, compare, query with SQL.", no_args_is_help=False)

RunsOption = Annotated[Path | None, typer.Option("--runs-dir", help="Folder of run directories; default: runs.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's name, or its beginning where only one begins so.")]


@commands.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    sql: Annotated[
        str | None, typer.Option("--sql", help="Answer SQL over the tables runs, iterations, attempts, steps.")
    ] = None,
    runs_dir: RunsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Past runs: list, show, compare, query with SQL."""
    from querywright.serve.cli import running

    context.obj = (runs_dir, json_output)
    if context.invoked_subcommand is None:
        source = running.Source(runs_dir, json_output)
        raise typer.Exit(running.show_sql(source, sql) if sql is not None else running.show_list(source))


@commands.command("list")
def show_list(context: typer.Context, runs_dir: RunsOption = None, json_output: JsonOption = False) -> None:
    """All runs, the latest first."""
    from querywright.serve.cli import running

    raise typer.Exit(running.show_list(running.Source(*_options(context, runs_dir, json_output))))


@commands.command("show")
def show_run(
    context: typer.Context,
    run: RunArgument,
    best: Annotated[bool, typer.Option("--best", help="The fastest verified attempt, with its SQL.")] = False,
    valid: Annotated[bool, typer.Option("--valid", help="Attempts that were verified.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Attempts that were not, and why.")] = False,
    prompts: Annotated[bool, typer.Option("--prompts", help="What was asked in each iteration or generation.")] = False,
    runs_dir: RunsOption = None,
    json_output: JsonOption = False,
) -> None:
    """One run: its outcome, iterations and attempts."""
    from querywright.serve.cli import running

    chosen = [name for name, wanted in (("best", best), ("valid", valid), ("failed", failed), ("prompts", prompts)) if wanted]
    raise typer.Exit(running.show_run(running.Source(*_options(context, runs_dir, json_output)), run, chosen))


@commands.command("compare")
def show_comparison(
    context: typer.Context, first: RunArgument, second: RunArgument, runs_dir: RunsOption = None, json_output: JsonOption = False
) -> None:
    """Two runs side by side."""
    from querywright.serve.cli import running

    raise typer.Exit(running.show_comparison(running.Source(*_options(context, runs_dir, json_output)), first, second))


@commands.command("top")
def show_top(
    context: typer.Context,
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 10,
    runs_dir: RunsOption = None,
    json_output: JsonOption = False,
) -> None:
    """The runs with the highest recommended speedups."""
    from querywright.serve.cli import running

    raise typer.Exit(running.show_top(running.Source(*_options(context, runs_dir, json_output)), count))


@commands.command("transforms")
def show_transforms(context: typer.Context, runs_dir: RunsOption = None, json_output: JsonOption = False) -> None:
    """How often each transform was tried, verified and faster than what it was applied to."""
    from querywright.serve.cli import running

    raise typer.Exit(running.show_transforms(running.Source(*_options(context, runs_dir, json_output))))


@commands.command("sql")
def show_sql(
    context: typer.Context,
    statement: Annotated[str, typer.Argument(metavar="SQL", help="A query over the tables runs, iterations, attempts, steps.")],
    runs_dir: RunsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Answer SQL over all runs; ``DESCRIBE runs`` shows a table's columns."""
    from querywright.serve.cli import running

    raise typer.Exit(running.show_sql(running.Source(*_options(context, runs_dir, json_output)), statement))


def _options(context: typer.Context, runs_dir: Path | None, json_output: bool) -> tuple[Path | None, bool]:
    """The options of the subcommand, or else those given before its name."""
    given: tuple[Path | None, bool] = context.obj or (None, False)
    return runs_dir or given[0], json_output or given[1]
