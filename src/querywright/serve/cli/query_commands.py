"""The commands about a query, an engine and the workloads: each parses its arguments, calls, and prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.options import (
    MODEL,
    BindOption,
    DatabaseOption,
    JsonOption,
    MemoryOption,
    SqlArgument,
    ThreadsOption,
    TimeoutOption,
)

commands = typer.Typer()


@commands.command()
def optimize(
    sql: SqlArgument,
    db: DatabaseOption = None,
    mode: Annotated[
        str | None,
        typer.Option(help="single, parallel, iterative or swarm; default: iterative, or that of the resumed run."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers of mode parallel (default 5), generations of mode swarm (default 20).")
    ] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Most iterations; default: 5.")] = None,
    target_speedup: Annotated[float | None, typer.Option(min=1.0, help="Stop once this speedup is certain; default: 2.")] = None,
    no_early_stop: Annotated[
        bool, typer.Option("--no-early-stop", help="Use all iterations even when the target is met.")
    ] = False,
    no_ml_hints: Annotated[
        bool,
        typer.Option("--no-ml-hints", help="Do not ask trained rankers for hints; where none is installed this changes nothing."),
    ] = False,
    example_strategy: Annotated[
        str | None,
        typer.Option(
            help="Which transforms an iteration or worker leads with: rotate (five fixed sets), diverse, hints, or retrieved (as "
            "hints, and a model is shown the examples most like the query); default: rotate, but for rules in mode iterative, "
            "which follow the hints."
        ),
    ] = None,
    sample_db: Annotated[
        str | None,
        typer.Option(help="A smaller database to try candidates on first; default: a 1 % sample (all modes but iterative)."),
    ] = None,
    bind: BindOption = None,
    seconds: Annotated[float, typer.Option(min=1, help="Budget of the search in seconds.")] = 300.0,
    candidates: Annotated[int | None, typer.Option(min=1, help="Budget of the search in candidates; default: 200.")] = None,
    beam: Annotated[int | None, typer.Option(min=1, help="Queries expanded in one iteration; default: 3.")] = None,
    assume: Annotated[
        str | None, typer.Option(help="checked-keys: also recommend what rests on keys found in today's data.")
    ] = None,
    accept_timeout: Annotated[
        bool, typer.Option("--accept-timeout", help="Recommend even if the original never finished.")
    ] = False,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    timeout: TimeoutOption = 60.0,
    seed: Annotated[int | None, typer.Option(help="Seed of the search and of the generated databases; default: 0.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to save the faster query; default: NAME_optimized.sql.")
    ] = None,
    runs_dir: Annotated[Path | None, typer.Option(help="Folder of run directories; default: runs.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Continue an interrupted run directory; its mode, extent, seed and model hold unless others are named."
        ),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a self-contained HTML report.")] = None,
    proposers: Annotated[
        str | None,
        typer.Option(help="rules, model, or rules,model (rules go first); default: rules, and the model where one is named."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Model to ask; default: QUERYWRIGHT_MODEL.", rich_help_panel=MODEL)] = None,
    provider: Annotated[
        str | None,
        typer.Option(
            help="openai, anthropic, deepseek, openrouter, huggingface, vllm, ollama, llama.cpp or compatible.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    base_url: Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible server.", rich_help_panel=MODEL)] = None,
    embedding_model: Annotated[
        str | None,
        typer.Option(
            help="Model of the same server that compares the query with the examples for --example-strategy retrieved; default: "
            "none, their words are compared on this machine.",
            rich_help_panel=MODEL,
        ),
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Sampling temperature.", rich_help_panel=MODEL)] = None,
    reasoning_effort: Annotated[
        str | None, typer.Option(help="low, medium or high, where the model has it.", rich_help_panel=MODEL)
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Most tokens of an answer.", rich_help_panel=MODEL)] = 8192,
    reply_timeout: Annotated[float, typer.Option(help="Most seconds one request may take.", rich_help_panel=MODEL)] = 180.0,
    retries: Annotated[int, typer.Option(help="Repeated requests of one call.", rich_help_panel=MODEL)] = 3,
    concurrency: Annotated[int, typer.Option(help="Most calls at a time.", rich_help_panel=MODEL)] = 20,
    requests_per_minute: Annotated[float | None, typer.Option(help="Most requests a minute.", rich_help_panel=MODEL)] = None,
    max_cost: Annotated[float | None, typer.Option(help="Most US dollars for the whole run.", rich_help_panel=MODEL)] = None,
    max_calls: Annotated[int | None, typer.Option(help="Most paid calls for the whole run.", rich_help_panel=MODEL)] = None,
    price: Annotated[
        str | None,
        typer.Option(help="US dollars per million tokens, prompt and answer, as 0.5,1.5.", rich_help_panel=MODEL),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Refuse every call to a model.", rich_help_panel=MODEL)] = False,
    replay: Annotated[
        Path | None, typer.Option(help="Answer from a recorded run's exchanges.jsonl.", rich_help_panel=MODEL)
    ] = None,
    redact_literals: Annotated[
        bool, typer.Option("--redact-literals", help="Show the model placeholders for all literals.", rich_help_panel=MODEL)
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Find a faster query that returns the same rows, with evidence and an honest measurement.

    Exit codes: 0 a faster query was found, 3 none or unconfirmed, 2 bad input.
    """
    from querywright.chat.options import ChatOptions
    from querywright.serve.cli import inputs, optimizing

    raise typer.Exit(
        optimizing.run(
            optimizing.Request(
                sql=sql,
                db=db,
                mode=mode,
                workers=workers,
                iterations=iterations,
                target=target_speedup,
                early_stop=not no_early_stop,
                example_strategy=example_strategy,
                sample_db=sample_db,
                bind=tuple(bind or ()),
                seconds=seconds,
                candidates=candidates,
                beam=beam,
                assume=assume,
                accept_timeout=accept_timeout,
                threads=threads,
                memory=memory,
                timeout=timeout,
                seed=seed,
                output=output,
                runs_dir=runs_dir,
                resume=resume,
                report=report,
                json_output=json_output,
                proposers=proposers,
                chat=ChatOptions(
                    model=model,
                    embedding_model=embedding_model,
                    provider=provider,
                    base_url=base_url,
                    temperature=temperature,
                    reasoning_effort=reasoning_effort,
                    max_tokens=max_tokens,
                    timeout=reply_timeout,
                    retries=retries,
                    concurrency=concurrency,
                    requests_per_minute=requests_per_minute,
                    max_cost=max_cost,
                    max_calls=max_calls,
                    price=inputs.read_price(price),
                    offline=offline,
                    replay=replay,
                ),
                redact_literals=redact_literals,
                ml_hints=not no_ml_hints,
            )
        )
    )


@commands.command()
def verify(
    original: Annotated[
        str | None, typer.Argument(metavar="A", help="The original: a .sql file or - for standard input.")
    ] = None,
    candidate: Annotated[str | None, typer.Argument(metavar="B", help="The query to compare with it.")] = None,
    db: DatabaseOption = None,
    schema: Annotated[Path | None, typer.Option(help="DDL file, of any dialect: verify without any data.")] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="File with a pair a line, as JSON with id, a, b and schema (DDL, or a file beside it).")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="With --pairs: file of verdicts; those it holds already stay.")] = None,
    dialect: Annotated[
        str,
        typer.Option(help="Dialect of the queries: duckdb, sqlite, or one to translate, such as postgres; auto tries several."),
    ] = "auto",
    bind: BindOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Also demand equal column names and types.")] = False,
    counterexample: Annotated[Path | None, typer.Option(help="Where to write the counterexample as replayable SQL.")] = None,
    timeout: TimeoutOption = 60.0,
    seed: Annotated[int, typer.Option(help="Seed of the generated databases.")] = 0,
    json_output: JsonOption = False,
) -> None:
    """Decide whether two queries return the same rows, and say how that is known.

    Exit codes: 0 equal, 1 different, 3 not known, 2 bad input; with --pairs that of the worst pair.
    """
    from querywright.serve.cli import verifying

    if pairs is not None:
        raise typer.Exit(verifying.run_pairs(pairs, dialect, out, timeout, seed, json_output))
    if original is None or candidate is None:
        raise typer.BadParameter("Name two queries, A and B, or a file of pairs with --pairs.")
    raise typer.Exit(
        verifying.run(
            original, candidate, db, schema, dialect, tuple(bind or ()), strict, counterexample, timeout, seed, json_output
        )
    )


@commands.command()
def analyze(
    sql: SqlArgument,
    db: DatabaseOption = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Also survey transforms that do not pay on this engine.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Show the query graph, facts, anti-patterns, and which transforms apply where, or which precondition is missing."""
    from querywright.serve.cli import inspecting

    raise typer.Exit(inspecting.analyze(sql, db, everywhere, json_output))


@commands.command()
def explain(
    sql: SqlArgument,
    db: DatabaseOption = None,
    run: Annotated[bool, typer.Option("--analyze", help="Run the query and show actual rows and times.")] = False,
    bind: BindOption = None,
    timeout: TimeoutOption = 60.0,
    json_output: JsonOption = False,
) -> None:
    """Show the execution plan, the same tree for every engine."""
    from querywright.serve.cli import inspecting

    raise typer.Exit(inspecting.explain(sql, db, run, tuple(bind or ()), timeout, json_output))


@commands.command()
def recheck(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    db: DatabaseOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the fresh generated databases.")] = 1,
    timeout: TimeoutOption = 60.0,
    json_output: JsonOption = False,
) -> None:
    """Verify and measure a finished run's winner again, on fresh witness databases.

    Exit codes: 0 it still holds, 1 it does not, 3 not known, 2 bad input.
    """
    from querywright.serve.cli import rechecking

    raise typer.Exit(rechecking.run(run, db, seed, timeout, json_output))


@commands.command()
def transforms(
    name: Annotated[str | None, typer.Argument(help="Show one transform in full.")] = None, json_output: JsonOption = False
) -> None:
    """List the named rewrites, or show one with its soundness conditions and an example."""
    from querywright.serve.cli import inspecting

    raise typer.Exit(inspecting.transforms(name, json_output))


@commands.command()
def profile(
    engine: Annotated[str, typer.Option(help="Engine to measure on: duckdb or sqlite.")] = "duckdb",
    out: Annotated[Path | None, typer.Option(help="Where to write the figures; default: your own file.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Most seconds one execution may take.")] = 10.0,
    scale: Annotated[
        float | None, typer.Option(min=0.001, help="Scale of the data, 1 for TPC-H SF1; default: 1 on duckdb, 0.1 on sqlite.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Measure only this transform; repeat for several.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Measure what each transform gains on an engine; the figures order the search and give its estimates."""
    from querywright.serve.cli import profiling

    raise typer.Exit(profiling.run(engine, out, seconds, scale, tuple(only or ()), json_output))


@commands.command()
def workloads(
    name: Annotated[str | None, typer.Argument(help="Show one workload's queries and parameters.")] = None,
    json_output: JsonOption = False,
) -> None:
    """List the built-in workloads."""
    from querywright.serve.cli import inspecting

    raise typer.Exit(inspecting.workloads(name, json_output))
