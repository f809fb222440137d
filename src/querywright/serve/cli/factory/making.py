"""``qw factory run``: checks what was asked for, shows live progress, prints the figures."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from glob import has_magic
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.live import Live

from querywright.databases.specification import parse_spec, workload_instance
from querywright.errors import InputError
from querywright.factory.folder import resumed
from querywright.factory.loop import run as make
from querywright.factory.metrics import Metrics
from querywright.factory.stock import engines_of
from querywright.factory.values import Plan, Product
from querywright.factory.variants import Wanted
from querywright.registry import plugins

PROPOSERS = ("rules", "indexes", "model")
_FIELDS = {"engine": "engines", "db": "databases"}
"""Fields of the plan by the option, where they are not called alike."""


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas, each once."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def databases(given: Iterable[str]) -> tuple[str, ...]:
    """What opens the databases from wherever it is asked to: paths are absolute, URLs as they are typed."""
    return tuple(dict.fromkeys(map(_absolute, given)))


def _absolute(specification: str) -> str:
    path = Path(specification).expanduser()
    if workload_instance(specification) is not None:
        return parse_spec(specification)[0]
    known = "://" not in specification and (path.exists() or has_magic(specification))
    return str(path.resolve()) if known else specification


def asked(context: typer.Context, kind: type[Plan | Wanted] = Plan) -> set[str]:
    """The fields of ``kind`` that the command line names."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    return {_FIELDS.get(name, name) for name in given} & {one.name for one in fields(kind)}


def run(plan: Plan, given: Collection[str], out: Path, as_json: bool) -> int:
    """Make examples; returns the exit code. What was not ``given`` is as the run in the folder has it; without engines, those are
    chosen that fit the databases."""
    _checked("engine", plan.engines, tuple(plugins("querywright.engines")))
    _checked("proposer", plan.proposers, PROPOSERS)
    if "engines" not in given:
        fitting = tuple(engine for engine in plan.engines if all(engine in engines_of(schema) for schema in plan.databases))
        plan = replace(plan, engines=fitting or plan.engines)
    plan = resumed(out, plan, given)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            summary = make(
                plan,
                out,
                lambda metrics, product: live.update(_line(plan, metrics, product)),
                lambda said: console.print(said, markup=False),
            )
    except KeyboardInterrupt:
        console.print(f"Interrupted. What was completed is in {out}; the same command goes on with it.", markup=False)
        return 130
    if as_json:
        print(json.dumps(summary, indent=2))
    else:
        _print(Console(highlight=False, soft_wrap=True), summary, out)
    return 0


def _checked(kind: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown or not given:
        said = f"There is no {kind} {unknown[0]!r}." if unknown else f"No {kind} was named."
        raise InputError(said, f"Choose from {', '.join(known)}.")


def _line(plan: Plan, metrics: Metrics, product: Product) -> str:
    count = metrics.examples
    mean = metrics.rewards / count if count else 0.0
    return (
        f"{count:,} of {plan.examples:,} examples from {metrics.queries:,} slow queries, mean reward {mean:.2f}; "
        f"last: {product.order.engine}, {product.shape or 'nothing'}, {product.fate}"
    )


def _print(console: Console, summary: dict[str, Any], out: Path) -> None:
    hours = summary["examples_an_hour"]
    console.print(f"{summary['examples']:,} examples in {out}, {hours:,.0f} an hour", markup=False)
    console.print(f"  {summary['success_rate']:.0%} of {summary['slow_queries_tried']:,} slow queries became one")
    console.print(f"  mean reward {summary['mean_reward']:.2f} ± {summary['reward_deviation']:.2f}")
    console.print(f"  unique: {summary['unique_slow_queries']:.0%} of slow, {summary['unique_fast_queries']:.0%} of fast queries")
    if summary["model_calls"]:
        console.print(f"  the model: {summary['model_calls']:,} calls, ${summary['cost_usd']:.4f}")
    console.print(f"Next: qw factory stats {out}, qw factory augment {out}, qw factory export {out}", markup=False)
