"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

SqlArgument = Annotated[
    str, typer.Argument(metavar="QUERY", help="A .sql file, - for standard input, or a workload's query such as tpcds:15.")
]
DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--db",
        "--full-db",
        help="DuckDB or SQLite file or URL, folder or glob of Parquet/CSV files, or a workload (tpcds:sf=1, shop).",
    ),
]
BindOption = Annotated[
    list[str] | None,
    typer.Option("--bind", help="Parameter values, name=value,name=value; repeat for several sets. Positional ones are 1, 2, …"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Threads for the engine; default: the engine's own.")]
MemoryOption = Annotated[str | None, typer.Option(help="Memory for the engine, such as 4GB; default: the engine's own.")]
MODEL = "A model as second proposer"
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0.1, help="Most seconds one execution may take.")]
