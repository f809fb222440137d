"""Facts that a schema declares and its engine does not enforce are checked on the data before a verdict may rest on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from querywright.databases.database import Database
from querywright.databases.premises import check_premise
from querywright.engines.protocol import Limits
from querywright.engines.session import Session
from querywright.errors import ExecutionError
from querywright.values import Check, Premise, Verdict

CHECK_S = 5.0
"""The most seconds that the check of one fact may take."""


@dataclass
class DeclaredFacts:
    """The declared facts of one database, each checked once, in a session of their own; disjointness is left out."""

    database: Database
    limits: Limits | None = None
    limit_s: float = CHECK_S
    _known: dict[Premise, bool | None] = field(default_factory=dict)

    def settled(self, verdict: Verdict, unproved: Verdict, others: Iterable[Premise] = ()) -> Verdict:
        """``verdict`` after checking the declared facts among its premises and ``others``, those that a rewrite relied on.

        One that the data violates makes it ``unknown``. A proof on one that could not be checked does not count: then the
        verdict is ``unproved``, the one without it.
        """
        declared = [premise for premise in dict.fromkeys((*verdict.premises, *others)) if premise.basis == "declared"]
        needed = [premise for premise in declared if premise.kind != "disjoint"]
        if not needed:
            return verdict
        answers = self._answers(needed)
        violated = [premise for premise in needed if answers[premise] is False]
        if violated:
            reason = f"The data of {self.database.name} violates what the schema declares: {_listed(violated)}."
            return replace(verdict, grade="unknown", reason=reason)
        unchecked = [premise for premise in verdict.premises if answers.get(premise, True) is None]
        if unchecked:
            reason = f"Not proved: {_listed(unchecked)} is declared, but could not be checked within {self.limit_s:g} s."
            return replace(unproved, reason=f"{unproved.reason} {reason}".lstrip())
        held = sum(answers[premise] is True for premise in needed)
        return replace(verdict, checks=(*verdict.checks, Check("premises", self.database.name, rows=held))) if held else verdict

    def _answers(self, premises: list[Premise]) -> dict[Premise, bool | None]:
        fresh = [premise for premise in premises if premise not in self._known]
        if fresh:
            with Session(self.database.location, self.limits) as session:
                for premise in fresh:
                    try:
                        self._known[premise] = check_premise(session, premise, self.limit_s)
                    except ExecutionError:  # too slow or too large: the fact counts as not checked
                        self._known[premise] = None
        return {premise: self._known[premise] for premise in premises}


def _listed(premises: Iterable[Premise]) -> str:
    return ", ".join(f"{premise.kind} {premise.table}({', '.join(premise.columns)})" for premise in premises)
