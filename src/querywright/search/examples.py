"""Example sets: which of the twelve names of transforms an iteration, a worker or a generation leads with.

A model is shown gold examples of these transforms. The rule proposer tries their rules first, or, where workers divide the
work, nothing but them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Literal, get_args

from querywright.analyze import Hint
from querywright.transforms.protocol import FAMILIES, Family

Strategy = Literal["rotate", "diverse", "hints", "retrieved"]
"""``rotate`` goes round `EXAMPLE_ROTATION`; ``diverse`` deals all twelve names anew after every four sets; ``hints`` follows
the hints on the query, and so does ``retrieved``, but a model is shown the examples whose queries are most like this one."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

EXAMPLE_ROTATION: tuple[tuple[Family, ...], ...] = (
    ("decorrelate", "early_filter", "or_to_union"),
    ("date_cte_isolate", "pushdown", "multi_push_predicate"),
    ("flatten_subquery", "reorder_join", "materialize_cte"),
    ("inline_cte", "remove_redundant", "semantic_rewrite"),
    ("decorrelate", "reorder_join", "pushdown"),
)
"""High-impact structure; filters; joins and subqueries; cleaning up; a mixture. The first four cover all names."""

COVERING = 4
"""How many leading sets cover all names."""

_SIZE = 3


def example_set(strategy: Strategy, number: int, hints: Sequence[Hint], seed: int) -> tuple[str, ...]:
    """The example set of iteration ``number``, from 1; past the last set it starts again with the first."""
    if strategy == "rotate":
        return EXAMPLE_ROTATION[(number - 1) % len(EXAMPLE_ROTATION)]
    if strategy == "diverse":
        deal, place = divmod(number - 1, COVERING)
        names = list(FAMILIES)
        Random(f"{seed}-{deal}").shuffle(names)
        return tuple(names[place * _SIZE : (place + 1) * _SIZE])
    return tuple(dict.fromkeys(hint.family for hint in hints))[:_SIZE]


def worker_example_set(strategy: Strategy, number: int, hints: Sequence[Hint], seed: int) -> tuple[str, ...]:
    """The example set of worker ``number``: as `example_set`, but under ``hints`` each worker gets names of its own."""
    if strategy not in ("hints", "retrieved"):
        return example_set(strategy, number, hints, seed)
    names = list(dict.fromkeys([*(hint.family for hint in hints), *FAMILIES]))
    place = (number - 1) % COVERING * _SIZE
    return tuple(names[place : place + _SIZE])
