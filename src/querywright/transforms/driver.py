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
from querywright.sql.names import quote_names
from querywright.sql.paths import path_of
from querywright.sql.qualify import complete_types
from querywright.sql.requalify import requalify_text
from querywright.sql.schema import Schema
from querywright.sql.trees import copied
from querywright.transforms._relocation import relocated
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
    """A qualified tree after one step, without types until it is surveyed; ``text`` is the SQL it was read from."""

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
    """Every site and every obstacle of the named transforms in a qualified tree, whose ``facts`` may be known already.

    A tree without types gets them.
    """
    complete_types(tree, schema, dialect)
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


def apply(tree: exp.Query, schema: Schema, dialect: str, name: str, index: int, site: Site | None = None) -> Rewritten:
    """Apply transform ``name`` at its site number ``index``; ``tree`` stays as it is.

    ``site`` is that site, where `survey` found it in ``tree`` already.

    Raises `ContractError` where the transform returns something that does not qualify, or changes the output columns.
    """
    site = site or _site(name, Facts(tree, schema, dialect), index)
    if site is None:
        raise ContractError(f"transform {name} has no site {index}.", "Use an index that survey() returned.")
    return _rewritten_copy(name, site, Facts(tree, schema, dialect))


def _site(name: str, facts: Facts, index: int = 0) -> Site | None:
    complete_types(facts.tree, facts.schema, facts.dialect)
    sites = (found for found in transforms()[name].find(facts.tree, facts) if isinstance(found, Site))
    return next(islice(sites, index, None), None)


def _rewritten_copy(name: str, site: Site, facts: Facts) -> Rewritten:
    """Rewrite a copy of the tree of ``facts``."""
    if site.node.root() is not facts.tree:
        raise ContractError(f"The site of transform {name} is not one of this tree.", "Use a site that survey() found in it.")
    copy = copied(facts.tree, positions=False)
    private = Facts(copy, facts.schema, facts.dialect)
    private.settle()
    return _rewritten(name, relocated(site, facts.tree, copy), private)


def _rewritten(name: str, site: Site, facts: Facts) -> Rewritten:
    """Rewrite the tree of ``facts``, which is used up, at ``site``."""
    schema, dialect, names = facts.schema, facts.dialect, facts.tree.named_selects
    path = path_of(site.node)
    premises = tuple(sorted(site.premises, key=lambda p: (p.table, p.kind, p.columns)))
    changed = transforms()[name].rewrite(site, facts)
    quote_names(changed, dialect)
    text = changed.sql(dialect, copy=False)
    try:
        qualified = requalify_text(text, schema, dialect, names, f"the output of transform {name}")
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
    done = [] if first is None else [first]
    while len(done) < limit:
        facts = Facts(done[-1].tree if done else tree, schema, dialect)
        site = _site(name, facts)
        if site is None:
            break
        shared = not done or done[-1] is first
        further = _rewritten_copy(name, site, facts) if shared else _rewritten(name, site, facts)
        if done and further.text == done[-1].text:
            raise ContractError(f"transform {name} rewrote a query into itself.")
        done.append(further)
    else:
        raise ContractError(f"transform {name} still finds sites after {limit} applications.")
    if not done:
        return None
    steps = [rewritten.step for rewritten in done]
    premises = tuple(dict.fromkeys(premise for step in steps for premise in step.premises))
    return Rewritten(done[-1].tree, Step(name, ", ".join(dict.fromkeys(step.path for step in steps)), premises), done[-1].text)
