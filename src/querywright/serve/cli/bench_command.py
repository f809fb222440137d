"""``qw bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.options import DatabaseOption, JsonOption, MemoryOption, ThreadsOption

commands = typer.Typer()


@commands.command("bench")
def bench(
    target: Annotated[
        str | None, typer.Argument(metavar="TARGET", help="A folder of .sql files (with --db) or a workload, such as tpcds:sf=1.")
    ] = None,
    db: DatabaseOption = None,
    only: Annotated[str | None, typer.Option(help="Names of queries, separated by commas.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Search budget of a query in seconds; default: 60.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for all results; one that holds the same bench goes on. Default: a new one.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the bench in this folder, as it was asked.")] = None,
    compare: Annotated[
        Path | None, typer.Option(help="A folder of somebody else's rewrites, same file names, for the same judge.")
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Check every recommendation again, with code that shares nothing with the judge.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0.1, help="Most seconds one execution may take; default: 60.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of searches and generated databases; default: 0.")] = None,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    json_output: JsonOption = False,
) -> None:
    """Optimize every query of a workload or folder, and report how much faster it gets, with all evidence in one folder.

    A query that cannot be used is reported, and the others go on. A killed bench continues with --resume or the same --out.

    Exit codes: 0 something is recommended, 3 nothing is, 1 the audit found an offender or a query made Querywright fail, 2 bad
    input or no query that can be used.
    """
    from querywright.serve.cli import benching

    raise typer.Exit(
        benching.run(
            benching.Asked(target, db, only, seconds, out, resume, compare, audit, timeout, seed, threads, memory, json_output)
        )
    )
