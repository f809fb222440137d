"""``qw prompt`` and ``qw submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.options import BindOption, DatabaseOption, JsonOption, TimeoutOption

commands = typer.Typer()


@commands.command()
def prompt(
    sql: Annotated[
        str,
        typer.Argument(metavar="QUERY", help="A .sql file, -, a workload's query such as tpcds:15, or a run to go on with."),
    ],
    db: DatabaseOption = None,
    out: Annotated[Path | None, typer.Option(help="Make this run directory, for qw submit.")] = None,
    example_strategy: Annotated[
        str, typer.Option(help="Which examples: rotate (five fixed sets), diverse, hints or retrieved (most like the query).")
    ] = "rotate",
    number: Annotated[int, typer.Option(min=1, help="Which example set to begin with.")] = 1,
    target_speedup: Annotated[float, typer.Option(min=1.0, help="The speedup asked for.")] = 2.0,
    redact_literals: Annotated[
        bool, typer.Option("--redact-literals", help="Placeholders for all literals; qw submit puts them back.")
    ] = False,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Do not run the query for its plan; costs are estimates then.")
    ] = False,
    bind: BindOption = None,
    timeout: TimeoutOption = 60.0,
    json_output: JsonOption = False,
) -> None:
    """Print the prompt for a query, to paste into any chat window. Needs no key and calls nothing.

    With --out, or for a run made that way, the answer can be judged with qw submit; the next prompt then tells what came of it.
    """
    from querywright.serve.cli import prompting

    raise typer.Exit(
        prompting.run(
            prompting.Asking(
                sql, db, out, example_strategy, number, target_speedup, redact_literals, no_run, tuple(bind or ()), timeout
            ),
            json_output,
        )
    )


@commands.command()
def submit(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory of qw prompt --out.")],
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help="File with the answer of the chat window, or -.")],
    db: DatabaseOption = None,
    model: Annotated[str, typer.Option(help="Who answered, for the record.")] = "pasted",
    timeout: TimeoutOption = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of the generated databases.")] = 0,
    json_output: JsonOption = False,
) -> None:
    """Judge a pasted answer: verify every rewrite in it, then measure it, and keep all of it in the run directory.

    Exit codes: 0 a faster query was found, 3 none or unconfirmed, 2 bad input.
    """
    from querywright.serve.cli import submitting

    raise typer.Exit(submitting.run(run, answer, db, model, timeout, seed, json_output))
