"""``qw factory run``, ``stats``, ``augment``, ``export`` and ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.options import MODEL, JsonOption

commands = typer.Typer(
    name="factory", help="Training data: make it, look at it, multiply, export, check it.", no_args_is_help=True
)

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run.")]


@commands.command()
def run(
    context: typer.Context,
    engine: Annotated[
        str,
        typer.Option(
            help="duckdb, sqlite, or both separated by a comma; each has a process of its own. Default: those that --db fits."
        ),
    ] = "duckdb,sqlite",
    stage: Annotated[int, typer.Option(min=1, max=2, help="1: few queries, many solutions; 2: many different queries.")] = 2,
    examples: Annotated[int, typer.Option(min=1, help="Stop at so many examples.")] = 15_000,
    iterations: Annotated[int | None, typer.Option(min=1, help="Stop after so many iterations of 20 slow queries.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Stop so many seconds after this command began.")] = None,
    candidates: Annotated[
        int, typer.Option(min=1, help="Most solutions that are tried for a slow query; a model is asked as often.")
    ] = 5,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Least reward of an example.")] = 0.25,
    seed: Annotated[int, typer.Option(help="Seed of the queries.")] = 0,
    proposers: Annotated[str, typer.Option(help="Who solves: rules, indexes, model, separated by commas.")] = "rules,indexes",
    db: Annotated[
        list[str] | None, typer.Option(help="Your own database instead of the domain schemas; it is only read. Repeatable.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The proposer model, which writes slow queries too; default: QUERYWRIGHT_MODEL.", rich_help_panel=MODEL
        ),
    ] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            help="openai, anthropic, deepseek, openrouter, huggingface, vllm, ollama, llama.cpp or compatible.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible server.", rich_help_panel=MODEL)] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of an answer.", rich_help_panel=MODEL)] = 8192,
    max_cost: Annotated[
        float | None,
        typer.Option(min=0, help="Most US dollars for the whole run; each engine has its share.", rich_help_panel=MODEL),
    ] = None,
    max_calls: Annotated[
        int | None,
        typer.Option(min=0, help="Most paid calls for the whole run; each engine has its share.", rich_help_panel=MODEL),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(help="US dollars per million tokens, prompt and answer, as 0.5,1.5.", rich_help_panel=MODEL),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder; in one that holds a run, what is not given is as it was.")] = Path("factory"),
    json_output: JsonOption = False,
) -> None:
    """Make verified examples of slow queries and faster ones; stop with Ctrl-C, go on with the same command.

    Exit codes: 0 done, or the budget of a model that solves alone is used up, 1 its server is away, 2 bad input, 130 interrupted.
    """
    from querywright.factory.values import Plan
    from querywright.serve.cli import inputs
    from querywright.serve.cli.factory import making

    plan = Plan(
        engines=making.names(engine),
        stage=1 if stage == 1 else 2,
        examples=examples,
        iterations=iterations,
        seconds=seconds,
        candidates=candidates,
        threshold=threshold,
        seed=seed,
        proposers=making.names(proposers),
        databases=making.databases(db or ()),
        model=model,
        provider=provider,
        base_url=base_url,
        max_tokens=max_tokens,
        max_cost=max_cost,
        max_calls=max_calls,
        price=inputs.read_price(price),
    )
    raise typer.Exit(making.run(plan, making.asked(context), out, json_output))


@commands.command()
def stats(folder: FolderArgument, json_output: JsonOption = False) -> None:
    """Print what a run holds, and draw its histograms into the folder's stats/."""
    from querywright.serve.cli.factory import using

    raise typer.Exit(using.stats(folder, json_output))


@commands.command()
def augment(
    context: typer.Context,
    folder: FolderArgument,
    variants: Annotated[int, typer.Option(min=1, max=6, help="Variants of each example.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the constants.")] = 0,
    dialects: Annotated[
        bool, typer.Option(help="Put each example into the dialect of the other engine as well, where it is timed anew.")
    ] = True,
    json_output: JsonOption = False,
) -> None:
    """Multiply the examples: other names, other constants, the other dialect; stop with Ctrl-C, go on with the same command.

    Each variant is executed, and timed anew unless names are all that differs. Exit codes: 0 done, 2 bad input, 130 interrupted.
    """
    from querywright.factory.variants import Wanted
    from querywright.serve.cli.factory import making, using

    given = making.asked(context, Wanted)
    raise typer.Exit(using.augment(folder, Wanted(variants, seed, dialects), given, json_output))


@commands.command()
def export(
    folder: FolderArgument,
    out: Annotated[Path | None, typer.Option(help="Where to; default: finetuning/ in the folder.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Write conversations, preference pairs, prompts for reinforcement learning, Parquet, and the data set's card."""
    from querywright.serve.cli.factory import using

    raise typer.Exit(using.export(folder, out, json_output))


@commands.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .jsonl file of conversations that was exported.")],
    rows: Annotated[int, typer.Option(min=1000, help="Rows of the largest table of the fresh databases.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of their data; the examples were made with 1.")] = 2,
    json_output: JsonOption = False,
) -> None:
    """Check a file from itself alone: fresh databases are generated, and both queries of each line run there.

    Exit codes: 0 all lines hold, 1 some do not, 2 bad input or malformed lines.
    """
    from querywright.serve.cli.factory import using

    raise typer.Exit(using.check(file, rows, seed, json_output))
