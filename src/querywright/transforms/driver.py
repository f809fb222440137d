"""Finds where transforms apply and applies them, holding each to its contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import cast

from sqlglot import exp

from querywright.errors import ContractError, QueryError
from querywright.registry import plugins
from querywright.sql.facts import Facts
from querywright.sql.paths import path_of
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.sql.trees import copied
from querywright.transforms.protocol import Blocked, Site, Transform
from querywright.values import Step


@dataclass(frozen=True)
class Finding:
    """A site of a transform in one tree: ``index`` counts the transform's sites; ``path`` tells people where it is."""

    transform: str
    index: int
    path: str
    site: Site


@dataclass(frozen=True)
class Obstacle:
    """A place where a transform would apply if a precondition held."""

    transform: str
    path: str
    precondition: str


@dataclass(frozen=True)
class Rewritten:
    """A qualified tree after one step; ``text`` is the SQL it was read from."""

    tree: exp.Query
    step: Step
    text: str


def transforms(engine: str | None = None) -> dict[str, Transform]:
    """All transforms by name, or those whose result ``engine`` understands."""
    modules = cast("dict[str, Transform]", plugins("querywright.transforms"))
    return {name: module for name, module in modules.items() if engine is None or engine in module.ENGINES}


def survey(
    tree: exp.Query, schema: Schema, dialect: str, names: Sequence[str], facts: Facts | None = None
) -> tuple[list[Finding], list[Obstacle]]:
    """Every site and every obstacle of the named transforms in a qualified tree, whose ``facts`` may be known already."""
    facts = facts or Facts(tree, schema, dialect)
    findings: list[Finding] = []
    obstacles: list[Obstacle] = []
    known = transforms()
    for name in names:
        index = 0
        for found in known[name].find(tree, facts):
            if isinstance(found, Blocked):
                obstacles.append(Obstacle(name, path_of(found.node), found.precondition))
            else:
                findings.append(Finding(name, index, path_of(found.node), found))
                index += 1
    return findings, obstacles


def apply(tree: exp.Query, schema: Schema, dialect: str, name: str, index: int) -> Rewritten:
    """Apply transform ``name`` at its site number ``index``; ``tree`` stays as it is.

    Raises `ContractError` where the transform returns something that does not qualify, or changes the output columns.
    """
    rewritten = _applied(tree, schema, dialect, name, index)
    if rewritten is None:
        raise ContractError(f"transform {name} has no site {index}.", "Use an index that survey() returned.")
    return rewritten


def _applied(tree: exp.Query, schema: Schema, dialect: str, name: str, index: int) -> Rewritten | None:
    facts = Facts(copied(tree), schema, dialect)
    module = transforms()[name]
    sites = (found for found in module.find(facts.tree, facts) if isinstance(found, Site))
    site = next(islice(sites, index, None), None)
    if site is None:
        return None
    path = path_of(site.node)
    premises = tuple(sorted(site.premises, key=lambda p: (p.table, p.kind, p.columns)))
    changed = module.rewrite(site, facts)
    text = changed.sql(dialect, copy=False)
    names = tree.named_selects
    try:
        qualified = qualify_text(text, schema, dialect, names, f"the output of transform {name}")
    except QueryError as error:
        raise ContractError(f"transform {name} produced SQL that does not bind: {error.message}\n{text}") from error
    if qualified.named_selects != names:
        raise ContractError(f"transform {name} changed the output columns {names} to {qualified.named_selects}.")
    return Rewritten(qualified, Step(name, path, premises), text)


def apply_everywhere(
    tree: exp.Query, schema: Schema, dialect: str, name: str, limit: int = 32, first: Rewritten | None = None
) -> Rewritten | None:
    """Apply a transform at its first site again and again until none is left; None where there is no site.

    ``first`` is what `apply` made of site 0, where that is known.

    Raises `ContractError` where a transform keeps finding sites beyond ``limit`` or produces what it was given.
    """
    steps: list[Step] = []
    current = tree
    text = ""
    for _ in range(limit):
        rewritten = first if first is not None and not steps else _applied(current, schema, dialect, name, 0)
        if rewritten is None:
            break
        if rewritten.text == text:
            raise ContractError(f"transform {name} rewrote a query into itself.")
        current, text = rewritten.tree, rewritten.text
        steps.append(rewritten.step)
    else:
        raise ContractError(f"transform {name} still finds sites after {limit} applications.")
    if not steps:
        return None
    premises = tuple(dict.fromkeys(premise for step in steps for premise in step.premises))
    return Rewritten(current, Step(name, ", ".join(dict.fromkeys(step.path for step in steps)), premises), text)
