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
from querywright.sql.fingerprint import fingerprint
from querywright.sql.names import quote_names
from querywright.sql.paths import path_of
from querywright.sql.requalify import requalify_text
from querywright.sql.schema import Schema
from querywright.sql.settling import settle
from querywright.sql.trees import printed
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
    """The qualified tree of ``facts`` after one step, without types until it is surveyed.

    ``settled``: the tree is plain SQL, which did not have to be printed and read again.
    """

    facts: Facts
    step: Step
    settled: bool

    @property
    def tree(self) -> exp.Query:
        """The tree, which is used up where it is rewritten further."""
        return self.facts.tree

    @property
    def text(self) -> str:
        """The SQL of the tree."""
        return printed(self.tree, self.facts.dialect)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the tree."""
        return fingerprint(self.tree, self.facts.dialect, self.facts.traversal if self.settled else None)


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
    facts = facts or Facts(tree, schema, dialect)
    facts.complete_types()
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


def apply(
    tree: exp.Query, schema: Schema, dialect: str, name: str, index: int, site: Site | None = None, facts: Facts | None = None
) -> Rewritten:
    """Apply transform ``name`` at its site number ``index``; ``tree``, whose ``facts`` may be known already, stays as it is.

    ``site`` is that site, where `survey` found it in ``tree`` already.

    Raises `ContractError` where the transform returns something that does not qualify, or changes the output columns.
    """
    facts = facts or Facts(tree, schema, dialect)
    site = site or _site(name, facts, index)
    if site is None:
        raise ContractError(f"transform {name} has no site {index}.", "Use an index that survey() returned.")
    return _rewritten_copy(name, site, facts)


def _site(name: str, facts: Facts, index: int = 0) -> Site | None:
    facts.complete_types()
    sites = (found for found in transforms()[name].find(facts.tree, facts) if isinstance(found, Site))
    return next(islice(sites, index, None), None)


def _rewritten_copy(name: str, site: Site, facts: Facts) -> Rewritten:
    """Rewrite a copy of the tree of ``facts``."""
    if site.node.root() is not facts.tree:
        raise ContractError(f"The site of transform {name} is not one of this tree.", "Use a site that survey() found in it.")
    private, twins = facts.of_copy()
    return _rewritten(name, relocated(site, twins), private)


def _rewritten(name: str, site: Site, facts: Facts) -> Rewritten:
    """Rewrite the tree of ``facts``, which is used up, at ``site``."""
    schema, dialect, names = facts.schema, facts.dialect, facts.tree.named_selects
    path = path_of(site.node)
    premises = tuple(sorted(site.premises, key=lambda p: (p.table, p.kind, p.columns)))
    changed = transforms()[name].rewrite(site, facts)
    settled = settle(changed, schema, dialect, names)
    known = settled or Facts(_reread(name, changed, facts, names), schema, dialect)
    if known.tree.named_selects != names:
        raise ContractError(f"transform {name} changed the output columns {names} to {known.tree.named_selects}.")
    return Rewritten(known, Step(name, path, premises), settled is not None)


def _reread(name: str, changed: exp.Query, facts: Facts, output_names: Sequence[str]) -> exp.Query:
    """What transform ``name`` made, printed and read again."""
    quote_names(changed, facts.dialect)
    text = changed.sql(facts.dialect, copy=False)
    try:
        return requalify_text(text, facts.schema, facts.dialect, output_names, f"the output of transform {name}")
    except QueryError as error:
        raise ContractError(f"transform {name} produced SQL that does not bind: {error.message}\n{text}") from error


def apply_everywhere(
    tree: exp.Query,
    schema: Schema,
    dialect: str,
    name: str,
    limit: int = 32,
    first: Rewritten | None = None,
    facts: Facts | None = None,
) -> Rewritten | None:
    """Apply a transform at its first site again and again until none is left; None where there is no site.

    The ``facts`` of ``tree`` may be known already; ``first`` is what `apply` made of site 0, where that is known.

    Raises `ContractError` where a transform keeps finding sites beyond ``limit``.
    """
    done = [] if first is None else [first]
    while len(done) < limit:
        facts = done[-1].facts if done else facts or Facts(tree, schema, dialect)
        site = _site(name, facts)
        if site is None:
            break
        shared = not done or done[-1] is first
        done.append(_rewritten_copy(name, site, facts) if shared else _rewritten(name, site, facts.during_changes()))
    else:
        raise ContractError(f"transform {name} still finds sites after {limit} applications.")
    if not done:
        return None
    steps = [rewritten.step for rewritten in done]
    premises = tuple(dict.fromkeys(premise for step in steps for premise in step.premises))
    last, path = done[-1], ", ".join(dict.fromkeys(step.path for step in steps))
    return Rewritten(last.facts, Step(name, path, premises), last.settled)
