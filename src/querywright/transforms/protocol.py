"""What a transform module provides.

A transform is one module: a docstring with the sections What, When, Sound, Source and Example, the constants ``FAMILY`` (one of
`FAMILIES`) and ``ENGINES`` (where its result can be written and means the same), and two functions. ``find`` walks a qualified
tree and yields a `Site` wherever all preconditions are proved, or `Blocked` where the pattern is there but a precondition is
not. ``rewrite`` changes the tree at one site.

Whether it pays on an engine is measured: ``slow_queries/<name>.sql`` may hold queries for that (see `querywright.profiling`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from sqlglot import exp

from querywright.sql.facts import NONE_NEEDED, Facts, Premises

Family = Literal[
    "decorrelate",
    "early_filter",
    "or_to_union",
    "date_cte_isolate",
    "pushdown",
    "multi_push_predicate",
    "flatten_subquery",
    "reorder_join",
    "materialize_cte",
    "inline_cte",
    "remove_redundant",
    "semantic_rewrite",
]
"""The twelve names of transforms that people and models speak of; each rule belongs to one."""

FAMILIES: tuple[Family, ...] = get_args(Family)


@dataclass(frozen=True)
class Site:
    """A place where a transform applies: ``node`` of the tree, and the premises that its soundness uses.

    A transform that has more to remember between ``find`` and ``rewrite`` derives its own site class.
    """

    node: exp.Expr
    premises: Premises = field(default=NONE_NEEDED, kw_only=True)


@dataclass(frozen=True)
class Blocked:
    """A place that has the transform's pattern but lacks a precondition; ``precondition`` is a sentence for the user."""

    node: exp.Expr
    precondition: str


class Transform(Protocol):
    """The module-level interface of a transform."""

    FAMILY: Family
    ENGINES: tuple[str, ...]

    def find(self, query: exp.Query, facts: Facts) -> Iterator[Site | Blocked]:
        """Sites in the order of the text. Must not change the tree."""
        ...

    def rewrite(self, site: Site, facts: Facts) -> exp.Query:
        """Change the tree (``facts.tree``, a private copy) at ``site`` and return its root.

        New columns must be written with their table; the driver settles what reading the text would settle. Output columns keep
        their names.
        """
        ...


def replace_block(facts: Facts, block: exp.Query, replacement: exp.Query) -> exp.Query:
    """Put ``replacement`` where ``block`` stands, with the WITH clause of ``block``, and return the root of the tree."""
    clause = block.args.get("with_")
    if clause is not None and replacement.args.get("with_") is None:
        block.set("with_", None)
        replacement.set("with_", clause)
    if block is facts.tree:
        return replacement
    block.replace(replacement)
    return facts.tree


def add_cte(root: exp.Query, name: str, body: exp.Query) -> None:
    """Append a common table expression to the WITH clause of ``root``, creating the clause where there is none."""
    definition = exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(name)))
    clause = root.args.get("with_")
    if clause is None:
        root.set("with_", exp.With(expressions=[definition]))
    else:
        clause.append("expressions", definition)
