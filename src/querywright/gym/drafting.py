"""Drafts of tasks: slow queries made by inverse transforms, with their clean originals, before anything is verified or measured.

Clean queries come from the query generator and from the workloads. Draft number n of a seed depends on nothing but the two and
on the counts of anti-patterns so far, which keep any of them from taking over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from sqlglot import exp

from querywright.antipatterns.driver import antipatterns, habits
from querywright.errors import InputError, QueryError
from querywright.generation.identity import skeleton
from querywright.generation.inject import Injected, inject_habits
from querywright.generation.queries import QueryGenerator
from querywright.generation.statistics import statistics
from querywright.gym.certifying import Certifier
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.workloads.driver import workloads

QUESTIONS = "questions"
DOMAINS = ("ecommerce", "hr", "analytics", "social", "content")

SOURCES: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]] = {
    **{
        name: tuple(
            (f"{name}:rows={rows}", (f"{name}:rows={rows},seed=2", f"{name}:rows=1000,seed=3"))
            for rows in (100_000, 20_000, 3_000)
        )
        for name in DOMAINS
    },
    **{
        f"{name}/sqlite": tuple(
            (
                f"{name}:rows={rows},engine=sqlite",
                (f"{name}:rows={rows},seed=2,engine=sqlite", f"{name}:rows=1000,seed=3,engine=sqlite"),
            )
            for rows in (20_000, 3_000)
        )
        for name in DOMAINS
    },
    **{
        f"{name}/{QUESTIONS}": ((f"{name}:rows=100000", (f"{name}:rows=100000,seed=2", f"{name}:rows=1000,seed=3")),)
        for name in DOMAINS
    },
    "shop": (
        ("shop", ("shop:variant=varied,seed=7", "shop:variant=varied,scale=0.02,seed=11")),
        ("shop:scale=0.1", ("shop:variant=varied,scale=0.1,seed=7", "shop:variant=varied,scale=0.02,seed=11")),
    ),
    # The generators of the TPC have no seed: a hidden database is of nearly the same size, with other rows.
    "tpch": (("tpch:sf=0.1", ("tpch:sf=0.11", "tpch:sf=0.01")), ("tpch:sf=0.01", ("tpch:sf=0.012", "tpch:sf=0.005"))),
    "tpcds": (("tpcds:sf=0.1", ("tpcds:sf=0.11", "tpcds:sf=0.01")),),
}
"""Where tasks come from, a schema, on another engine than DuckDB, or its own slow questions: the databases that a task may have,
the preferred one first, each with its hidden ones."""

_WEIGHTS = {"critical": 8.0, "high": 8.0, "medium": 4.0, "low": 0.5}
"""How often an anti-pattern is put in, by what it costs on an engine that does little about it."""

_COMPANION = 0.4
_PAYING = {
    "duckdb": {
        "running_total_by_rescan": 20.0,
        "inequality_self_join": 10.0,
        "scan_per_value": 20.0,
        "correlated_subquery": 10.0,
        "n_plus_one_lookups": 10.0,
        "repeated_subquery": 10.0,
        "distinct_hides_fan_out": 3.0,
        "redundant_distinct_aggregate": 4.0,
        "cast_on_filtered_column": 4.0,
        "count_greater_zero": 2.0,
    },
    "sqlite": {
        "running_total_by_rescan": 20.0,
        "latest_row_by_rescan": 20.0,
        "n_plus_one_lookups": 12.0,
        "correlated_subquery": 12.0,
        "inequality_self_join": 10.0,
        "or_across_tables": 8.0,
        "count_greater_zero": 8.0,
        "scan_per_value": 8.0,
        "distinct_hides_fan_out": 8.0,
        "window_over_unfiltered_table": 8.0,
        "late_filter": 6.0,
        "repeated_subquery": 6.0,
        "expression_on_join_key": 4.0,
        "anti_join_by_null": 4.0,
        "not_in_nullable": 4.0,
        "or_of_subqueries": 4.0,
    },
}
"""The anti-patterns that an engine does not see through by itself, as far as that was measured."""

_GENERATED = 0.8
"""Share of drafts whose clean query is generated."""

_MOST_HABITS = 4
_TRIES = 8
_RULES_S = 30.0


@dataclass(frozen=True)
class Draft:
    """A slow query with the clean one that answers the same, "" where nobody knows one.

    ``origin`` tells where it is from, ``question`` what it asks. ``lineage`` is the family of near-duplicates, which
    splits keep together.
    """

    number: int
    source: str
    family: str
    schema: str
    dialect: str
    origin: str
    question: str
    slow: Injected
    clean: str
    lineage: str

    @property
    def rules_s(self) -> float:
        """Seconds for rules to find a rewrite, where there is no clean query."""
        return 0.0 if self.clean else _RULES_S


@dataclass(frozen=True)
class _Clean:
    family: str
    origin: str
    question: str
    sql: str
    tree: exp.Query


@dataclass
class Drafting:
    """Draws drafts from ``sources`` by turns with a ``seed``; ``certifier`` keeps the databases open."""

    certifier: Certifier
    seed: int
    sources: Sequence[str]
    _generators: dict[str, QueryGenerator] = field(default_factory=dict)
    _originals: dict[str, list[_Clean]] = field(default_factory=dict)

    def draft(self, number: int, certified: Counter[str]) -> Draft | None:
        """Draft ``number``; None where nothing can be put into what was drawn. ``certified`` counts anti-patterns so far."""
        random = Random(f"{self.seed}:{number}")
        source = self.sources[number % len(self.sources)]
        schema = source.partition("/")[0]
        database = self.certifier.database(SOURCES[source][0][0])
        engine = database.location.engine
        if source.endswith(QUESTIONS):
            return self._question(number, source, database.schema)
        weights = _weights(engine, certified)
        for attempt in range(_TRIES):
            clean = self._clean(source, random, number * _TRIES + attempt)
            count = random.choice((1, 1, 2, 2, 3, _MOST_HABITS))
            slow = inject_habits(clean.tree, database.schema, engine, random, count, weights)
            if slow is not None and any(_weight(engine, name) > 1 for name in slow.confirmed):
                lineage = skeleton(clean.tree, "duckdb")
                return Draft(number, source, clean.family, schema, engine, clean.origin, clean.question, slow, clean.sql, lineage)
        return None

    def _question(self, number: int, source: str, schema: Schema) -> Draft | None:
        """The next of the slow queries that a schema comes with; None where there are no more."""
        written, name = self._workload_queries(source), source.partition("/")[0]
        place = number // len(self.sources)
        if place >= len(written):
            return None
        one = written[place]
        found = habits(one.tree, parse_query(one.sql, "duckdb"), schema, "duckdb")
        slow = Injected(one.sql, one.tree, fingerprint(one.tree, "duckdb"), (), tuple(found))
        lineage = skeleton(one.tree, "duckdb")
        return Draft(number, source, QUESTIONS, name, "duckdb", one.origin, one.question, slow, "", lineage)

    def _clean(self, source: str, random: Random, number: int) -> _Clean:
        if random.random() < _GENERATED or source == "shop":
            query = self._generator(source).query(number)
            return _Clean("generated", query.shape, query.question, query.sql, query.tree)
        return random.choice(self._workload_queries(source))

    def _generator(self, source: str) -> QueryGenerator:
        if source not in self._generators:
            label = SOURCES[source][0][0]
            database = self.certifier.database(label)
            seen = statistics(database.schema, self.certifier.session(label))
            self._generators[source] = QueryGenerator(database.schema, seen, database.location.engine, self.seed)
        return self._generators[source]

    def _workload_queries(self, source: str) -> list[_Clean]:
        """The schema's own queries that have one answer, as they are."""
        if source not in self._originals:
            label = SOURCES[source][0][0]
            database = self.certifier.database(label)
            dialect, schema = database.location.engine, source.partition("/")[0]
            asked = _questions(schema)
            usable: list[_Clean] = []
            for name, text in workloads()[schema].queries(dialect).items():
                sql = text.strip().removesuffix(";")
                outputs = [column for column, _ in self.certifier.session(label).describe(sql)]
                try:
                    tree = qualify_text(sql, database.schema, dialect, outputs)
                except QueryError:
                    continue  # two output columns of one name: no rewrite could be told apart from it
                if len(set(outputs)) == len(outputs) and not ambiguities(Facts(tree, database.schema, dialect)):
                    usable.append(_Clean("injected", f"query {name}", asked.get(name, ""), sql, tree))
            self._originals[source] = usable
        if not self._originals[source]:
            raise InputError(f"No query of {source} has one answer.", f"Leave {source} out of --sources.")
        return self._originals[source]


def _questions(schema: str) -> Mapping[str, str]:
    """What the queries of a domain schema ask, by name; none for the benchmarks."""
    asking: Callable[[], Mapping[str, object]] | None = getattr(workloads()[schema], "questions", None)
    return {name: str(getattr(question, "text", "")) for name, question in asking().items()} if asking is not None else {}


def _weight(engine: str, name: str) -> float:
    paying = _PAYING.get(engine)
    return _WEIGHTS[antipatterns()[name].SEVERITY] if paying is None else paying.get(name, _COMPANION)


def _weights(engine: str, certified: Counter[str]) -> Mapping[str, float]:
    """Weights that fall with the share that an anti-pattern has in what was certified so far."""
    total = max(20, sum(certified.values()))
    return {name: _weight(engine, name) / (1 + 20 * certified[name] / total) for name in antipatterns()}
