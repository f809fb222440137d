"""What a prompt says of the query and its database: nodes, plan, schema, hints. No row of the database goes into it.

Of an execution plan only operators, tables, row counts and times are told: what else a plan shows (limits of filters that the
engine derived, statistics) may hold values of the data. Of enumerated types the labels are left out, of indexes the expressions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sqlglot import exp

from querywright.analyze import Analysis
from querywright.engines.protocol import PlanNode
from querywright.sql.graph import Node, named_blocks
from querywright.sql.schema import Column, Index, Table
from querywright.sql.trees import printed

Hide = Callable[[str], str]
"""What is done to each piece of SQL before it is shown: nothing, or literals replaced by placeholders."""

MOST_HINTS = 3
MOST_TARGETS = 5
MOST_COLUMNS = 40
_SHOWN_CHARACTERS = 120
_LABEL = re.compile(r"'(?:[^']|'')*'")
_LABELS = re.compile(rf"{_LABEL.pattern}(?:\s*,\s*{_LABEL.pattern})*")
"""The values of an enumerated type."""


def target_nodes(analysis: Analysis) -> str:
    """The nodes where most is to be gained: those where transforms apply, by promise, else those that read most rows."""
    names = {id(block): name for name, block in named_blocks(analysis.tree).items()}
    ranks = {hint.transform: hint.rank for hint in analysis.hints}
    chosen: dict[str, float] = {}
    for finding in analysis.findings:
        node: exp.Expr | None = finding.site.node
        while node is not None and id(node) not in names:
            node = node.parent
        if node is not None:
            name = names[id(node)]
            chosen[name] = max(chosen.get(name, 0.0), ranks.get(finding.transform, 0.0))
    if not chosen:
        chosen = {name: analysis.work.share(block) for name, block in named_blocks(analysis.tree).items()}
    marks = {node.name: node.marks for node in analysis.graph.nodes}
    ordered = sorted(chosen, key=lambda name: (-chosen[name], name))[:MOST_TARGETS]
    return "\n".join(f"[{name}] {' '.join(marks.get(name, ()))}".rstrip() for name in ordered)


def graph(analysis: Analysis, hide: Hide) -> str:
    """Every node: what it reads, how many rows that are, its columns, filters and joins, and who reads it."""
    blocks = named_blocks(analysis.tree)
    dialect = analysis.query.dialect
    lines = []
    for node in analysis.graph.nodes:
        block = blocks[node.name]
        lines += list(_node(node, analysis.work.share(block), hide))
        if node.kind in ("subquery", "branch"):
            text = hide(printed(block, dialect, comments=False))
            lines.append(f"  text: {text[:_SHOWN_CHARACTERS]}{'…' if len(text) > _SHOWN_CHARACTERS else ''}")
    return "\n".join(lines)


def _node(node: Node, share: float, hide: Hide) -> Iterator[str]:
    rows = f", reads {node.rows:,} rows" if node.rows is not None else ""
    marks = f" {' '.join(node.marks)}" if node.marks else ""
    at_stake = f", {share:.0%} of the work" if share else ""
    yield f"[{node.name}] {node.kind}{marks}{rows}{at_stake}"
    columns = [hide(name) for name in node.columns]  # an engine names a column without alias after its expression
    listed = {"reads": node.reads, "read by": node.consumers, "columns": columns}
    yield from (f"  {word}: {', '.join(items)}" for word, items in listed.items() if items)
    yield from (f"  filter: {hide(text)}" for text in node.filters)
    yield from (f"  join: {hide(text)}" for text in node.joins)


def plan(root: PlanNode | None) -> str:
    """The plan as a tree: operators, tables, rows estimated and produced, milliseconds. Empty where there is none."""
    if root is None:
        return ""
    return "\n".join(["## Execution Plan", *_operators(root, 0)])


def _operators(node: PlanNode, depth: int) -> Iterator[str]:
    told = [node.operator, *([node.table] if node.table else [])]
    if node.actual_rows is not None:
        told.append(f"{node.actual_rows:,} rows")
    if node.estimated_rows is not None:
        told.append(f"~{node.estimated_rows:,.0f} rows estimated")
    if node.milliseconds is not None:
        told.append(f"{node.milliseconds:.1f} ms")
    yield "  " * depth + "- " + ", ".join(told)
    for child in node.children:
        yield from _operators(child, depth + 1)


def schema(analysis: Analysis) -> str:
    """The tables that the query reads: columns, keys, foreign keys, indexes, row counts."""
    sources = (source for select in analysis.facts.selects() for source in analysis.facts.sources(select).values())
    read = {source.table.name: source.table for source in sources if source.table is not None}
    used = {column.name.lower() for column in analysis.tree.find_all(exp.Column)}
    return "\n".join(line for name in sorted(read) for line in _table(read[name], used))


def _table(table: Table, used: set[str]) -> Iterator[str]:
    rows = f" ({table.rows:,} rows)" if table.rows is not None else ""
    yield f"{table.name}{rows}"
    keyed = {name.lower() for columns in _keyed(table) for name in columns}
    ordered = sorted(table.columns, key=lambda column: column.name.lower() not in used | keyed)
    shown = ordered[:MOST_COLUMNS]
    more = f", and {len(ordered) - len(shown)} more that the query does not use" if len(ordered) > len(shown) else ""
    yield f"  columns: {', '.join(map(_typed, shown))}{more}"
    yield from (f"  key: {', '.join(key.columns)} ({key.basis})" for key in table.keys)
    for key in table.foreign_keys:
        yield f"  foreign key: {', '.join(key.columns)} -> {key.references}({', '.join(key.references_columns)}) ({key.basis})"
    yield from (f"  index: {', '.join(_indexed(index, table))}{' unique' if index.unique else ''}" for index in table.indexes)


def _keyed(table: Table) -> Iterator[tuple[str, ...]]:
    yield from (key.columns for key in table.keys)
    yield from (key.columns for key in table.foreign_keys)


def _indexed(index: Index, table: Table) -> Iterator[str]:
    """The columns of an index; an expression, which engines report in their own ways, may hold values."""
    names = {column.name.lower() for column in table.columns}
    yield from (name if name.strip('"').lower() in names else "(expression)" for name in index.columns or ("",))


def _typed(column: Column) -> str:
    kind = _LABELS.sub("…", column.type)
    return f"{column.name} {kind}".rstrip() + (" NOT NULL" if column.not_null else "")


def without_labels(text: str, analysis: Analysis, told: str) -> str:
    """A reason or a counterexample with ``'label_1'`` for each label of an enumerated type that ``told`` does not hold.

    Rows in comments have labels without quotes, as a whole cell.
    """
    columns = (column for table in analysis.schema.tables for column in table.columns)
    labels = dict.fromkeys(label for column in columns for label in _LABEL.findall(column.type))
    names = {label: f"'label_{number}'" for number, label in enumerate(labels, 1) if label not in told}
    if not names:
        return text
    longest_first = sorted(names, key=len, reverse=True)
    hidden = re.sub("|".join(map(re.escape, longest_first)), lambda match: names[match[0]], text)
    cells = {label[1:-1].replace("''", "'"): name.strip("'") for label, name in names.items()}
    return re.sub(r"(?m)^-- (.*)$", lambda row: "-- " + " | ".join(cells.get(c, c) for c in row[1].split(" | ")), hidden)


def hints(analysis: Analysis) -> str:
    """The top recommendations with confidence, expected gain and reason."""
    if not analysis.hints:
        return ""
    lines = ["## ML Recommendations", "From the structure of the query shown below and from measurements on this engine:"]
    for number, hint in enumerate(analysis.hints[:MOST_HINTS], 1):
        gain = f", estimated gain {hint.estimated_gain:.2f}x" if hint.estimated_gain is not None else ""
        lines.append(f"{number}. {hint.transform} [{hint.family}] (confidence: {hint.confidence:.2f}{gain}) - {hint.reason}")
    return "\n".join(lines)


def patterns(analysis: Analysis) -> str:
    """Bad habits found in the query, with what cures them; then what rules could not do and why."""
    found = dict.fromkeys(
        (pattern.pattern, pattern.severity, hint.family)
        for hint in analysis.hints
        for pattern in hint.patterns
        if pattern.pattern != pattern.transform
    )
    lines = [f"- {name}, severity {severity} ({family} opportunity)" for name, severity, family in found]
    blocked = dict.fromkeys(f"- {one.transform} at {one.path} is blocked: {one.precondition}" for one in analysis.blocked)
    lines += list(blocked)[:MOST_TARGETS]
    return "\n".join(["## AST Patterns Detected", *lines]) if lines else ""
