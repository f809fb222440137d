"""Comparison of two query results inside the engine, of any size.

The rules of equality stand in this module and in `querywright.verification.rows`: results are bags of rows, compared by
position, NULL equal to NULL; cells are exact but for a relative tolerance of 1e-9 in floating-point columns; under a
top-level ORDER BY the sequence of sort keys must agree as well, and the whole rows where the order is total. Where the
outermost LIMIT of the original cuts through ties, the candidate may choose other rows among those ties, and no others.

    terms = terms_of(text, facts)                                      # once per original
    stored = session.call(store_original, text, terms, bindings)       # once per original, bindings and database
    result = session.call(compare, stored, candidate, terms)           # per candidate: Comparison(rows, difference)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile

from sqlglot import exp

from querywright.engines.protocol import Connection
from querywright.engines.session import timed
from querywright.sql.ambiguity import ambiguities, floating_columns
from querywright.sql.facts import Facts
from querywright.sql.parse import parse_query
from querywright.sql.predicates import unwrap
from querywright.values import Run
from querywright.verification.pieces import agreeing, pieces
from querywright.verification.rows import Row, unmatched
from querywright.verification.stored import Stored, columns_of, is_floating, quoted

_CANDIDATE = "querywright_candidate"
_CELLS = "querywright_cells"
_LIFTED = "querywright_lifted"
_SHOWN_ROWS = 5
_LARGEST_FETCH = 500_000
"""Rows per side that are paired in Python where floating-point columns differ beyond what the engine could pair."""

_LABELS = {
    "sqlite": "CASE WHEN typeof({0}) = 'real' OR typeof({0}) = 'integer' AND abs({0}) < 1e10 "
    "THEN printf('%.10e', {0} + 0.0) ELSE {0} END",
    "": "CASE WHEN {0} IS NOT NULL THEN printf('%.10e', CAST({0} AS DOUBLE) + 0.0) END",
}
"""Eleven significant digits: cells with the same label are nearer to each other than a tenth of the tolerance."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What it means to return what the original returns.

    ``floating`` are the positions of columns with tolerance where the engine does not report the types of results.
    ``keys`` are the positions of the leading sort keys that show in the result; under a ``total`` order the whole sequence
    of rows counts. ``lifted`` is the original without its outermost LIMIT, set where that LIMIT leaves a choice;
    ``hidden_key`` says that the choice depends on a sort key that is not in the result. ``strict`` asks for identical
    column names and types.
    """

    dialect: str
    floating: frozenset[int] = frozenset()
    keys: tuple[int, ...] = ()
    total: bool = False
    lifted: str | None = None
    hidden_key: bool = False
    strict: bool = True


@dataclass(frozen=True, slots=True)
class Difference:
    """Why two results are not equal, with a few rows that only one side has."""

    reason: str
    original_only: tuple[tuple[object, ...], ...] = ()
    candidate_only: tuple[tuple[object, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of a comparison of ``rows`` original rows: equal unless ``difference``.

    ``undecided`` says why neither equality nor a difference could be established; ``refined`` that the candidate made
    another valid choice among ties. ``found`` is the number of the candidate's rows and ``run`` how long storing
    them took, None where it was not run.
    """

    rows: int
    difference: Difference | None = None
    undecided: str = ""
    refined: bool = False
    found: int | None = None
    run: Run | None = field(default=None, compare=False)

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
        keys=tuple(visible),
        total=total and not floating & set(visible) and not choice,
        lifted=lifted,
        hidden_key=choice and len(visible) < len(positions),
        strict=strict,
    )


def sort_positions(tree: exp.Query) -> list[int | None]:
    """For each key of the outermost ORDER BY the position of the output column it sorts by, None where there is none."""
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


def compare(connection: Connection, original: Stored, sql: str, terms: Terms) -> Comparison:
    """Worker side: run the candidate ``sql`` and compare its rows with the stored original's."""
    described = connection.describe(sql, original.bindings)
    mismatch = column_difference(original.described, described, terms)
    if mismatch is not None:
        return Comparison(original.rows, mismatch)
    rows, run = timed(partial(connection.store, _CANDIDATE, sql, original.bindings))
    try:
        if rows != original.rows:
            found = Difference(f"The original returns {original.rows} rows, the candidate {rows}.")
            return Comparison(original.rows, found, found=rows, run=run)
        comparison = _Comparer(connection, original, terms, [kind for _, kind in described]).comparison()
        return replace(comparison, found=rows, run=run)
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


class _Comparer:
    """The stored results and the statements that compare them."""

    def __init__(self, connection: Connection, original: Stored, terms: Terms, kinds: Sequence[str]) -> None:
        self.connection = connection
        self.original = original
        self.terms = terms
        both = [*enumerate(kind for _, kind in original.described), *enumerate(kinds)]
        self.floating = frozenset(i for i, kind in both if is_floating(kind) or (not kind and i in terms.floating))
        self.columns = {
            original.table: original.columns,
            _CANDIDATE: columns_of(connection, _CANDIDATE),
        }
        self.every = range(len(original.columns))

    def comparison(self) -> Comparison:
        rows = self.original.rows
        if rows == 0 or self.in_step(self.every):
            return Comparison(rows)
        if not self.included() and self.exists(self.signed(self.original.table, _CANDIDATE)):
            left, right, undecided = self.leftovers()
            if undecided:
                return Comparison(rows, undecided=undecided)
            if left or right:
                return self.refinement(left, right)
        return self.order_checked(self.every if self.terms.total else self.sequence_keys())

    def sequence_keys(self) -> list[int]:
        """Sort keys whose sequence is certain: below a floating-point key, rounding noise decides which rows come first."""
        return list(takewhile(lambda position: position not in self.floating, self.terms.keys))

    def order_checked(self, positions: Sequence[int], *, refined: bool = False) -> Comparison:
        exact = [position for position in positions if position not in self.floating]
        if exact and not self.in_step(exact):
            return Comparison(self.original.rows, Difference("Both return the same rows, but in a different order."))
        return Comparison(self.original.rows, refined=refined)

    def in_step(self, positions: Sequence[int]) -> bool:
        """Whether the n-th rows of both sides agree at ``positions``, for every n."""
        ours, theirs = self.columns[self.original.table], self.columns[_CANDIDATE]
        tests = [f"NOT ({self.same(f'o.{quoted(ours[i])}', f'c.{quoted(theirs[i])}')})" for i in positions]
        paired = (
            f"{quoted(self.original.table)} AS o POSITIONAL JOIN {quoted(_CANDIDATE)} AS c"
            if self.terms.dialect == "duckdb"
            else f"{quoted(self.original.table)} AS o JOIN {quoted(_CANDIDATE)} AS c ON o.rowid = c.rowid"
        )
        return not self.exists(f"SELECT 1 FROM {paired} WHERE {' OR '.join(tests)}")

    def included(self) -> bool:
        """Whether set inclusion shows equal bags: the original has no duplicates and each of its rows has a partner.

        With n different rows on one side, all found among the n rows of the other, neither side has anything else.
        """
        if not self.original.duplicate_free:
            return False
        names = list(zip(self.columns[self.original.table], self.columns[_CANDIDATE], strict=True))
        same = [self.same(f"o.{quoted(a)}", f"c.{quoted(b)}") for a, b in names]
        if self.original.key is not None:
            over = f"o.{quoted(names[self.original.key][0])} = c.{quoted(names[self.original.key][1])}"
            rest = " AND ".join(test for position, test in enumerate(same) if position != self.original.key) or "TRUE"
            return self.included_by_key(over, rest)
        partner = f"SELECT 1 FROM {quoted(_CANDIDATE)} AS c WHERE {' AND '.join(same)}"
        missing = f"SELECT COUNT(*) FROM {quoted(self.original.table)} AS o WHERE NOT EXISTS ({partner})"
        return self.connection.fetch(missing).rows[0][0] == 0

    def included_by_key(self, over: str, rest: str) -> bool:
        """`included` where equality ``over`` one column finds the only possible partner, and ``rest`` compares the others.

        Cheaper than joining on whole rows. Cheaper still is to compare row by row, where the candidate has the rows of the
        original in a few long pieces. Else the row numbers that meet an equal row are counted once each, in a bitmap.
        """
        ours, theirs, rows = quoted(self.original.table), quoted(_CANDIDATE), self.original.rows
        found = pieces(self.connection, ours, theirs, over, rows)
        if found and agreeing(self.connection, ours, theirs, found, f"{over} AND {rest}") == rows:
            return True
        # In CASE, for in WHERE the engine would make each of these equalities a key of the join.
        met = f"bit_count(bitstring_agg(CASE WHEN {rest} THEN o.rowid END, 0, {rows - 1}))"
        return self.connection.fetch(f"SELECT {met} FROM {ours} AS o JOIN {theirs} AS c ON {over}").rows[0][0] == rows

    def leftovers(self) -> tuple[list[Row], list[Row], str]:
        """Rows without a partner on either side, and why that could not be found out. Without tolerance only a few are listed."""
        if not self.floating:
            rows = self.connection.fetch(self.signed(self.original.table, _CANDIDATE), max_rows=2 * _SHOWN_ROWS).rows
            return [row[:-1] for row in rows if row[-1] > 0], [row[:-1] for row in rows if row[-1] < 0], ""  # type: ignore[operator]
        self.connection.store(_CELLS, self.signed(self.original.table, _CANDIDATE, labeled=True))
        try:
            sides = [
                self.connection.fetch(self.members(table), max_rows=_LARGEST_FETCH) for table in (self.original.table, _CANDIDATE)
            ]
        finally:
            self.connection.drop(_CELLS)
        if not all(side.complete for side in sides):
            return [], [], "Too many rows differ in floating-point columns to pair them."
        return *unmatched(sides[0].rows, sides[1].rows, self.floating), ""

    def refinement(self, left: list[Row], right: list[Row]) -> Comparison:
        """The results are not equal as bags; the candidate's may still be a valid choice among the ties at the LIMIT."""
        rows = self.original.rows
        found = Difference("The rows differ.", _shown(left), _shown(right))
        if self.terms.lifted is None:
            return Comparison(rows, found)
        if self.terms.hidden_key:
            return Comparison(rows, undecided="The LIMIT cuts through ties of a sort key that is not in the result.")
        if not self.same_keys():
            return Comparison(rows, found)
        self.connection.store(_LIFTED, self.terms.lifted, self.original.bindings)
        self.columns[_LIFTED] = columns_of(self.connection, _LIFTED)
        try:
            foreign = self.signed(_CANDIDATE, _LIFTED, labeled=bool(self.floating), having="> 0")
            if self.exists(foreign) and (not self.floating or self.foreign_rows()):
                return Comparison(rows, found)
        finally:
            self.connection.drop(_LIFTED)
        return self.order_checked(self.sequence_keys(), refined=True)

    def same_keys(self) -> bool:
        """Whether both sides hold the same bag of sort keys."""
        if not self.terms.keys:
            return True
        sides = []
        for table in (self.original.table, _CANDIDATE):
            keys = ", ".join(quoted(self.columns[table][position]) for position in self.terms.keys)
            sides.append(self.connection.fetch(f"SELECT {keys} FROM {quoted(table)}").rows)
        floating = frozenset(index for index, position in enumerate(self.terms.keys) if position in self.floating)
        return unmatched(sides[0], sides[1], floating) == ([], [])

    def foreign_rows(self) -> bool:
        """Whether some candidate row is, within tolerance, no row of the original without LIMIT."""
        sides = [self.connection.fetch(f"SELECT * FROM {quoted(table)}").rows for table in (_LIFTED, _CANDIDATE)]
        return bool(unmatched(sides[0], sides[1], self.floating)[1])

    # ------------------------------------------------------------------ statements

    def signed(self, left: str, right: str, *, labeled: bool = False, having: str = "<> 0") -> str:
        """The signed bag: rows of ``left`` count +1, rows of ``right`` -1; what cancels out is gone."""
        names = ", ".join(f"c{position}" for position in self.every)
        sides = [
            f"SELECT {', '.join(self.cells(table, labeled))}, {sign} AS sign FROM {quoted(table)}"
            for table, sign in ((left, "1"), (right, "-1"))
        ]
        both = " UNION ALL ".join(sides)
        return f"SELECT {names}, SUM(sign) AS n FROM ({both}) AS b GROUP BY {names} HAVING SUM(sign) {having}"

    def cells(self, table: str, labeled: bool) -> list[str]:
        columns = [quoted(column) for column in self.columns[table]]
        label = _LABELS.get(self.terms.dialect, _LABELS[""])
        return [
            f"{label.format(column) if labeled and position in self.floating else column} AS c{position}"
            for position, column in enumerate(columns)
        ]

    def members(self, table: str) -> str:
        """The rows of ``table`` that lie in cells where the two sides do not cancel out."""
        tests = " AND ".join(
            self.same(f"{quoted(_CELLS)}.c{position}", cell.rpartition(" AS ")[0])
            for position, cell in enumerate(self.cells(table, True))
        )
        return f"SELECT * FROM {quoted(table)} WHERE EXISTS (SELECT 1 FROM {quoted(_CELLS)} WHERE {tests})"

    def same(self, left: str, right: str) -> str:
        return f"{left} IS {right}" if self.terms.dialect == "sqlite" else f"{left} IS NOT DISTINCT FROM {right}"

    def exists(self, query: str) -> bool:
        return bool(self.connection.fetch(f"{query} LIMIT 1").rows)


def _shown(rows: Sequence[Row]) -> tuple[tuple[object, ...], ...]:
    return tuple(tuple(row) for row in rows[:_SHOWN_ROWS])
