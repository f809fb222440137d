"""``qw analyze``, ``explain``, ``transforms`` and ``workloads``: what is known, without trying anything."""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console

from querywright.analyze import Analysis
from querywright.analyze import analyze as analyze_query
from querywright.analyze.plans import plan_lines
from querywright.analyze.preparing import prepare
from querywright.antipatterns.driver import Habit, habits
from querywright.engines.session import Session, engine_of
from querywright.errors import InputError
from querywright.search.recorder import graph_document
from querywright.serve.cli.console import Progress
from querywright.serve.cli.inputs import read_bindings, read_question
from querywright.serve.wording import premise, table
from querywright.sql.parse import normalize_parameters, parameters, parse_query
from querywright.transforms import driver
from querywright.workloads.driver import workloads as known_workloads


def analyze(sql: str, db: str | None, everywhere: bool, as_json: bool) -> int:
    """Print the graph, facts and transforms of a query."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    question = read_question(sql, db, Progress(console).workload)
    dialect = engine_of(question.database.location).CAPABILITIES.dialect
    needed = parameters(parse_query(normalize_parameters(question.text, dialect), dialect, question.source))
    placeholders = (tuple((name, None) for name in needed),) if needed else ()
    prepared = prepare(question.text, question.database, placeholders, question.name, question.source)
    engine = question.database.location.engine
    found = analyze_query(prepared.query, prepared.tree, prepared.database.schema, engine, everywhere=everywhere)
    facts = _facts(found)
    written = parse_query(prepared.query.sql, dialect, question.source)
    bad = habits(prepared.tree, written, prepared.database.schema, dialect)
    if as_json:
        document = {
            **graph_document(found),
            "facts": facts,
            "antipatterns": [asdict(habit) for habit in bad],
            "transforms": [
                {"transform": f.transform, "path": f.path, "premises": [asdict(p) for p in f.site.premises]}
                for f in found.findings
            ],
            "blocked": [asdict(obstacle) for obstacle in found.blocked],
            "hints": [asdict(hint) for hint in found.hints],
        }
        print(json.dumps(document, indent=2))
        return 0
    _print_graph(console, found)
    console.print("\n[bold]Facts[/]")
    for line in facts:
        console.print(f"  {line}", markup=False)
    _print_habits(console, bad, {finding.transform for finding in found.findings})
    console.print("\n[bold]Transforms that apply[/]" if found.findings else "\nNo transform applies.")
    for finding in found.findings:
        console.print(f"  {finding.transform} at {finding.path}", markup=False)
        for used in sorted(finding.site.premises, key=str):
            console.print(f"      relies on: {premise(used)}", markup=False)
    if found.blocked:
        console.print("\n[bold]Transforms that almost apply[/]")
        for obstacle in found.blocked:
            console.print(f"  {obstacle.transform} at {obstacle.path}: {obstacle.precondition}", markup=False)
    return 0


def _facts(found: Analysis) -> list[str]:
    facts, tree = found.facts, found.tree
    lines = []
    order = facts.total_order(tree)
    if tree.args.get("order") is None:
        lines.append("The result has no order.")
    elif order is None:
        lines.append("The ORDER BY may leave ties.")
    else:
        lines.append("The ORDER BY is total" + _because([premise(p) for p in sorted(order, key=str)]))
    unique = facts.duplicate_free(tree)
    lines.append(
        "Result rows may repeat."
        if unique is None
        else "Result rows are unique" + _because([premise(p) for p in sorted(unique, key=str)])
    )
    for known in found.schema.tables:
        keys = ", ".join(f"({', '.join(key.columns)}) {key.basis}" for key in known.keys) or "none"
        size = f"{known.rows:,} rows, " if known.rows is not None else ""
        lines.append(f"Table {known.name}: {size}keys: {keys}")
    return lines


def _because(premises: Sequence[str]) -> str:
    return f", because {'; '.join(premises)}." if premises else "."


def _print_graph(console: Console, found: Analysis) -> None:
    console.print("[bold]Query graph[/]")
    for node in found.graph.nodes:
        marks = f" {' '.join(node.marks)}" if node.marks else ""
        console.print(f"  [{node.name}] {node.kind}{marks}", markup=False)
        console.print(f"      reads {', '.join(node.reads) or 'nothing'}", markup=False)
        if node.filters:
            console.print(f"      filters {' AND '.join(node.filters)}", markup=False)
        if node.consumers:
            console.print(f"      consumed by {', '.join(node.consumers)}", markup=False)


def _print_habits(console: Console, bad: Sequence[Habit], applying: Collection[str]) -> None:
    """The habits, those of one anti-pattern together, and of their cures those that apply to the query first."""
    console.print("\n[bold]Anti-patterns[/]" if bad else "\nNo anti-pattern was found.")
    for name, severity in dict.fromkeys((habit.antipattern, habit.severity) for habit in bad):
        alike = [habit for habit in bad if (habit.antipattern, habit.severity) == (name, severity)]
        console.print(f"  {severity}: {name}", markup=False)
        for habit in alike:
            console.print(f"      at {habit.path}: {habit.detail}", markup=False)
        cures = sorted(alike[0].cures, key=lambda cure: cure not in applying)
        named = ", ".join(f"{cure} (applies)" if cure in applying else cure for cure in cures)
        console.print(f"      cured by: {named}" if named else f"      no transform cures it: {alike[0].uncured}", markup=False)


def explain(sql: str, db: str | None, run: bool, bind: tuple[str, ...], timeout: float, as_json: bool) -> int:
    """Print the plan of a query."""
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    question = read_question(sql, db, Progress(console).workload)
    dialect = engine_of(question.database.location).CAPABILITIES.dialect
    text = normalize_parameters(question.text, dialect).strip().removesuffix(";")
    bindings = read_bindings(bind, parameters(parse_query(text, dialect, question.source)))
    prepared = prepare(text, question.database, bindings, question.name, question.source)
    with Session(question.database.location) as session:
        plan = session.explain(prepared.query.sql, bindings[0] if bindings else (), run, limit_s=timeout)
    if as_json:
        print(json.dumps(asdict(plan), indent=2))
        return 0
    for line in plan_lines(plan):
        console.print(line, markup=False)
    return 0


def transforms(name: str | None, as_json: bool) -> int:
    """List transforms, or print one in full."""
    known = driver.transforms()
    if name is not None and name not in known:
        raise InputError(f"There is no transform {name}.", f"Transforms: {', '.join(known)}.")
    chosen = {name: known[name]} if name is not None else known
    documents = [
        {
            "name": key,
            "family": module.FAMILY,
            "engines": list(module.ENGINES),
            "documentation": inspect.cleandoc(module.__doc__ or ""),
        }
        for key, module in chosen.items()
    ]
    if as_json:
        print(json.dumps(documents, indent=2))
    elif name is not None:
        print(f"{name} (family {documents[0]['family']}; proposed on {', '.join(known[name].ENGINES)})\n")
        print(documents[0]["documentation"])
    else:
        rows = [(d["name"], d["family"], str(d["documentation"]).splitlines()[0]) for d in documents]
        print(table(("transform", "family", "what it does"), rows))
    return 0


def workloads(name: str | None, as_json: bool) -> int:
    """List workloads, or print one's queries and parameters."""
    known = known_workloads()
    if name is not None and name not in known:
        raise InputError(f"There is no workload {name}.", f"Workloads: {', '.join(known)}.")
    documents: list[dict[str, Any]] = [
        {
            "name": key,
            "description": (workload.__doc__ or "").strip().splitlines()[0],
            "engines": list(workload.ENGINES),
            "parameters": {p: asdict(parameter) for p, parameter in workload.PARAMETERS.items()},
            "queries": list(workload.QUERY_NAMES),
            "questions": {number: question.text for number, question in workload.questions().items()}
            if name and hasattr(workload, "questions")
            else {},
        }
        for key, workload in known.items()
        if name in (None, key)
    ]
    if as_json:
        print(json.dumps(documents, indent=2))
        return 0
    for document in documents:
        print(f"{document['name']}: {document['description']}")
        print(f"  engines: {', '.join(document['engines'])}")
        for parameter, about in document["parameters"].items():
            print(f"  {parameter}={about['default'] or parameter.upper()}: {about['meaning']}")
        print(f"  queries: {', '.join(document['queries']) or 'none of its own'}")
        for number, question in document["questions"].items():
            print(f"  {number}: {question}")
    return 0
