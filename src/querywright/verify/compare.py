"""Comparison of two query results inside the engine, of any size.

The rules of equality, all in this module and `querywright.verify.rows`: results are bags of rows (compared by position, NULL equals
NULL), their cells exact but for a relative tolerance of 1e-9 in floating-point columns; under a top-level ORDER BY the sequence of sort keys
must agree as well, and the whole rows where the order is total. Where the outermost LIMIT of the original cuts through
ties, the candidate may choose other rows among those ties, and no others.

    terms = terms_of(text, facts)                                      # once per original
    stored = session.call(store_original, text, terms, bindings)       # once per original, bindings and database
    result = session.call(compare, stored, candidate, terms)           # per candidate: Comparison(rows, difference)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from sqlglot import exp

from querywright.engines.protocol import Connection
from querywright.sql.ambiguity import ambiguities, floating_columns
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.predicates import unwrap
from querywright.values import Bindings
from querywright.verify.rows import unmatched

_ORIGINAL = "querywright_original"
_CANDIDATE = "querywright_candidate"
_CELLS = "querywright_cells"
_SHOWN_ROWS = 5
_LARGEST_FETCH = 500_000
"""Rows that may be matched in Python when floating-point columns differ beyond what the engine could pair."""

_LABEL = "printf('%.10e', CAST({} AS DOUBLE) + 0.0)"
"""Eleven significant digits: cells with the same label are nearer to each other than a tenth of the tolerance."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What it means to return what the original returns.

    ``floating`` are the positions of columns with tolerance, in addition to those whose type the engine reports as floating. ``keys`` are
    the positions of the leading sort keys that show in the result; under a ``total`` order the whole sequence of rows counts.
    ``lifted`` is the original without its outermost LIMIT, set where that LIMIT leaves a choice; ``hidden_key`` says that
    the choice depends on a sort key that is not in the result. ``strict`` asks for identical column names and types.
    """

    dialect: str
    floating: frozenset[int] = frozenset()
    keys: tuple[int, ...] = ()
    total: bool = False
    lifted: str | None = None
    hidden_key: bool = False
    strict: bool = True
    untyped: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """The original's result in a temporary table of the session: the columns with their types, and the number of rows.

    ``duplicate_free`` makes the comparison cheaper: then one set inclusion and equal counts prove equal bags.
    """

    table: str
    described: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    rows: int
    duplicate_free: bool
    bindings: Bindings = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """Why two results are not equal, with a few rows that only one side has."""

    reason: str
    original_only: tuple[tuple[object, ...], ...] = ()
    candidate_only: tuple[tuple[object, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a comparison of ``rows`` original rows: equal unless ``difference``.

    ``undecided`` says why neither equality nor a difference could be established; ``refined`` that the candidate made another valid
    choice among ties.
    """

    rows: int
    difference: Difference | None = None
    undecided: str = ""
    refined: bool = False

    @property
    def equal(self) -> bool:
        """Whether the candidate's result is a valid answer of the original."""
        return self.difference is None and not self.undecided


def terms_of(text: str, facts: Facts, *, strict: bool = True, exact_decimals: bool = True) -> Terms:
    """The terms for the query ``text`` whose qualified tree ``facts`` hold."""
    tree = facts.tree
    floating = floating_columns(tree, exact_decimals=exact_decimals)
    positions = sort_positions(tree)
    visible = [position for position in takewhile(lambda p: p is not None, positions) if position is not None]
    # Below a floating-point key rounding noise decides which later keys are compared.
    certain = next((index + 1 for index, position in enumerate(visible) if position in floating), len(visible))
    premises = facts.total_order(tree) if positions else None
    total = premises is not None and all(p.basis in ("enforced", "declared") for p in premises)
    choice = any(ambiguity.top_level for ambiguity in ambiguities(facts))
    lifted = None
    if choice:
        bare = parse_query(text, facts.dialect)
        bare.set("limit", None)
        bare.set("offset", None)
        lifted = bare.sql(facts.dialect)
    return Terms(
        dialect=facts.dialect,
        floating=floating,
        keys=tuple(visible[:certain]),
        total=total and not floating & set(visible) and not choice,
        lifted=lifted,
        hidden_key=choice and len(visible) < len(positions),
        strict=strict,
        untyped=not exact_decimals,
    )


def sort_positions(tree: exp.Query) -> list[int | None]:
    """For each key of the outermost ORDER BY the position of the output column it sorts by, None where it is not in the output."""
    order = tree.args.get("order")
    if order is None:
        return []
    names = tree.named_selects
    texts = [unwrap(projection.unalias()).sql() for projection in tree.selects]
    positions: list[int | None] = []
    for ordered in order.expressions:
        key = unwrap(ordered.this)
        if isinstance(key, exp.Literal) and not key.is_string:
            positions.append(int(key.name) - 1)
        elif isinstance(key, exp.Column) and not key.table and key.name in names:
            positions.append(names.index(key.name))
        else:
            text = key.sql()
            positions.append(texts.index(text) if text in texts else None)
    return positions


def store_original(connection: Connection, sql: str, terms: Terms, bindings: Bindings = ()) -> Stored:
    """Worker side: run the original once and keep its rows in a temporary table for `compare`."""
    described = connection.describe(sql, bindings)
    rows = connection.store(_ORIGINAL, sql, bindings)
    columns = _columns(connection, _ORIGINAL)
    distinct = False
    if terms.dialect == "duckdb" and rows:
        grouped = f"SELECT 1 FROM {_quoted(_ORIGINAL)} GROUP BY {_listed(columns)}"
        distinct = _number(connection, f"SELECT COUNT(*) FROM ({grouped}) AS groups") == rows
    return Stored(_ORIGINAL, described, columns, rows, distinct, bindings)


def compare(connection: Connection, original: Stored, sql: str, terms: Terms) -> Comparison:
    """Worker side: run the candidate ``sql`` and compare its rows with the stored original's."""
    described = connection.describe(sql, original.bindings)
    mismatch = column_difference(original.described, described, terms)
    if mismatch is not None:
        return Comparison(original.rows, mismatch)
    rows = connection.store(_CANDIDATE, sql, original.bindings)
    try:
        if rows != original.rows:
            found = Difference(f"The original returns {original.rows} rows, the candidate {rows}.")
            return Comparison(original.rows, found)
        sides = _Sides(connection, original, terms, described)
        return sides.comparison()
    finally:
        connection.drop(_CANDIDATE)


def column_difference(
    original: Sequence[tuple[str, str]], candidate: Sequence[tuple[str, str]], terms: Terms
) -> Difference | None:
    """A difference in the number of columns, their names and types (strict) or the families of their types."""
    if len(original) != len(candidate):
        return Difference(f"The original has {len(original)} columns, the candidate {len(candidate)}.")
    for position, ((name, kind), (other_name, other_kind)) in enumerate(zip(original, candidate, strict=True), 1):
        if terms.strict and name != other_name:
            return Difference(f"Column {position} is named {name} in the original and {other_name} in the candidate.")
        same = kind == other_kind if terms.strict else family(kind) == family(other_kind)
        if not same and kind and other_kind:
            return Difference(f"Column {position} ({name}) is {kind} in the original and {other_kind} in the candidate.")
    return None


def family(kind: str) -> str:
    """Types whose values compare with each other without conversion to text."""
    name = kind.upper().partition("(")[0].strip()
    if kind.endswith("]") or name.startswith(("STRUCT", "MAP", "UNION")):
        return kind.upper()
    if "INT" in name and "INTERVAL" not in name:
        return "number"
    if name.startswith(("DECIMAL", "NUMERIC", "DOUBLE", "FLOAT", "REAL", "LONG", "SHORT", "NUMBER")):
        return "number"
    if "CHAR" in name or name in ("TEXT", "STRING", "CLOB"):
        return "text"
    return "timestamp" if name.startswith(("TIMESTAMP", "DATETIME")) else name


def is_floating(kind: str) -> bool:
    """Whether a type as the engine spells it is a floating-point type."""
    return kind.upper().startswith(("DOUBLE", "FLOAT", "REAL")) and not kind.endswith("]")


@dataclass(frozen=True)
class _Sides:
    """The two stored results with the statements that compare them."""

    connection: Connection
    original: Stored
    terms: Terms
    described: tuple[tuple[str, str], ...]

    @property
    def floating(self) -> frozenset[int]:
        both = [*enumerate(self.original.described), *enumerate(self.described)]
        return self.terms.floating | {position for position, (_, kind) in both if is_floating(kind)}

    @property
    def candidate_columns(self) -> tuple[str, ...]:
        return _columns(self.connection, _CANDIDATE)

    def comparison(self) -> Comparison:
        rows = self.original.rows
        every = range(len(self.original.columns))
        if rows == 0 or self.in_step(every):
            return Comparison(rows)
        if not self.included() and not self.balanced():
            left, right, undecided = self.leftovers()
            if undecided:
                return Comparison(rows, undecided=undecided)
            if left or right:
                return self.refinement(left, right)
        return self.order_checked(every if self.terms.total else self.terms.keys)

    def order_checked(self, positions: Sequence[int], *, refined: bool = False) -> Comparison:
        exact = [position for position in positions if position not in self.floating]
        if exact and not self.in_step(exact):
            return Comparison(self.original.rows, Difference("Both return the same rows, but in a different order."))
        return Comparison(self.original.rows, refined=refined)

    def in_step(self, positions: Sequence[int]) -> bool:
        """Whether the n-th rows of both sides agree at ``positions``, for every n."""
        pairs = zip(self.original.columns, self.candidate_columns, strict=True)
        tests = [
            f"{self.distinct(f'o.{_quoted(ours)}', f'c.{_quoted(theirs)}')}"
            for position, (ours, theirs) in enumerate(pairs)
            if position in positions
        ]
        original, candidate = _quoted(_ORIGINAL), _quoted(_CANDIDATE)
        joined = (
            f"{original} AS o POSITIONAL JOIN {candidate} AS c"
            if self.terms.dialect == "duckdb"
            else f"{original} AS o JOIN {candidate} AS c ON o.rowid = c.rowid"
        )
        found = self.connection.fetch(f"SELECT 1 FROM {joined} WHERE {' OR '.join(tests)} LIMIT 1")
        return not found.rows

    def included(self) -> bool:
        """Whether set inclusion shows equal bags: the original has no duplicates and each of its rows has a partner.

        With n different rows on one side, all found among the n rows of the other, neither side has anything else.
        """
        if not self.original.duplicate_free:
            return False
        pairs = zip(self.original.columns, self.candidate_columns, strict=True)
        same = " AND ".join(f"o.{_quoted(a)} IS NOT DISTINCT FROM c.{_quoted(b)}" for a, b in pairs)
        missing = f"SELECT 1 FROM {_quoted(_ORIGINAL)} AS o WHERE NOT EXISTS"
        partner = f"(SELECT 1 FROM {_quoted(_CANDIDATE)} AS c WHERE {same})"
        return not self.connection.fetch(f"{missing} {partner} LIMIT 1").rows

    def balanced(self) -> bool:
        """Whether the signed bag is empty."""
        return not self.connection.fetch(f"{self.signed(self.plain())} LIMIT 1").rows

    def leftovers(self) -> tuple[list[Sequence[object]], list[Sequence[object]], str]:
        """Rows without partner on either side after pairing with tolerance, and why they could not be found out."""
        floating = self.floating
        cells = self.labels() if floating else self.plain()
        count = self.connection.store(_CELLS, self.signed(cells))
        try:
            sides = [self.members(table) for table in (_ORIGINAL, _CANDIDATE)]
            if count > _LARGEST_FETCH or not floating:
                shown = [self.connection.fetch(f"{side} LIMIT {_SHOWN_ROWS}").rows for side in sides]
                if floating:
                    return [], [], "Too many rows differ in floating-point columns by less than can be paired."
                ours, theirs = (self.connection.fetch(self.surplus(sign)).rows for sign in (">", "<"))
                del shown
                return list(ours), list(theirs), ""
            fetched = [self.connection.fetch(side, max_rows=2 * _LARGEST_FETCH) for side in sides]
            if not all(result.complete for result in fetched):
                return [], [], "Too many rows differ in floating-point columns by less than can be paired."
            left, right = unmatched(fetched[0].rows, fetched[1].rows, floating)
            return left, right, ""
        finally:
            self.connection.drop(_CELLS)
