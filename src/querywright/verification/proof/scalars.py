"""Translates SQL expressions to terms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

from sqlglot import exp

from querywright.sql.failures import may_fail
from querywright.sql.volatility import random_calls
from querywright.verification.proof.aggregates import product
from querywright.verification.proof.appearance import appearance, surely_real, tells_zeros_apart
from querywright.verification.proof.intervals import shift
from querywright.verification.proof.kinds import (
    TIMES,
    Unsupported,
    brought_to,
    check_identity,
    common_kind,
    converted,
    kind_of_type,
    literal,
    number_in,
    rounded,
)
from querywright.verification.proof.moments import moment
from querywright.verification.proof.operators import (
    COMPARISONS,
    as_truth,
    asserted,
    date_part,
    flat_concatenation,
    quotient,
)
from querywright.verification.proof.scope import Queries, Scope
from querywright.verification.proof.simplify import call, conjunction, conjuncts, negation
from querywright.verification.proof.subqueries import exists, in_, quantified, single
from querywright.verification.proof.terms import (
    FALSE,
    NUMERIC,
    TRUE,
    Call,
    Column,
    Constant,
    Kind,
    Term,
    null,
)

_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "add", exp.Sub: "sub", exp.Mul: "mul"}
_STRICT: tuple[type[exp.Expr], ...] = (
    exp.Like, exp.ILike, exp.Upper, exp.Lower, exp.Substring, exp.Trim, exp.Length, exp.Abs, exp.Extract, exp.Year, exp.Month,
    exp.Day, exp.Floor, exp.Ceil, exp.Round, exp.DPipe, exp.DateAdd, exp.DateSub, exp.Sqrt, exp.Pow,
)  # fmt: skip
_KNOWN_FUNCTIONS = {"unix_timestamp", "positive", "mod", "strftime", "julianday", "instr", "printf", "row"}
_PASSED_ON: tuple[type[exp.Expr], ...] = (exp.Paren, exp.Alias)


class Scalars:
    """Translates expressions of one dialect."""

    def __init__(self, queries: Queries) -> None:
        self.queries = queries
        self.dialect = queries.dialect
        self._zeros_compared = False
        self._zeros_told_apart = False

    def predicate(self, node: exp.Expr, scope: Scope) -> tuple[Term, ...]:
        """Conditions that are all TRUE exactly where ``node`` is TRUE."""
        bare = node.unnest() if isinstance(node, exp.Paren) else node
        if scope.special is None or scope.special(bare) is None:
            if isinstance(bare, exp.And):
                return (*self.predicate(bare.this, scope), *self.predicate(bare.expression, scope))
            if isinstance(bare, exp.Or):
                # An OR is TRUE where a side is, so that it is enough to know of each side where it is TRUE.
                return conjuncts(call("or", [conjunction(self.predicate(part, scope)) for part in (bare.this, bare.expression)]))
            if isinstance(bare, exp.In):
                return conjuncts(asserted(in_(self, bare, scope, asserted_only=True)))
        return tuple(asserted(part) for part in conjuncts(self.truth(node, scope)))

    def truth(self, node: exp.Expr, scope: Scope) -> Term:
        """``node`` as a boolean."""
        return as_truth(self.term(node, scope))

    def term(self, node: exp.Expr, scope: Scope) -> Term:
        """The term of an expression; raises `Unsupported`."""
        if scope.special is not None and (known := scope.special(node)) is not None:
            return known
        while isinstance(node, _PASSED_ON):
            node = node.this
            if scope.special is not None and (known := scope.special(node)) is not None:
                return known
        rule = _RULES.get(type(node))
        if rule is not None:
            return rule(self, node, scope)
        if type(node) in COMPARISONS:
            return self.comparison(node, scope)
        if isinstance(node, exp.Window):
            return self.queries.window(node, scope)
        if isinstance(node, exp.AggFunc):
            raise Unsupported(f"{node.sql()} at this place")
        if isinstance(node, (exp.Query, exp.Star, exp.Lambda, exp.Explode, exp.Unnest)):
            raise Unsupported(f"{node.key} at this place")
        return self.function(node, scope)

    def function(self, node: exp.Expr, scope: Scope) -> Term:
        """Any function: equal arguments give equal results."""
        if random_calls(node):
            raise Unsupported("a random function")
        if isinstance(node, exp.Placeholder) and not node.name:
            raise Unsupported("a parameter without a name")
        if isinstance(node, exp.Collate):
            raise Unsupported("a collation")
        if isinstance(node, exp.Anonymous) and node.name.lower() not in _KNOWN_FUNCTIONS:
            raise Unsupported(f"function {node.name}, which may be an aggregate")
        node = flat_concatenation(node)
        if isinstance(node, exp.Anonymous) and node.name.lower() == "positive" and len(node.expressions) == 1:
            return self.term(node.expressions[0], scope)
        if isinstance(node, exp.TsOrDsToDate) and len([value for value in node.args.values() if value]) == 1:
            day = self.term(node.this, scope)
            if day.kind == "date":
                return day
        part = date_part(node)
        if part is not None:
            return Call(f"strict:part:{part[0]}", (self.term(part[1], scope),), "integer")
        kind: Kind = "boolean" if isinstance(node, exp.Predicate) else kind_of_type(node.type, self.dialect)
        named: list[str] = [node.key]
        arguments: list[Term] = []
        for name, value in node.args.items():
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, exp.Condition) and not isinstance(part, exp.Interval):
                    arguments.append(self.term(part, scope))
                    named.append(f"{name} {self.look(arguments[-1], part, node, kind)}")
                elif isinstance(part, exp.Expr) and list(part.find_all(exp.Column, exp.Query, exp.AggFunc)):
                    raise Unsupported(f"{part.key} inside of {node.key}")
                elif part not in (None, False):
                    named.append(f"{name}={part.sql(self.dialect) if isinstance(part, exp.Expr) else part}")
        if isinstance(node, _STRICT) and any(isinstance(one, Constant) and one.value is None for one in arguments):
            return null(kind)
        return call(("strict:" if isinstance(node, _STRICT) else "call:") + ":".join(named), arguments, kind)

    def look(self, term: Term, node: exp.Expr, function: exp.Expr, result: Kind) -> str:
        """What ``function`` sees of its argument ``node`` beside the value."""
        if term.kind == "floating" and not (isinstance(term, Constant) and term.value) and tells_zeros_apart(function, result):
            self.zeros(told_apart=True)
        return appearance(term, node, self.dialect, result)

    def zeros(self, *, compared: bool = False, told_apart: bool = False) -> None:
        """Take note of what a query does with floating zeros, of which there are two. Raises `Unsupported` if it matters."""
        self._zeros_compared |= compared
        self._zeros_told_apart |= told_apart
        if self._zeros_compared and self._zeros_told_apart and self.dialect != "sqlite":
            raise Unsupported("floating zeros, which are equal whatever their sign, below a function that sees the sign")

    def identify(self, kinds: Iterable[Kind]) -> None:
        """Take note that equal values of these kinds count as one. Raises `Unsupported` where they may differ all the same."""
        for kind in kinds:
            check_identity(kind, self.dialect)
            self.zeros(compared=kind == "floating")

    def comparison(self, node: exp.Expr, scope: Scope) -> Term:
        """``a < b`` and its like, quantified ones and those of tuples included."""
        name, swapped, negated = COMPARISONS[type(node)]
        right = node.expression
        if isinstance(right, (exp.Any, exp.All)):
            return quantified(self, node, right, scope)
        sides = [self.items(side, scope) for side in (node.this, right)]
        types = [side.type.sql() if side.type is not None else "" for side in (node.this, right)]
        if all(len(side) == 1 and side[0].kind == "other" for side in sides) and types[0] != types[1]:
            raise Unsupported("a comparison of types such as two enumerations, each of which has an order of its own")
        if len(sides[0]) != len(sides[1]):
            raise Unsupported("a comparison of tuples of different length")
        if len(sides[0]) > 1 and name != "eq":
            raise Unsupported("an order of tuples")
        if swapped:
            sides.reverse()
        compared = self.all_equal(*sides) if len(sides[0]) > 1 else self.compare(name, sides[0][0], sides[1][0])
        return negation(compared) if negated else compared

    def items(self, node: exp.Expr, scope: Scope) -> list[Term]:
        """The members of a tuple, or the one value of anything else."""
        bare = node.unnest() if isinstance(node, exp.Paren) else node
        if isinstance(bare, exp.Tuple):
            return [self.term(part, scope) for part in bare.expressions]
        return [self.term(node, scope)]

    def compare(self, name: str, left: Term, right: Term) -> Term:
        """A comparison after the conversion of unlike operands."""
        for _ in range(2):
            left, right = self.aligned(right, left)
        left, right = (self.floating(one) if other.kind == "floating" else one for one, other in ((left, right), (right, left)))
        kinds = {left.kind, right.kind} - {"null"}
        if "floating" in kinds and not any(isinstance(one, Constant) and one.value for one in (left, right)):
            self.zeros(compared=True)
        for kind in kinds:
            check_identity(kind, self.dialect)
        if kinds == {"text", "decimal"} and self.dialect != "sqlite":
            raise Unsupported("a text as a decimal number, which rounds it")
        if len(kinds) > 1 and not kinds <= NUMERIC and not kinds <= TIMES:
            sides = ":".join(f"{one.kind}{' with affinity' * self.has_affinity(one)}" for one in (left, right))
            return Call(f"{'call' if name == 'same' else 'strict'}:compare:{name}:{sides}", (left, right), "boolean")
        return call(name, (left, right))

    def floating(self, term: Term) -> Term:
        """An exact number as it is compared with a floating one; SQLite compares exactly."""
        if isinstance(term, Constant) and isinstance(term.value, Fraction) and term.kind in NUMERIC:
            return term if self.dialect == "sqlite" else rounded(term)
        return Call("strict:to_floating", (term,), "floating") if term.kind in ("integer", "decimal") else term

    def has_affinity(self, term: Term) -> bool:
        """Whether SQLite converts what a value is compared with: where it is a column or a CAST, not where it is calculated."""
        if self.dialect != "sqlite":
            return False
        stored = isinstance(term, Column) and not term.name.isdigit()
        return stored or (isinstance(term, Call) and term.operator.startswith("cast:"))

    def aligned(self, left: Term, right: Term) -> tuple[Term, Term]:
        """Both operands, a constant on the right converted to the kind on the left."""
        if isinstance(right, Constant) and isinstance(right.value, str):
            if left.kind in TIMES:
                return left, moment(right.value, left.kind, self.dialect) or right
            if left.kind in NUMERIC and (self.dialect != "sqlite" or self.has_affinity(left)):
                return left, number_in(right.value, whole=self.dialect != "sqlite" and left.kind != "floating") or right
        if right.kind == "boolean" and left.kind in NUMERIC:
            return left, converted(right, exp.DataType.build("int"), None, self.dialect)
        return left, right

    # ------------------------------------------------------------------ subqueries

    def all_equal(self, left: Sequence[Term], right: Sequence[Term], *, structs: bool = True) -> Term:
        """Equality of two tuples; in DuckDB they are ``structs`` except below IN, and NULL is equal to NULL in them."""
        name = "same" if structs and self.dialect == "duckdb" and len(left) > 1 else "eq"
        try:
            return conjunction(self.compare(name, a, b) for a, b in zip(left, right, strict=True))
        except ValueError as error:
            raise Unsupported("a comparison of tuples of different length") from error

    # ------------------------------------------------------------------ operators

    def arithmetic(self, node: exp.Expr, scope: Scope) -> Term:
        """Addition, subtraction, multiplication, of numbers or of a date and an interval."""
        if isinstance(node.expression, exp.Interval):
            return shift(self, node, scope)
        pair = [self.term(part, scope) for part in (node.this, node.expression)]
        kinds = [term.kind for term in pair]
        if not set(kinds) <= NUMERIC | {"null"}:
            return Call(f"strict:{node.key}:{':'.join(kinds)}", tuple(pair), kind_of_type(node.type, self.dialect))
        kind = common_kind(kinds)
        name = _ARITHMETIC[type(node)]
        if kind == "floating":
            return Call(f"strict:floating:{name}", tuple(pair), kind)
        found = call(name, pair, kind)
        return product(found) or found

    def negative(self, node: exp.Expr, scope: Scope) -> Term:
        """``-x``."""
        operand = self.term(node.this, scope)
        if operand.kind not in NUMERIC | {"null"} or (operand.kind == "floating" and not isinstance(operand, Constant)):
            return self.function(node, scope)  # minus NaN is NaN
        return call("sub", (Constant(Fraction(0), "integer"), operand), operand.kind)

    def division(self, node: exp.Expr, scope: Scope) -> Term:
        """``a / b``; what it gives for integers depends on the dialect."""
        left, right = (self.term(part, scope) for part in (node.this, node.expression))
        if right.kind == "floating" and not (isinstance(right, Constant) and right.value):
            self.zeros(told_apart=True)
        whole = node.args.get("typed") and left.kind == "integer" and right.kind == "integer"
        found = quotient(left, right, whole=bool(whole))
        dynamic = self.dialect == "sqlite" and isinstance(found, Call) and not whole
        if dynamic and not any(surely_real(*pair) for pair in ((node.this, left), (node.expression, right))):
            looks = [appearance(*pair, self.dialect) for pair in ((left, node.this), (right, node.expression))]
            return Call(f"division:{':'.join(looks)}", (left, right), "floating")
        return found

    def case(self, node: exp.Expr, scope: Scope) -> Term:
        """CASE and IF."""
        subject = self.term(node.this, scope) if isinstance(node, exp.Case) and node.this is not None else None
        pairs: list[tuple[Term, Term]] = []
        for branch in node.args["ifs"] if isinstance(node, exp.Case) else [node]:
            condition = (
                self.truth(branch.this, scope) if subject is None else self.compare("eq", subject, self.term(branch.this, scope))
            )
            pairs.append((condition, self.term(branch.args["true"], scope)))
        default = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
        last = self.term(default, scope) if default is not None else null()
        return self.chosen(pairs, last)

    def chosen(self, pairs: list[tuple[Term, Term]], last: Term) -> Term:
        """CASE with its results brought to one kind."""
        values = [value for _, value in pairs] + [last]
        kind = common_kind([value.kind for value in values])
        if kind == "other" and "text" in {value.kind for value in values}:
            if any(isinstance(value, Constant) and value.kind == "text" for value in values) and self.dialect != "sqlite":
                raise Unsupported("a CASE or COALESCE whose text is converted to the type of the other values")
            kind = "text"
            values = [one if one.kind in ("text", "null") else Call("strict:to_text", (one,), "text") for one in values]
        values = [brought_to(one, kind) for one in values]
        arguments = [part for (condition, _), value in zip(pairs, values, strict=False) for part in (condition, value)]
        found = call("case", (*arguments, values[-1]), kind)
        return Call("case", (*arguments, values[-1]), kind) if self.has_affinity(found) else found

    def coalesce(self, node: exp.Expr, scope: Scope) -> Term:
        """COALESCE."""
        options = [self.term(part, scope) for part in (node.this, *node.expressions)]
        present = [(negation(call("is_null", (option,))), option) for option in options[:-1]]
        return self.chosen(present, options[-1])

    def nullif(self, node: exp.Expr, scope: Scope) -> Term:
        """NULLIF."""
        left, right = (self.term(part, scope) for part in (node.this, node.expression))
        if self.dialect == "sqlite" and "text" in (left.kind, right.kind) and left.kind != right.kind:
            return self.function(node, scope)
        return call("case", (self.compare("eq", left, right), null(left.kind), left), left.kind)

    def is_(self, node: exp.Expr, scope: Scope) -> Term:
        """``x IS NULL``, ``x IS TRUE``."""
        subject = self.term(node.this, scope)
        if isinstance(node.expression, exp.Null):
            return call("is_null", (subject,))
        if isinstance(node.expression, exp.Boolean):
            wanted = as_truth(subject) if node.expression.this else negation(as_truth(subject))
            return call("case", (wanted, TRUE, FALSE))
        return self.same(node, scope)

    def same(self, node: exp.Expr, scope: Scope) -> Term:
        """``x IS NOT DISTINCT FROM y``."""
        left, right = (self.term(part, scope) for part in (node.this, node.expression))
        compared = self.compare("eq", left, right)
        if isinstance(compared, Call) and compared.operator == "eq":
            return call("same", compared.arguments)
        both = conjunction(call("is_null", (one,)) for one in (left, right))
        return call("or", (both, call("case", (compared, TRUE, FALSE))))

    def between(self, node: exp.Expr, scope: Scope) -> Term:
        """``x BETWEEN a AND b``."""
        subject, low, high = (self.term(part, scope) for part in (node.this, node.args["low"], node.args["high"]))
        if node.args.get("symmetric"):
            raise Unsupported("BETWEEN SYMMETRIC")
        return conjunction((self.compare("le", low, subject), self.compare("le", subject, high)))

    def cast(self, node: exp.Expr, scope: Scope) -> Term:
        """CAST; TRY_CAST where it can only succeed."""
        term, target = self.term(node.this, scope), node.args["to"]
        look = self.look(term, node.this, node, kind_of_type(target, self.dialect))
        found = converted(term, target, node.this.type, self.dialect, look)
        if not isinstance(node, exp.TryCast):
            return found
        if found == term and (isinstance(term, Constant) or may_fail(exp.Cast(this=node.this.copy(), to=target), self.dialect)):
            return Call(f"try_cast:{target.sql()} of {look}", (term,), kind_of_type(target, self.dialect))
        tried = isinstance(found, Call) and found.operator.startswith("cast:")
        return Call("try_" + found.operator, found.arguments, found.kind) if tried and isinstance(found, Call) else found

    def date(self, node: exp.Expr, scope: Scope) -> Term:
        """``DATE(x)`` of one argument."""
        if len([value for value in node.args.values() if value]) != 1 or self.dialect == "sqlite":
            return self.function(node, scope)
        return converted(self.term(node.this, scope), exp.DataType.build("date"), None, self.dialect)


Rule = Callable[[Scalars, exp.Expr, Scope], Term]

_RULES: dict[type[exp.Expr], Rule] = {
    exp.Column: lambda scalars, node, scope: scope.column(node),  # type: ignore[arg-type]
    exp.Literal: lambda scalars, node, scope: literal(node, scalars.dialect),  # type: ignore[arg-type]
    exp.Boolean: lambda scalars, node, scope: TRUE if node.this else FALSE,
    exp.Null: lambda scalars, node, scope: null(),
    exp.And: lambda scalars, node, scope: call("and", [scalars.truth(part, scope) for part in (node.this, node.expression)]),
    exp.Or: lambda scalars, node, scope: call("or", [scalars.truth(part, scope) for part in (node.this, node.expression)]),
    exp.Not: lambda scalars, node, scope: negation(scalars.truth(node.this, scope)),
    exp.In: in_,
    exp.Exists: exists,
    exp.Subquery: single,
    exp.Add: Scalars.arithmetic,
    exp.Sub: Scalars.arithmetic,
    exp.Mul: Scalars.arithmetic,
    exp.Div: Scalars.division,
    exp.Neg: Scalars.negative,
    exp.Case: Scalars.case,
    exp.If: Scalars.case,
    exp.Coalesce: Scalars.coalesce,
    exp.Nullif: Scalars.nullif,
    exp.Is: Scalars.is_,
    exp.NullSafeEQ: Scalars.same,
    exp.NullSafeNEQ: lambda scalars, node, scope: negation(scalars.same(node, scope)),
    exp.Between: Scalars.between,
    exp.Cast: Scalars.cast,
    exp.TryCast: Scalars.cast,
    exp.Date: Scalars.date,
    exp.DateAdd: shift,
    exp.DateSub: shift,
}
