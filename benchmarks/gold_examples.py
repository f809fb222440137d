"""Writes the gold examples that models are shown: verified rewrites of this project's own queries with measured speedups.

The largest figure of ``qw profile`` for each transform and engine, the rewrite made again by its transform, and winners of
recorded runs on built-in workloads. All are verified afresh on generated databases before they are written.

python benchmarks/gold_examples.py [--figures FILE …] [--runs FOLDER …]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sqlglot import exp

from querywright.analyze.figures import PACKAGED as PACKAGED_FIGURES
from querywright.analyze.figures import Figure, merge, read_figures
from querywright.databases.opening import open_database
from querywright.databases.specification import workload_instance
from querywright.engines.session import Session, engine_of
from querywright.judge import ACCEPTED
from querywright.pipeline import verify
from querywright.profiling import slow_queries
from querywright.propose.gold import GoldExample, write_gold
from querywright.propose.model import printer
from querywright.runs.directory import RunDirectory
from querywright.serve.wording import premise
from querywright.sql.fingerprint import fingerprint
from querywright.sql.parse import parse_query
from querywright.sql.predicates import where_conjuncts
from querywright.sql.qualify import qualify_text
from querywright.transforms.driver import apply_everywhere, transforms
from querywright.values import Query, Step

LEAST_GAIN = 1.1
FOREIGN_QUERIES = ("tpch", "tpcds")
"""Workloads whose queries are not our own: the slow queries on them are, recorded runs of their queries are not."""


def main() -> None:
    """Write the package's examples and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", nargs="*", type=Path, default=[], help="further files of qw profile")
    parser.add_argument("--runs", nargs="*", type=Path, default=[], help="run directories")
    arguments = parser.parse_args()
    figures = read_figures(PACKAGED_FIGURES)
    for path in arguments.figures:
        figures = merge(figures, read_figures(path))
    found = [*from_figures(figures), *from_runs(arguments.runs)]
    kept = [example for example in found if verified(example)]
    write_gold(kept)


def from_figures(figures: Sequence[Figure]) -> Iterator[GoldExample]:
    """The rewrite behind each figure that is a gain; of a transform on an engine only the largest."""
    largest: dict[tuple[str, str], Figure] = {}
    for figure in figures:
        if figure.low > LEAST_GAIN and figure.transform in transforms():
            known = largest.setdefault((figure.engine, figure.transform), figure)
            largest[figure.engine, figure.transform] = max(known, figure, key=lambda one: one.ratio)
    for figure in largest.values():
        yield from _of_figure(figure)


def _of_figure(figure: Figure) -> Iterator[GoldExample]:
    database = open_database(figure.database)
    dialect = engine_of(database.location).CAPABILITIES.dialect
    for slow in slow_queries(figure.transform):
        if slow.title != figure.query:
            continue
        text = slow.sql.rstrip().removesuffix(";")
        with Session(database.location) as session:
            outputs = [name for name, _ in session.describe(text)]
        tree = qualify_text(text, database.schema, dialect, outputs)
        rewritten = apply_everywhere(tree, database.schema, dialect, figure.transform)
        if rewritten is None:
            continue
        query = Query(text, dialect, fingerprint(tree, dialect))
        rewrite = printer(query, tree, database.schema)(rewritten.tree)
        yield GoldExample(
            figure.transform,
            _families(figure.transform, rewritten.tree),
            figure.query,
            figure.engine,
            figure.version,
            figure.database,
            text,
            rewrite,
            figure.ratio,
            figure.low,
            _relied_on([rewritten.step]),
        )


def from_runs(folders: Sequence[Path]) -> Iterator[GoldExample]:
    """The winners of runs on built-in workloads whose queries are our own."""
    for folder in folders:
        run = RunDirectory.open(folder)
        outcome, specification = run.outcome(), run.configuration.get("database_specification") or ""
        instance = workload_instance(specification) if specification else None
        best = outcome.best if outcome is not None and outcome.status == "faster" else None
        if instance is None or instance.label.partition(":")[0] in FOREIGN_QUERIES or best is None or best.timing is None:
            continue
        engine, _, version = dict(outcome.environment if outcome is not None else ())["engine"].partition(" ")
        steps = best.candidate.steps
        transform = steps[0].transform if steps else "semantic_rewrite"
        tree = parse_query(best.candidate.query.sql, run.query.dialect)
        known = transforms()
        families = dict.fromkeys(known[step.transform].FAMILY for step in steps if step.transform in known)
        yield GoldExample(
            transform,
            tuple(families) or _families(transform, tree),
            run.query.name or run.run_id,
            engine,
            version,
            instance.label,
            run.query.sql,
            best.candidate.query.sql,
            round(best.timing.ratio, 2),
            round(best.timing.low, 2),
            _relied_on(steps),
        )


def _families(transform: str, rewritten: exp.Query) -> tuple[str, ...]:
    """The transform's family, and ``date_cte_isolate`` where a filtered date dimension went into a common table."""
    known = transforms()
    family = known[transform].FAMILY if transform in known else "semantic_rewrite"
    dates = any(_isolates_dates(cte.this) for cte in rewritten.find_all(exp.CTE))
    return tuple(dict.fromkeys((family, *(["date_cte_isolate"] if dates else []))))


def _isolates_dates(body: exp.Expr) -> bool:
    if not isinstance(body, exp.Select) or not where_conjuncts(body):
        return False
    dimensions = {table.alias_or_name for table in body.find_all(exp.Table) if "date" in table.name.lower()}
    return any(column.table in dimensions for part in where_conjuncts(body) for column in part.find_all(exp.Column))


def _relied_on(steps: Sequence[Step]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(premise(replace(one, basis="declared")) for step in steps for one in step.premises))


def verified(example: GoldExample) -> bool:
    """Whether the rewrite survives generated databases that obey the schema; prints what was found."""
    database = open_database(example.database)
    dialect = engine_of(database.location).CAPABILITIES.dialect
    verdict = verify(example.query, example.rewrite, schema=database.schema, dialect=dialect, strict=True)
    accepted = verdict.grade in ACCEPTED
    mark = "" if accepted else f" LEFT OUT: {verdict.reason}"
    print(
        f"{example.engine} {'+'.join(example.families)} {example.transform} {example.speedup:g}x {verdict.grade}{mark}",
        flush=True,
    )
    return accepted


if __name__ == "__main__":
    main()
