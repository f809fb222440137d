"""Where tasks come from: schemas with their databases, from small to large, each with its hidden ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from querywright.gym.certifying import Place
from querywright.workloads.driver import domains, workloads

QUESTIONS = "questions"

_ROWS = {"duckdb": (3_000, 10_000, 30_000, 100_000), "sqlite": (1_000, 3_000, 10_000, 30_000)}

_ASKING = tuple(name for name in domains() if workloads()[name].QUERY_NAMES)
"""The domains that come with questions."""


def _domain_places(name: str, engine: str) -> Iterator[Place]:
    written = "" if engine == "duckdb" else f",engine={engine}"
    for rows in _ROWS[engine]:
        yield f"{name}:rows={rows}{written}", (f"{name}:rows={rows},seed=2{written}", f"{name}:rows=1000,seed=3{written}")


def _benchmark_places(name: str, factors: Sequence[tuple[str, str, str]]) -> Iterator[Place]:
    for factor, twin, small in factors:
        yield f"{name}:sf={factor}", (f"{name}:sf={twin}", f"{name}:sf={small}")


def _shop_places() -> Iterator[Place]:
    small = "shop:variant=varied,scale=0.02,seed=11"
    for scale in ("0.03", "0.1", "0.3"):
        yield f"shop:scale={scale},compression=off", (f"shop:variant=varied,scale={scale},seed=7,compression=off", small)


SOURCES: Mapping[str, Sequence[Place]] = {
    **{name: tuple(_domain_places(name, "duckdb")) for name in domains()},
    **{f"{name}/sqlite": tuple(_domain_places(name, "sqlite")) for name in domains()},
    **{f"{name}/{QUESTIONS}": tuple(_domain_places(name, "duckdb"))[-2:] for name in _ASKING},
    **{f"{name}/sqlite/{QUESTIONS}": tuple(_domain_places(name, "sqlite"))[1:] for name in _ASKING},
    "shop": tuple(_shop_places()),
    # The generators of the TPC have no seed: a hidden database is of nearly the same size, with other rows.
    "tpch": tuple(_benchmark_places("tpch", (("0.03", "0.032", "0.008"), ("0.1", "0.11", "0.01")))),
    "tpcds": tuple(_benchmark_places("tpcds", (("0.1", "0.11", "0.01"),))),
}
"""By name: a schema, on DuckDB unless another engine follows; and where ``questions`` follow, those that it comes with."""


def drafted_on(source: str) -> str:
    """The database whose values stand in a source's queries: those of the others are of the same kinds."""
    places = SOURCES[source]
    return places[len(places) // 2][0]
