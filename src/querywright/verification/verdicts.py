"""The verdict on a candidate from statics, witness databases and mutants.

    with Verifier(query, schema, "duckdb", seed=0, databases=100, strict=True) as verifier:   # one per original
        verdict = verifier.verdict(candidate)              # a Verdict; never raises for a bad candidate

`Verifier` raises `QueryError` where the original does not fit the schema. A ``tested`` verdict with premises is conditional: the
candidate was refuted on witnesses that obey only what is enforced or declared, but survives where its premises hold too.
A proof is looked for after the witnesses: at once where the verifier was given time for it, or later, by `Verifier.strengthened`.
What the user's own data says comes on top, from `querywright.verification.compare`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache
from types import TracebackType

from sqlglot import exp

from querywright.errors import ExecutionError, QueryError, StatementError, StatementTimeout
from querywright.sql.ambiguity import Ambiguity, ambiguities, freeze
from querywright.sql.parse import parse_query
from querywright.sql.schema import Schema
from querywright.sql.volatility import frozen_calls
from querywright.values import SETTLED, Candidate, Check, Grade, Premise, Query, Verdict
from querywright.verification.bounded import Suspect
from querywright.verification.lowering import outermost_cut
from querywright.verification.mutate import Score, mutation_score
from querywright.verification.narrowing import assuming
from querywright.verification.proof import Proof, Unproved
from querywright.verification.proofs import IMPROVABLE, Prover, proved, unproved, witness_of
from querywright.verification.scratch import RUN_LIMIT_S, Scratch
from querywright.verification.witness import SHRINK_S, Laboratory, Outcome

LEAST_NONEMPTY = 0.2
"""Share of the witnesses on which the original must return rows."""

LEAST_MUTATION_SCORE = 0.9
"""Share of the original's mutants that the witnesses must tell apart from it."""

LEAST_MUTANTS = 5
"""How many mutants must have been judged, where there are that many."""

MOST_EQUIVALENT = 2
"""How many mutants may return what the original does, as far as there was time to tell, for each one that was told apart."""

_AIMED_DATABASES = 40
_FIRST_DATABASES = 20
"""So many databases refute most of what differs, before time goes into a proof."""

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
    if score is not None and score.equivalent + score.undecided > MOST_EQUIVALENT * (score.killed + score.alive):
        judged = score.killed + score.alive + score.equivalent + score.undecided
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
        aimed: int = _AIMED_DATABASES,
        shrink_s: float = SHRINK_S,
        reading: Sequence[str] = (),
    ) -> None:
        """``aimed`` databases are made for each candidate of unknown origin, ``mutation_s`` goes into the mutation score: none
        where they are 0. ``reading`` are candidates that are known by now: all databases have the columns that they read."""
        self.query = query
        self.schema = schema
        self.engine = engine
        self.seed = seed
        self.databases = databases
        self.strict = strict
        self.mutation_s = mutation_s
        self.proof_s = proof_s
        self.aimed = aimed
        self.shrink_s = shrink_s
        self._reading = tuple(reading)
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
        return mutation_score(tree, self.laboratory, lambda: self._control, self.mutation_s, LEAST_MUTANTS, MOST_EQUIVALENT)

    @cached_property
    def _control(self) -> Laboratory:
        return self._laboratory(self.schema, seed=self.seed + 1, crowded=True)

    def check_runs(self, text: str, source: str) -> None:
        """Raise `QueryError` where the engine refuses a query that fits the schema, such as for a function it lacks."""
        try:
            self.laboratory.describe_on_empty_tables(self.frozen(text))
        except StatementError as error:
            raise QueryError(
                f"{source} does not run on {self.engine}: {error.message}", "Correct it, or name its --dialect."
            ) from error

    def verdict(self, candidate: Candidate) -> Verdict:
        """The verdict of statics, witnesses and mutants; a candidate that cannot be run is refuted."""
        if self.unverifiable:
            return Verdict("unverifiable", reason=self.unverifiable)
        try:
            text = self.frozen(candidate.query.sql)
            unordered = self._static(text)
            if unordered and self.proof_s <= 0:
                return Verdict("unknown", reason=unordered)
            first = self._first_outcome(text)
            unfound = None
            if first is not None and first.difference is None:
                found = self._prover.proof(text, (), self.proof_s)
                if isinstance(found, Proof):
                    return proved(found, (), (self._check(first, None),), self.modulo)
                first, unfound = None, found
            outcome = first or self._outcome(text, candidate)
        except QueryError as error:
            return Verdict("refuted", reason=error.message)
        except StatementTimeout:
            return Verdict("unknown", reason=f"The candidate did not finish on witness databases within {RUN_LIMIT_S:g} s.")
        except ExecutionError as error:
            return Verdict("refuted", reason=f"The candidate fails: {error.message}")
        if outcome.difference is not None:
            return self._conditional(text, candidate) or self._refuted(outcome)
        reason = unordered or self._unreached(text)
        if reason:
            verdict = Verdict("unknown", checks=(self._check(outcome, None),), reason=reason)
        else:
            verdict = self._survived(outcome, (), text)
        return self._without_proof(verdict, unfound, text, self.proof_s)

    def strengthened(self, candidate: Candidate, verdict: Verdict, seconds: float) -> Verdict:
        """``verdict`` on a candidate that passed the witnesses, raised to ``proved`` where a proof is found in about ``seconds``.

        The proof is of the candidate's text against the original's, under the conditions of ``verdict``. Where there is none,
        ``tested`` becomes ``bounded`` if the two agree on all small databases, or ``refuted`` by one of them, after as many
        seconds at most; the reason says why there is no proof.
        """
        if verdict.grade not in IMPROVABLE or not verdict.checks:
            return verdict
        text = self.frozen(candidate.query.sql)
        found = self._prover.proof(text, verdict.conditions, seconds)
        if isinstance(found, Proof):
            assumed = [premise for premise in found.premises if premise.basis == "assumed"]
            if assumed:  # what was accepted without a condition shall not get one
                return replace(verdict, reason=f"{verdict.reason} Proved only if {assumed[0].columns[0]} fits its type.".lstrip())
            return proved(found, verdict.conditions, verdict.checks, self.modulo)
        return self._without_proof(verdict, found, text, seconds) if verdict.grade == "tested" else unproved(verdict, found)

    # ------------------------------------------------------------------ steps

    def _laboratory(
        self,
        schema: Schema,
        *,
        seed: int | None = None,
        aim: Sequence[str] = (),
        crowded: bool = False,
        databases: int = _AIMED_DATABASES,
    ) -> Laboratory:
        return Laboratory(
            self.frozen(self.query.sql),
            schema,
            self.engine,
            bindings=self.query.bindings,
            seed=self.seed if seed is None else seed,
            databases=databases if aim or crowded else self.databases,
            strict=self.strict,
            aim=aim,
            reading=self._reading,
            crowded=crowded,
            scratch=self._scratch if seed is None and schema is self.schema else self._spare,
            shrink_s=self.shrink_s,
        )

    def frozen(self, text: str) -> str:
        """``text`` with ``now()`` and its relatives replaced by the moment of this verifier."""
        return _frozen(text, self.query.dialect, self.moment)

    def _static(self, text: str) -> str:
        """Why witnesses would prove nothing about this candidate; empty where they would."""
        if self._single_row():
            return ""
        if _sorts(self.laboratory.text, self.query.dialect) and not _sorts(text, self.query.dialect):
            return "The original sorts its result, the candidate leaves the order to chance."
        return ""

    def _unreached(self, text: str) -> str:
        """Why a candidate that no witness refutes may differ all the same: beyond the rows that witnesses have."""
        lowering = self.laboratory.lowering
        cuts = (lowering.cut, outermost_cut(parse_query(text, self.query.dialect)))
        reach = max(number or 0 for cut in cuts for number in (cut.limit, cut.offset))
        alike = cuts[0] == cuts[1] or len(lowering.candidates(text)) > 1
        if not alike and reach > _REACHED_ROWS and not self._single_row():
            clause = "LIMITs" if cuts[0].limit != cuts[1].limit else "OFFSETs"
            return f"The outermost {clause} differ, and witness databases are too small to reach them."
        return ""

    def _single_row(self) -> bool:
        tree = self.laboratory.facts.tree
        return self.laboratory.facts.unique(tree, ()) is not None

    def _first_outcome(self, text: str) -> Outcome | None:
        """What a few databases say before a proof is tried; None where none is."""
        if self.proof_s <= 0:
            return None
        few = self._laboratory(self.schema, seed=self.seed + 2, aim=(text,), databases=_FIRST_DATABASES)
        return self._run(few, text)

    def _outcome(self, text: str, candidate: Candidate) -> Outcome:
        outcome = None
        if self.laboratory.covers(text):
            outcome = self._run(self.laboratory, text)
            # The steps of a model are what it says it did, so that its rewrites get witnesses of their own in any case.
            ruled = bool(candidate.steps) and candidate.origin.proposer != "model"
            known = ruled and _constants(text, self.query.dialect) <= _constants(self.query.sql, self.query.dialect)
            if outcome.difference is not None or known or not self.aimed:
                return outcome
        further = self._run(
            self._laboratory(self.schema, seed=self.seed + 2, aim=(text,), databases=self.aimed or self.databases), text
        )
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
        mismatch = laboratory.mismatch(text)
        if mismatch is not None:
            return Outcome(0, 0, 0, 0, (), 0, 0.0, difference=mismatch[0], counterexample=mismatch[1])
        return laboratory.run(text)

    def _conditional(self, text: str, candidate: Candidate) -> Verdict | None:
        """The verdict under the premises that the candidate names, where it was refuted without them."""
        premises = tuple(
            dict.fromkeys(premise for step in candidate.steps for premise in step.premises if premise.basis not in SETTLED)
        )
        if not premises:
            return None
        outcome = self._run(self._laboratory(assuming(self.schema, premises), seed=self.seed + 3), text)
        if outcome.difference is not None:
            return None
        found = self._prover.proof(text, premises, self.proof_s) if self.proof_s > 0 else None
        if isinstance(found, Proof):
            return proved(found, premises, (self._check(outcome, None),), self.modulo)
        return self._without_proof(self._survived(outcome, premises, ""), found, text, self.proof_s)

    @cached_property
    def _prover(self) -> Prover:
        return Prover(self.laboratory.text, self.schema, self.laboratory.dialect)

    def _without_proof(self, verdict: Verdict, found: Unproved | None, text: str, seconds: float) -> Verdict:
        """``verdict`` where there is no proof: a small database may tell the two apart, or the solver show that none does."""
        verdict = unproved(verdict, found)
        if found is None or found.kind == "solver" or verdict.grade not in IMPROVABLE or not verdict.checks:
            return verdict
        bound = self._prover.bound(verdict, text, seconds)
        if not isinstance(bound, Suspect):
            return bound
        schema = assuming(self.schema, verdict.conditions)
        laboratory = self._laboratory(schema, seed=self.seed + 4, aim=(text,))
        refuted = laboratory.tried(text, witness_of(bound, laboratory.schema, self.query.bindings))
        if refuted is None:
            return verdict
        return Verdict("refuted", checks=verdict.checks, counterexample=refuted[1], reason=refuted[0].reason)

    def _survived(self, outcome: Outcome, premises: tuple[Premise, ...], text: str) -> Verdict:
        names = self.laboratory.facts.tree.named_selects
        reached, reason = grade(outcome, None, names)
        score = None
        if reached == "tested" and self.mutation_s > 0:
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
        checks = (self._check(outcome, None),) if outcome.databases else ()
        return Verdict("refuted", checks=checks, counterexample=outcome.counterexample, reason=reason)

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


@lru_cache(maxsize=64)
def _frozen(text: str, dialect: str, moment: datetime) -> str:
    tree = parse_query(text, dialect, "the candidate")
    return freeze(tree, moment, dialect).sql(dialect) if frozen_calls(tree) else text


@lru_cache(maxsize=64)
def _sorts(text: str, dialect: str) -> bool:
    """Whether a query sorts its result."""
    return parse_query(text, dialect).args.get("order") is not None


def _constants(text: str, dialect: str) -> frozenset[str]:
    """The literals of a query."""
    return frozenset(node.name for node in parse_query(text, dialect).find_all(exp.Literal))
