"""Verdicts that rest on a symbolic proof, for all databases or for those of a few rows a table; else the reason why none does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlglot import TokenType, tokenize

from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema, Table
from querywright.values import Bindings, Check, Grade, Premise, Verdict
from querywright.verification.bounded import Bounded, Suspect, bounded
from querywright.verification.databases import Witness
from querywright.verification.narrowing import assuming, obeyed
from querywright.verification.proof import Proof, Unproved, prove
from querywright.verification.terms import Value
from querywright.verification.values import fits

IMPROVABLE: frozenset[Grade] = frozenset({"tested", "vacuous", "unknown"})
"""Grades of candidates that passed the tests there were."""


@dataclass(frozen=True)
class Prover:
    """Looks for proofs about one original: its frozen text, the schema and the dialect.

    Proofs rest on nothing but what is enforced or declared, and on the conditions of a verdict.
    """

    text: str
    schema: Schema
    dialect: str

    def proof(self, candidate: str, conditions: Sequence[Premise], seconds: float) -> Proof | Unproved:
        """A proof for all databases, looked for during about ``seconds``."""
        if any(_unary_plus(one, self.dialect) for one in (self.text, candidate)):
            return Unproved("feature", "The proof does not cover a sign before a column that SQLite then does not convert.", 0.0)
        schema = obeyed(assuming(self.schema, conditions))
        original, other = (qualify_text(one, schema, self.dialect) for one in (self.text, candidate))
        return prove(original, other, schema, self.dialect, seconds)

    def bound(self, verdict: Verdict, candidate: str, seconds: float) -> Verdict | Suspect:
        """``verdict`` without a proof, ``bounded`` instead of ``tested`` if the texts agree on all small databases.

        The tests have to be strong as well: what takes more rows to show, such as a group of five, is beyond the bound. A
        `Suspect` is a small database to try.
        """
        if any(_unary_plus(one, self.dialect) for one in (self.text, candidate)):
            return verdict
        schema = obeyed(assuming(self.schema, verdict.conditions))
        original, other = (qualify_text(one, schema, self.dialect) for one in (self.text, candidate))
        found = bounded(original, other, schema, self.dialect, seconds)
        if isinstance(found, Suspect):
            return found
        if not isinstance(found, Bounded):
            return replace(verdict, reason=f"{verdict.reason} Not bounded: {found.reason}".lstrip())
        check = Check("bounded", "", rows=found.rows, databases=0, seconds=round(found.seconds, 3))
        grade: Grade = "bounded" if verdict.grade == "tested" else verdict.grade
        premises = _joined(verdict.conditions, found.premises)
        return replace(verdict, grade=grade, premises=premises, checks=(*verdict.checks, check))


def proved(found: Proof, conditions: tuple[Premise, ...], checks: tuple[Check, ...], modulo: tuple[str, ...]) -> Verdict:
    """The verdict of a proof."""
    check = Check("symbolic", "", databases=0, seconds=round(found.seconds, 3))
    return Verdict("proved", _joined(conditions, found.premises), (*checks, check), modulo)


def witness_of(suspect: Suspect, schema: Schema, bindings: Sequence[Bindings]) -> Witness:
    """The database of a suspect, for the tables and columns of ``schema``; values that a column cannot hold are NULL."""

    def rows(table: Table) -> Iterator[tuple[Value, ...]]:
        for row in suspect.rows.get(table.name.lower(), ()):
            yield tuple(fits(row.get(column.name.lower()), column.type) for column in table.columns)

    return Witness({table.name.lower(): tuple(rows(table)) for table in schema.tables}, bindings[0] if bindings else ())


def unproved(verdict: Verdict, found: Unproved | None) -> Verdict:
    """``verdict`` with the reason why there is no proof, if one was looked for."""
    if found is None or verdict.grade not in IMPROVABLE:
        return verdict
    return replace(verdict, reason=f"{verdict.reason} Not proved: {found.reason}".lstrip())


def _joined(conditions: tuple[Premise, ...], used: tuple[Premise, ...]) -> tuple[Premise, ...]:
    """All premises; a condition was declared for the sake of the proof, but stays what it is."""
    known = {_fact(premise) for premise in conditions}
    return (*conditions, *(premise for premise in used if _fact(premise) not in known))


def _fact(premise: Premise) -> object:
    """What a premise says, whoever vouches for it."""
    return premise.kind, premise.table.lower(), frozenset(map(str.lower, premise.columns)), premise.references


def _unary_plus(text: str, dialect: str) -> bool:
    """Whether a text has a sign that its tree lacks: in SQLite ``+a`` is what ``a`` is, but is compared without conversion."""
    if dialect != "sqlite":
        return False
    tokens = tokenize(text, read=dialect)
    values = (TokenType.VAR, TokenType.IDENTIFIER, TokenType.NUMBER, TokenType.STRING, TokenType.R_PAREN, TokenType.END)
    signs = (pair for pair in pairwise([None, *tokens]) if pair[1] is not None and pair[1].token_type is TokenType.PLUS)
    return any(before is None or before.token_type not in values for before, _ in signs)
