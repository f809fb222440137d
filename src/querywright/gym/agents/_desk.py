"""What the observation lets an agent know of a query, without any database: its tree, its schema, and rewrites that are sound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from querywright.analyze import Analysis, analyze
from querywright.antipatterns.driver import antipatterns
from querywright.antipatterns.protocol import SEVERITIES, Severity
from querywright.engines.protocol import Location
from querywright.engines.session import Session
from querywright.gym.client import Observation
from querywright.gym.schema_text import read_schema_text
from querywright.propose import rules
from querywright.propose.model import printer
from querywright.propose.protocol import Print, Proposal
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Query, Step

_PROMISE = 1.05
"""The gain that a transform must promise to be among those that are applied together."""

_MOST_COMPOSED = 6

_INVENTED = "_col_"
"""How names begin that qualifying gives to columns without one; the engine has other names for them."""


@dataclass(frozen=True)
class Spotted:
    """A bad habit in the query: the anti-pattern, the line it stands on, from 1, and what it does there."""

    antipattern: str
    severity: Severity
    line: int
    detail: str
    cures: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A query that rewriting has led to: the original or one of its rewrites."""

    query: Query
    tree: exp.Query
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Desk:
    """The original as a `Place`, with what is needed to go on from it."""

    original: Place
    schema: Schema
    render: Print

    def analysis(self, place: Place) -> Analysis:
        """Where transforms apply in a query, and which promise most."""
        return analyze(place.query, place.tree, self.schema, place.query.dialect)

    def proposals(self, place: Place, seed: int) -> Iterator[Proposal]:
        """Rewrites of a query by the rules, most promising first."""
        return rules.propose(self.analysis(place), place.steps, (), self.render, seed)

    def composed(self, seed: int) -> Place:
        """The original after all transforms that promise a gain, one after the other, each once."""
        place, used = self.original, set[str]()
        for _ in range(_MOST_COMPOSED):
            analysis = self.analysis(place)
            promising = {hint.transform for hint in analysis.hints if hint.rank >= _PROMISE} - used
            for proposal in rules.propose(analysis, place.steps, (), self.render, seed) if promising else ():
                taken = [step.transform for step in proposal.steps[len(place.steps) :]]
                if taken[0] in promising and used.isdisjoint(taken):
                    place = Place(proposal.candidate.query, proposal.tree, proposal.steps)
                    used.update(taken)
                    break
            else:
                break
        return place

    def spotted(self) -> tuple[Spotted, ...]:
        """The bad habits of the original, the worst first, each once."""
        analysis = self.analysis(self.original)
        parsed = parse_query(self.original.query.sql, self.original.query.dialect)
        found: dict[str, Spotted] = {}
        for name, module in antipatterns().items():
            for occurrence in module.find(parsed, analysis.facts):
                severity = occurrence.severity or module.SEVERITY
                found.setdefault(name, Spotted(name, severity, _line(occurrence.node), occurrence.detail, module.CURES))
        return tuple(sorted(found.values(), key=lambda one: SEVERITIES.index(one.severity)))


def open_desk(observation: Observation) -> Desk:
    """Understand the task's query; raises `querywright.errors.InputError` where the observation cannot be read."""
    schema = read_schema_text(observation.schema_info)
    sql, dialect = observation.sql_query.strip().removesuffix(";").rstrip(), observation.dialect
    tree = qualify_text(sql, schema, dialect, source=observation.task_id)
    if any(name.startswith(_INVENTED) for name in tree.named_selects):
        tree = qualify_text(sql, schema, dialect, _engine_names(sql, schema, dialect), observation.task_id)
    query = Query(sql, dialect, fingerprint(tree, dialect))
    return Desk(Place(query, tree), schema, printer(query, tree, schema))


def _engine_names(sql: str, schema: Schema, engine: str) -> Sequence[str]:
    """The output columns as the engine names them, asked over empty tables."""
    with Session(Location(engine, writable=True)) as session:
        for table in schema.tables:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            namespace, _, name = table.name.rpartition(".")
            if namespace:
                session.execute(f'CREATE SCHEMA IF NOT EXISTS "{namespace}"')
            session.execute(f'CREATE TABLE {f"{chr(34)}{namespace}{chr(34)}." if namespace else ""}"{name}" ({columns})')
        return [name for name, _ in session.describe(sql, ())]


def _line(node: exp.Expr) -> int:
    """The first line of the text that the node stands on; 1 where the parser did not keep it."""
    lines = (part.meta.get("line") for part in node.find_all(exp.Identifier, exp.Star))
    return min((line for line in lines if isinstance(line, int)), default=1)
