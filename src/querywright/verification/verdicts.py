"""The verdict on a candidate from statics, witness databases and mutants.

    with Verifier(query, schema, "duckdb", seed=0, databases=100, strict=True) as verifier:   # one per original
        verdict = verifier.verdict(candidate)              # a Verdict; never raises for a bad candidate

`Verifier` raises `QueryError` where the original does not fit the schema. A ``tested`` verdict with premises is conditional: the
candidate was refuted on witnesses that obey only what is enforced or declared, but survives where its premises hold too.
What the user's own data says comes on top, from `querywright.verification.compare`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from types import TracebackType

from sqlglot import exp

from querywright.errors import ExecutionError, QueryError, StatementTimeout
from querywright.sql.ambiguity import Ambiguity, ambiguities, freeze
from querywright.sql.parse import parse_query
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Candidate, Check, Grade, Premise, Query, Verdict
from querywright.verification.answers import outer_limit
from querywright.verification.compare import column_difference
from querywright.verification.mutate import Score, mutation_score
from querywright.verification.narrowing import OBEYED, assuming, obeyed
from querywright.verification.proof import Proof, prove
from querywright.verification.scratch import Scratch
from querywright.verification.witness import Laboratory, Outcome

LEAST_NONEMPTY = 0.2
"""Share of the witnesses on which the original must return rows."""

LEAST_MUTATION_SCORE = 0.9
"""Share of the original's mutants that the witnesses must tell apart from it."""

LEAST_MUTANTS = 5
"""How many mutants must have been judged, where there are that many."""

MOST_EQUIVALENT = 2
"""How many mutants may return what the original does, for each one that was told apart."""

_AIMED_DATABASES = 40
_REACHED_ROWS = 8


def grade(outcome: Outcome, score: Score | None, columns: Sequence[str] = ()) -> tuple[Grade, str]:
    """The grade that witnesses without a difference earn, and the reason where it is not ``tested``.

    ``tested`` asks that the original returned rows on at least `LEAST_NONEMPTY` of the databases, that no output column was
    NULL throughout, that at least `LEAST_MUTATION_SCORE` of the mutants were noticed, and that not too many others look
    equivalent. The databases that count are those the candidate passed, among them those added because they kill
    a mutant that the first ones missed: the score speaks of the strength of this verdict, not of the generator.
    """
    if not outcome.databases:
        return "vacuous", "The original fails on every witness database."
    if not outcome.nonempty:
        return "vacuous", "The original returns no rows on any witness database."
    if len(outcome.null_columns) == outcome.width:
        return "vacuous", "The original returns nothing but NULLs on the witness databases."
    if outcome.nonempty < LEAST_NONEMPTY * outcome.databases:
        return "unknown", f"The original returns rows on only {outcome.nonempty} of {outcome.databases} witness databases."
    if outcome.null_columns:
        name = columns[outcome.null_columns[0]] if columns else str(outcome.null_columns[0] + 1)
        return "unknown", f"Output column {name} is NULL on all witness databases."
    if score is not None and score.value is None:
        if score.equivalent + score.skipped:
            return "unknown", "The witnesses could not be tested: no mutant of the original was told apart from it."
        return "unknown", "The witnesses could not be tested: there is nothing in the original to make a mutant of."
    if score is not None and score.equivalent > MOST_EQUIVALENT * (score.killed + score.alive):
        judged = score.killed + score.alive + score.equivalent
        return "unknown", f"The witnesses tell only {score.killed} of {judged} mutants of the original apart from it."
    if score is not None and score.skipped and score.killed + score.alive < LEAST_MUTANTS:
        return "unknown", f"There was time for only {score.killed + score.alive} of the original's mutants."
    if score is not None and score.value is not None and score.value < LEAST_MUTATION_SCORE:
        return "unknown", f"The witnesses notice only {score.value:.0%} of the original's mutants, such as not: {score.missed}."
    return "tested", ""


class Verifier:
    """Everything that is kept for one original while its candidates come in; a context manager."""

    def __init__(
        self,
        query: Query,
        schema: Schema,
        engine: str,
        *,
        seed: int = 0,
        databases: int = 100,
        strict: bool = True,
        mutation_s: float = 8.0,
        proof_s: float = 0.0,
        moment: datetime | None = None,
        scratch: tuple[Scratch, Scratch] | None = None,
    ) -> None:
        self.query = query
        self.schema = schema
        self.engine = engine
        self.seed = seed
        self.databases = databases
        self.strict = strict
        self.mutation_s = mutation_s
        self.proof_s = proof_s
        self.moment = moment or datetime.now()
        self._owns_scratch = scratch is None
        # The second one serves databases that come and go, so that those of the original stay loaded.
        self._scratch, self._spare = scratch or (Scratch(engine), Scratch(engine))
        self.laboratory = self._laboratory(schema)
        self.found: list[Ambiguity] = ambiguities(self.laboratory.facts)

    def __enter__(self) -> Verifier:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._owns_scratch:
            self._scratch.close()
            self._spare.close()

    @property
    def unverifiable(self) -> str:
        """Why no verdict is possible at all, empty where one is."""
        return next((found.reason for found in self.found if found.kind in ("random", "sample")), "")

    @cached_property
    def modulo(self) -> tuple[str, ...]:
        """What equality leaves open: the choices that the original itself leaves to the engine."""
        return tuple(found.reason for found in self.found if found.kind != "clock")

    @cached_property
    def score(self) -> Score:
        """The mutation score of the witnesses, measured once."""
        tree = parse_query(self.laboratory.text, self.laboratory.dialect)
        return mutation_score(tree, self.laboratory, lambda: self._control, self.mutation_s, LEAST_MUTANTS)

    @cached_property
    def _control(self) -> Laboratory:
        return self._laboratory(self.schema, seed=self.seed + 1, crowded=True)

    def verdict(self, candidate: Candidate) -> Verdict:
        """The verdict of statics, witnesses and mutants; a candidate that cannot be run is refuted."""
        if self.unverifiable:
            return Verdict("unverifiable", reason=self.unverifiable)
        try:
            text = self.frozen(candidate.query.sql)
            reason = self._static(text)
            if reason:
                return Verdict("unknown", reason=reason)
            outcome = self._outcome(text, candidate)
        except QueryError as error:
            return Verdict("refuted", reason=error.message)
        except StatementTimeout:
            return Verdict("unknown", reason="The candidate did not finish on a witness database.")
        except ExecutionError as error:
            return Verdict("refuted", reason=f"The candidate fails: {error.message}")
        if outcome.difference is not None:
            return self._conditional(text, candidate) or self._refuted(outcome)
        proved = self._proved(outcome, (), text)
        if proved is not None:
            return proved
        reason = self._unreached(text)
        if reason:
            return Verdict("unknown", reason=reason)
        return self._survived(outcome, (), text)

    # ------------------------------------------------------------------ steps

    def _laboratory(
        self, schema: Schema, *, seed: int | None = None, aim: Sequence[str] = (), crowded: bool = False
    ) -> Laboratory:
        return Laboratory(
            self.frozen(self.query.sql),
            schema,
            self.engine,
            bindings=self.query.bindings,
            seed=self.seed if seed is None else seed,
            databases=_AIMED_DATABASES if aim or crowded else self.databases,
            strict=self.strict,
            aim=aim,
            crowded=crowded,
            scratch=self._scratch if seed is None and schema is self.schema else self._spare,
        )

    def frozen(self, text: str) -> str:
        """``text`` with ``now()`` and its relatives replaced by the moment of this verifier."""
        tree = parse_query(text, self.query.dialect, "the candidate")
        frozen = freeze(tree, self.moment)
        return text if frozen == tree else frozen.sql(self.query.dialect)

    def _static(self, text: str) -> str:
        """Why witnesses would prove nothing about this candidate; empty where they would."""
        ours, theirs = (parse_query(one, self.query.dialect) for one in (self.laboratory.text, text))
        if self._single_row():
            return ""
        if ours.args.get("order") is not None and theirs.args.get("order") is None:
            return "The original sorts its result, the candidate leaves the order to chance."
        return ""

    def _unreached(self, text: str) -> str:
        """Why a candidate that no witness refutes may differ all the same: beyond the rows that witnesses have."""
        limits = [outer_limit(parse_query(one, self.query.dialect)) or 0 for one in (self.laboratory.text, text)]
        if limits[0] != limits[1] and max(limits) > _REACHED_ROWS and not self._single_row():
            return "The outermost LIMITs differ, and witness databases are too small to reach them."
        return ""

    def _single_row(self) -> bool:
        tree = self.laboratory.facts.tree
        return self.laboratory.facts.unique(tree, ()) is not None

    def _outcome(self, text: str, candidate: Candidate) -> Outcome:
        outcome = None
        if self.laboratory.covers(text):
            outcome = self._run(self.laboratory, text)
            known = candidate.steps and _constants(text, self.query.dialect) <= _constants(self.query.sql, self.query.dialect)
            if outcome.difference is not None or known:
                return outcome
        further = self._run(self._laboratory(self.schema, seed=self.seed + 2, aim=(text,)), text)
        if outcome is None or further.difference is not None:
            return further
        return replace(
            outcome,
            databases=outcome.databases + further.databases,
            nonempty=outcome.nonempty + further.nonempty,
            rows=outcome.rows + further.rows,
            seconds=outcome.seconds + further.seconds,
        )

    def _run(self, laboratory: Laboratory, text: str) -> Outcome:
        columns = [laboratory.describe(one) for one in (laboratory.text, text)]
        mismatch = column_difference(columns[0], columns[1], laboratory.terms)
        if mismatch is not None:
            return Outcome(0, 0, 0, 0, (), len(columns[0]), 0.0, difference=mismatch)
        return laboratory.run(text)

    def _conditional(self, text: str, candidate: Candidate) -> Verdict | None:
        """The verdict under the premises that the candidate names, where it was refuted without them."""
        premises = tuple(
            dict.fromkeys(premise for step in candidate.steps for premise in step.premises if premise.basis not in OBEYED)
        )
        if not premises:
            return None
        outcome = self._run(self._laboratory(assuming(self.schema, premises), seed=self.seed + 3), text)
        if outcome.difference is not None:
            return None
        return self._proved(outcome, premises, text) or self._survived(outcome, premises, "")

    def _proved(self, outcome: Outcome, premises: tuple[Premise, ...], text: str) -> Verdict | None:
        """The verdict of a symbolic proof that rests on nothing but what is enforced or declared, and on ``premises``."""
        if self.proof_s <= 0:
            return None
        schema = obeyed(assuming(self.schema, premises))
        dialect = self.laboratory.dialect
        trees = [qualify_text(one, schema, dialect) for one in (self.laboratory.text, text)]
        found = prove(trees[0], trees[1], schema, dialect, self.proof_s)
        if not isinstance(found, Proof):
            return None
        check = Check("symbolic", "", databases=0, seconds=round(found.seconds, 3))
        used = tuple(dict.fromkeys((*premises, *found.premises)))
        return Verdict("proved", used, (self._check(outcome, None), check), self.modulo)

    def _survived(self, outcome: Outcome, premises: tuple[Premise, ...], text: str) -> Verdict:
        names = self.laboratory.facts.tree.named_selects
        reached, reason = grade(outcome, None, names)
        score = None
        if reached == "tested":
            known = len(self.laboratory.base)
            score = self.score
            if text and len(self.laboratory.base) > known:
                # Looking for mutants that were missed has added databases, which the candidate must pass as well.
                again = self._run(self.laboratory, text)
                if again.difference is not None:
                    return self._refuted(again)
            reached, reason = grade(outcome, score, names)
        return Verdict(reached, premises, (self._check(outcome, score),), self.modulo, reason=reason)

    def _refuted(self, outcome: Outcome) -> Verdict:
        assert outcome.difference is not None
        reason = outcome.difference.reason
        return Verdict("refuted", checks=(self._check(outcome, None),), counterexample=outcome.counterexample, reason=reason)

    def _check(self, outcome: Outcome, score: Score | None) -> Check:
        return Check(
            "witness",
            "witness",
            rows=outcome.rows,
            databases=outcome.databases,
            nonempty=outcome.nonempty,
            mutation_score=score.value if score is not None else None,
            mutants=score.killed + score.alive if score is not None else 0,
            seconds=round(outcome.seconds, 3),
        )


def _constants(text: str, dialect: str) -> frozenset[str]:
    """The literals of a query."""
    return frozenset(node.name for node in parse_query(text, dialect).find_all(exp.Literal))
