"""One pair of queries over symbolic tables; needs z3."""

from __future__ import annotations

import time
from collections.abc import Mapping

import z3
from sqlglot import exp

from querywright.sql.ambiguity import ambiguities, settling_premises
from querywright.sql.facts import Facts
from querywright.sql.schema import Schema
from querywright.values import Premise
from querywright.verification.bounded.check import Bounded, Suspect, Unbounded
from querywright.verification.bounded.evaluation import Evaluation
from querywright.verification.bounded.model import cells_of
from querywright.verification.bounded.tables import constraints, filled_in_order, symbolic_tables
from querywright.verification.proof.attempt import CHOICES_COVERED, in_order, is_sorted, mismatched, newly_failing, with_order
from querywright.verification.proof.deadline import OutOfTime
from querywright.verification.proof.kinds import Unsupported
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.shapes import at_most_one
from querywright.verification.proof.terms import Bag, Branch, Distinct, Stored, Term, bag_of, walk
from querywright.verification.proof.translate import Translation


class Trial:
    """A pair of queries, translated. Raises `Unsupported` for what the translation does not cover."""

    def __init__(self, original: exp.Query, candidate: exp.Query, schema: Schema, dialect: str) -> None:
        trees = _lifted(original, candidate)
        facts = [Facts(tree, schema, dialect) for tree in trees]
        choices = [ambiguities(one) for one in facts]
        self.settling = frozenset[Premise]().union(*map(settling_premises, facts))
        if any(one.kind not in CHOICES_COVERED for found in choices for one in found):
            raise Unsupported("what the original leaves to chance")
        if newly_failing(original, candidate, dialect):
            raise Unsupported("an expression that may fail in the candidate alone")
        translations = [
            Translation(
                schema, dialect, side, any(one.kind != "clock" for one in found), lambda bag: False, lambda branch: [branch]
            )
            for side, found in zip((1, -1), choices, strict=True)
        ]
        left, right = (
            translation.query(tree, Scope(), ordered=is_sorted(trees[0]))
            for translation, tree in zip(translations, trees, strict=True)
        )
        if mismatched(left, right):
            raise Unsupported("columns that do not fit together")
        bags = with_order(_single_row, left, right)
        if bags is None:
            raise Unsupported("an order that the candidate may not keep")
        self.left, self.right = bags
        self.schema = schema
        self.dialect = dialect
        self.types: Mapping[tuple[str, str], exp.DataType | None] = translations[0].types
        self.tables = sorted(_tables(self.left) | _tables(self.right))

    def decide(self, rows: int, deadline: float) -> Bounded | Suspect | Unbounded:
        """Whether the queries are equal on all databases with at most so many rows a table. Raises `OutOfTime`, `TooLarge`."""
        evaluation = Evaluation(symbolic_tables(self.tables, rows))
        different = evaluation.differ(self.left, self.right)
        some = z3.Or([row.present for row in evaluation.rows(self.left)])
        promised = constraints(evaluation, self.schema, self.types, self.dialect)
        solver = z3.Solver()
        solver.add(*filled_in_order(evaluation), *evaluation.facts)
        literals = {premise: z3.Bool(f"premise{number}") for number, premise in enumerate(promised)}
        solver.add(*(z3.Implies(literals[premise], formula) for premise, formula in promised.items()))

        def decided(*premises: Premise) -> bool:
            """Whether the assertions can hold where the premises do."""
            left = deadline - time.monotonic()
            solver.set("timeout", max(1, int(1000 * left)))
            answer = solver.check(*(literals[premise] for premise in premises))
            if answer == z3.unknown and time.monotonic() < deadline:
                raise Unsupported("what the solver cannot decide")
            if answer == z3.unknown:
                raise OutOfTime
            return bool(answer == z3.sat)

        solver.push()
        solver.add(different)
        if decided(*literals):
            return Suspect(cells_of(solver.model(), evaluation, self.types, self.dialect), 0.0)
        core = {str(literal) for literal in solver.unsat_core()}
        used = [premise for premise, literal in literals.items() if str(literal) in core]
        for premise in list(used):
            if not decided(*(one for one in used if one != premise)):
                used.remove(premise)
        solver.pop()
        solver.add(some)
        if not decided(*literals):
            return Unbounded(f"The original returns no rows on any database with at most {rows} rows a table.", 0.0)
        return Bounded(rows, in_order({*used, *self.settling}), 0.0)


def _lifted(original: exp.Query, candidate: exp.Query) -> tuple[exp.Query, exp.Query]:
    """Both queries without their outermost LIMIT and OFFSET where those are the same: what is equal before is equal after."""
    cuts = [[tree.args.get(name) for name in ("limit", "offset")] for tree in (original, candidate)]
    if cuts[0] != cuts[1] or not any(cuts[0]):
        return original, candidate
    trees = (original.copy(), candidate.copy())
    for tree in trees:
        tree.set("limit", None)
        tree.set("offset", None)
    return trees


def _single_row(bag: Bag) -> bool:
    """Whether a bag plainly has at most one row."""
    return len(bag.branches) <= 1 and all(
        not branch.atoms or any(at_most_one(condition, branch) for condition in branch.conditions) for branch in bag.branches
    )


def _tables(bag: Bag) -> frozenset[str]:
    """Names of all tables that a bag reads anywhere."""
    return frozenset[str]().union(*map(_tables_of_branch, bag.branches))


def _tables_of_branch(branch: Branch) -> frozenset[str]:
    relations = [atom.relation for atom in branch.atoms]
    found = frozenset(relation.table for relation in relations if isinstance(relation, Stored))
    bags = [relation.bag for relation in relations if isinstance(relation, Distinct)]
    terms: tuple[Term, ...] = (*branch.conditions, *branch.outputs)
    bags += [bag for term in terms for part in walk(term) if (bag := bag_of(part)) is not None]
    return found.union(*map(_tables, bags))
