"""Drafts of tasks: slow queries made by inverse transforms, with their clean originals, before anything is verified or measured.

Clean queries come from the query generator and from the workloads. Draft number n of a seed over some sources depends on nothing
else, so that thousands of them exist before any is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from sqlglot import exp

from querywright.antipatterns.driver import antipatterns, habits
from querywright.databases.database import Database
from querywright.errors import InputError
from querywright.generation.identity import skeleton
from querywright.generation.inject import NEVER, Injected, inject_habits
from querywright.generation.queries import QueryGenerator, shapes
from querywright.generation.statistics import statistics
from querywright.gym.shared_databases import SharedDatabases
from querywright.gym.sources import QUESTIONS, drafted_on
from querywright.sql.ambiguity import ambiguities
from querywright.sql.facts import Facts
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.workloads.driver import workloads

PAYING: Mapping[str, Mapping[str, Sequence[str]]] = {
    "duckdb": {
        "above_average": ("correlated_subquery",),
        "figures_side_by_side": ("scan_per_value",),
        "parents_with_figures": ("correlated_subquery", "n_plus_one_lookups"),
        "rows_with_lookups": ("n_plus_one_lookups",),
        "running_totals": ("running_total_by_rescan",),
        "varying_groups": ("inequality_self_join",),
    },
    "sqlite": {
        "above_average": ("correlated_subquery", "expression_on_join_key"),
        "either_of_two": ("expression_on_join_key",),
        "figures_side_by_side": ("scan_per_value",),
        "first_of_each": ("latest_row_by_rescan",),
        "leading_parents": ("expression_on_join_key",),
        "parents_by_child_groups": ("expression_on_join_key", "redundant_distinct_aggregate"),
        "parents_with_figures": ("correlated_subquery", "n_plus_one_lookups", "expression_on_join_key"),
        "running_totals": ("running_total_by_rescan", "function_on_filtered_column"),
        "shares_of_total": ("repeated_subquery",),
        "varying_groups": ("inequality_self_join",),
    },
}
"""By engine and shape of query, the habits that it does not see through: those that most often yielded a verified gain in 2,900
tries."""

_EXPLORING = 0.08
"""Share of drafts with any shape and any habit: what pays is not known for good."""

_WEIGHTS = {"critical": 8.0, "high": 8.0, "medium": 4.0, "low": 0.0}
"""How often an anti-pattern is put in where it is not known what pays, by its severity."""

_WRITTEN = 0.3
"""How often a clean query is one of the workload's own; many have no place for a habit that pays, and another is drawn."""

_FURTHER = (0, 0, 1, 1, 2, 3)
"""How many habits go in beside the one that is to make the query slow: one of these numbers."""

TURN = 10
"""Drafts of one source that follow each other, so that its databases are opened once for them."""

_TRIES = 6
_RULES_S = 12.0


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
    """Draws drafts from ``sources`` by turns with a ``seed``, over databases that ``databases`` keeps open."""

    databases: SharedDatabases
    seed: int
    sources: Sequence[str]
    _generators: dict[str, QueryGenerator] = field(default_factory=dict)
    _originals: dict[tuple[str, str], _Clean | None] = field(default_factory=dict)

    def source(self, number: int) -> str:
        """The source of a draft."""
        return self.sources[number // TURN % len(self.sources)]

    def draft(self, number: int) -> Draft | None:
        """Draft ``number``; None where nothing can be put into what was drawn, or the source has no more."""
        source = self.source(number)
        if source.endswith(QUESTIONS):
            return self._question(number, source)
        random = Random(f"{self.seed}:{number}")
        for attempt in range(_TRIES):
            found = self._drawn(source, random, number * _TRIES + attempt)
            if found is not None:
                clean, slow = found
                schema, engine = source.partition("/")[0], self._database(source).location.engine
                lineage = skeleton(clean.tree)
                return Draft(number, source, clean.family, schema, engine, clean.origin, clean.question, slow, clean.sql, lineage)
        return None

    # ------------------------------------------------------------------ drawing

    def _drawn(self, source: str, random: Random, number: int) -> tuple[_Clean, Injected] | None:
        """A clean query and a slow one that shows the habit that was put into it; None where it does not fit."""
        engine = self._database(source).location.engine
        if source != "shop" and random.random() < _WRITTEN:
            clean = self._written(source, random.choice(list(self._texts(source))))
            weights = {name: 1.0 for names in PAYING[engine].values() for name in names}
        elif random.random() < _EXPLORING:
            clean = self._generated(source, random.choice(list(shapes())), number)
            weights = {name: _WEIGHTS[module.SEVERITY] for name, module in antipatterns().items()}
        else:
            shape = random.choice([name for name in PAYING[engine] if name in shapes()])
            clean = self._generated(source, shape, number)
            weights = {random.choice(PAYING[engine][shape]): 1.0}
        slow = self._injected(source, clean.tree, random, weights) if clean is not None else None
        return (clean, slow) if clean is not None and slow is not None else None

    def _injected(self, source: str, tree: exp.Query, random: Random, weights: Mapping[str, float]) -> Injected | None:
        """The query with one habit by the weights, and others that people may have as well, whatever they cost."""
        database = self._database(source)
        only = {name: weights.get(name, 0.0) for name in antipatterns()}
        slow = inject_habits(tree, database.schema, database.location.engine, random, 1, only)
        further = random.choice(_FURTHER)
        if slow is None or not slow.confirmed or not further:
            return slow if slow is not None and slow.confirmed else None
        taken = dict.fromkeys((*slow.injected, *NEVER), 0.0)
        more = inject_habits(slow.tree, database.schema, database.location.engine, random, further, taken)
        return replace(more, injected=(*slow.injected, *more.injected)) if more is not None else slow

    def _generated(self, source: str, shape: str, number: int) -> _Clean | None:
        """A generated query of a shape; None where the schema does not suit it."""
        if source not in self._generators:
            database = self._database(source)
            seen = statistics(database.schema, self.databases.session(drafted_on(source)))
            self._generators[source] = QueryGenerator(database.schema, seen, database.location.engine, self.seed)
        try:
            query = self._generators[source].query(number, shape)
        except InputError:
            return None
        return _Clean("generated", query.shape, query.question, query.sql, query.tree)

    def _question(self, number: int, source: str) -> Draft | None:
        """The next of the slow queries that a schema comes with; None where there are no more, or it has several answers."""
        names = list(self._texts(source))
        place = number // (TURN * len(self.sources)) * TURN + number % TURN
        one = self._written(source, names[place]) if place < len(names) else None
        if one is None:
            return None
        database = self._database(source)
        dialect = database.location.engine
        found = habits(one.tree, parse_query(one.sql, dialect), database.schema, dialect)
        slow = Injected(one.sql, one.tree, fingerprint(one.tree, dialect), (), tuple(found))
        lineage, name = skeleton(one.tree), source.partition("/")[0]
        return Draft(number, source, QUESTIONS, name, dialect, one.origin, one.question, slow, "", lineage)

    def _texts(self, source: str) -> Mapping[str, str]:
        """The schema's own queries by name."""
        return workloads()[source.partition("/")[0]].queries(self._database(source).location.engine)

    def _written(self, source: str, name: str) -> _Clean | None:
        """One of the schema's own queries as it is; None where it has more than one answer."""
        key = (source, name)
        if key not in self._originals:
            database, schema = self._database(source), source.partition("/")[0]
            dialect, sql = database.location.engine, self._texts(source)[name].strip().removesuffix(";")
            outputs = [column for column, _ in self.databases.session(drafted_on(source)).describe(sql)]
            self._originals[key] = None
            if len(set(outputs)) == len(outputs):  # else no rewrite could be told apart from it
                tree = qualify_text(sql, database.schema, dialect, outputs)
                if not ambiguities(Facts(tree, database.schema, dialect)):
                    question = _questions(schema).get(name, "")
                    self._originals[key] = _Clean("injected", f"query {name}", question, sql, tree)
        return self._originals[key]

    def _database(self, source: str) -> Database:
        return self.databases.database(drafted_on(source))


def _questions(schema: str) -> Mapping[str, str]:
    """What the queries of a domain schema ask, by name; none for the benchmarks."""
    asking: Callable[[], Mapping[str, object]] | None = getattr(workloads()[schema], "questions", None)
    return {name: str(getattr(question, "text", "")) for name, question in asking().items()} if asking is not None else {}
