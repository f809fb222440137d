"""Tables of symbolic rows that obey a schema, each constraint under a literal of its own, so that a proof names those it uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise

import z3
from sqlglot import exp

from querywright.sql.schema import Schema, Table
from querywright.values import Premise
from querywright.verification.bounded.evaluation import Evaluation
from querywright.verification.proof.catalog import Catalog
from querywright.verification.proof.kinds import kind_of_type
from querywright.verification.proof.logic import Formula
from querywright.verification.proof.simplify import call
from querywright.verification.proof.terms import Column, fresh_row

Types = Mapping[tuple[str, str], exp.DataType | None]


def symbolic_tables(names: Sequence[str], size: int) -> dict[str, tuple[int, ...]]:
    """Numbers of ``size`` rows for each table."""
    return {name: tuple(fresh_row() for _ in range(size)) for name in names}


def filled_in_order(evaluation: Evaluation) -> Iterator[Formula]:
    """Rows of a table are there from the first on: which of them are missing decides nothing."""
    for rows in evaluation.tables.values():
        for earlier, later in pairwise(rows):
            yield z3.Implies(evaluation.present[later], evaluation.present[earlier])


def constraints(evaluation: Evaluation, schema: Schema, types: Types, dialect: str) -> dict[Premise, Formula]:
    """What the premises of the schema say about the rows; those of a column with a collation of its own are left out."""
    promised = Catalog(schema)
    found: dict[Premise, Formula] = {}

    def cells(table: Table, names: Sequence[str], row: int) -> list[Column] | None:
        columns = [table.column(name) for name in names]
        if any(column is None or column.collated for column in columns):
            return None
        return [Column(row, name, kind_of_type(types[table.name.lower(), name], dialect)) for name in names]

    for table in schema.tables:
        name = table.name.lower()
        rows = evaluation.tables.get(name, ())
        for (owner, column), premise in promised.not_null.items():
            if owner == name and rows:
                found[premise] = z3.And(
                    [
                        z3.Implies(evaluation.present[row], z3.Not(evaluation.nullness(cell)))
                        for row in rows
                        for cell in cells(table, [column], row) or ()
                    ]
                )
        for key in promised.keys[name]:
            if cells(table, key.columns, 0) is None:
                continue
            clashes = [
                z3.And(
                    evaluation.present[one],
                    evaluation.present[other],
                    _equal(evaluation, cells(table, key.columns, one), cells(table, key.columns, other)),
                )
                for one, other in combinations(rows, 2)
            ]
            if clashes:
                found[key.premise] = z3.Not(z3.Or(clashes))
        for reference in promised.references[name]:
            target = schema.table(reference.table)
            parents = evaluation.tables.get(reference.table)
            if target is None or parents is None or not rows:
                continue
            if cells(table, reference.columns, 0) is None or cells(target, reference.references, 0) is None:
                continue
            found[reference.premise] = z3.And(
                [
                    z3.Implies(
                        z3.And(evaluation.present[row], *_all_present(evaluation, cells(table, reference.columns, row))),
                        z3.Or(
                            [
                                z3.And(
                                    evaluation.present[parent],
                                    _equal(
                                        evaluation,
                                        cells(table, reference.columns, row),
                                        cells(target, reference.references, parent),
                                    ),
                                )
                                for parent in parents
                            ]
                        ),
                    )
                    for row in rows
                ]
            )
    return found


def _equal(evaluation: Evaluation, left: Sequence[Column] | None, right: Sequence[Column] | None) -> Formula:
    assert left is not None and right is not None
    return z3.And([evaluation.true(call("eq", pair)) for pair in zip(left, right, strict=True)])


def _all_present(evaluation: Evaluation, cells: Sequence[Column] | None) -> list[Formula]:
    assert cells is not None
    return [z3.Not(evaluation.nullness(cell)) for cell in cells]
