"""A query tree taken apart into blocks, clauses and items: the units that a minimal diff keeps, moves or prints anew.

A `Block` is a SELECT or a set operation, its `Clause` holds `Item`s (a projection, a join, a conjunct, a branch, a CTE …) and an
item's nested queries are blocks again. In an item's own tree each nested query is replaced by a numbered slot, so that one
tree serves to compare items, to find those that differ only inside a nested query, and to print them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

Span = tuple[int, int]
"""Start (inclusive) and end (exclusive) offset in the original text."""

SLOT = "__slot_{}__"
_QUERY = (exp.Select, exp.SetOperation)
_SELECT_PARTS = frozenset(
    [
        "with_",
        "distinct",
        "expressions",
        "from_",
        "joins",
        "where",
        "group",
        "having",
        "windows",
        "qualify",
        "order",
        "limit",
        "offset",
    ]
)
_BRANCH_PARTS = frozenset(["with_", "this", "expression", "distinct", "order", "limit", "offset"])
_OPERATORS: dict[type[exp.SetOperation], str] = {
    exp.Union: "UNION",
    exp.Except: "EXCEPT",
    exp.Intersect: "INTERSECT",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a unit stands in the text, and the comments and line breaks around it.

    ``heads`` are the comments in front of the unit, ``tail`` those behind it on its last line with the blanks
    before them. ``newline`` is the line break and indentation that start the unit's line, empty on a shared line;
    ``leading`` tells whether the separator stands on that line too.
    """

    span: Span
    heads: tuple[str, ...] = ()
    tail: str = ""
    newline: str = ""
    leading: bool = False


@dataclass(eq=False, slots=True)
class Item:
    """One element of a clause.

    ``separator`` stands between it and the item before it; ``operator`` (of a set operation's branch) belongs to the item.
    ``skeleton`` is its SQL with slots for the nested queries ``children``; ``key`` is equal for items of equal SQL.
    """

    node: exp.Expr
    children: list[Block]
    separator: str
    operator: str
    skeleton: str
    key: str
    place: Place | None = None


@dataclass(eq=False, slots=True)
class Clause:
    """A clause: ``header`` such as ``GROUP BY`` (empty where its only item holds the whole clause) and its items.

    ``header_end`` is the offset behind the header's text; ``itemized`` tells whether every item has a place too.
    """

    name: str
    header: str
    items: list[Item]
    key: str
    place: Place | None = None
    header_end: int = 0
    itemized: bool = False


@dataclass(eq=False, slots=True)
class Block:
    """A query. ``span`` is its text, without enclosing parentheses; ``located`` tells whether its clauses have places."""

    clauses: list[Clause]
    key: str
    opaque: bool = False
    span: Span | None = None
    located: bool = False

    def clause(self, name: str) -> Clause | None:
        """The clause of that name."""
        return next((clause for clause in self.clauses if clause.name == name), None)

    def items(self) -> Iterator[Item]:
        """The items of all clauses, in order."""
        return (item for clause in self.clauses for item in clause.items)

    def walk(self) -> Iterator[Block]:
        """This block and all blocks nested in it."""
        yield self
        for item in self.items():
            for child in item.children:
                yield from child.walk()


class Decomposer:
    """Takes trees of one dialect apart. Trees are consumed: pass a copy."""

    def __init__(self, dialect: str) -> None:
        generator = Dialect.get_or_raise(dialect).generator(comments=False)
        self._sql: Callable[[exp.Expr], str] = lambda node: generator.generate(node, copy=False)

    def statement(self, tree: exp.Expr) -> Item:
        """The whole statement as one item."""
        return self._item(tree)

    def _item(self, node: exp.Expr, separator: str = "", operator: str = "") -> Item:
        if isinstance(node, _QUERY):
            return self._measured(_slot(0), [self._block(node)], separator, operator)
        return self._masked(node, separator, operator)

    def _masked(self, node: exp.Expr, separator: str, operator: str) -> Item:
        """An item whose nested queries, up to but not including ``node`` itself, are replaced by slots."""
        nested = [
            found
            for found in node.walk(bfs=False, prune=lambda below: below is not node and _is_query(below))
            if found is not node and _is_query(found)
        ]
        for number, query in enumerate(nested):
            query.replace(_slot(number))
        return self._measured(node, [self._block(query) for query in nested], separator, operator)

    def _measured(self, node: exp.Expr, children: list[Block], separator: str, operator: str) -> Item:
        skeleton = self._sql(node)
        key = "\n".join((operator, skeleton, *(f"[{child.key}]" for child in children)))
        return Item(node, children, separator, operator, skeleton, key)

    def _block(self, query: exp.Expr) -> Block:
        parts = _SELECT_PARTS if isinstance(query, exp.Select) else _BRANCH_PARTS
        opaque = any(value and name not in parts for name, value in query.args.items())
        clauses = [self._opaque(query)] if opaque else list(self._clauses(query))
        return Block(clauses, "\n".join(clause.key for clause in clauses), opaque)

    def _opaque(self, query: exp.Expr) -> Clause:
        """A query of a form that is not taken apart: one item, only its subqueries below it are blocks."""
        item = self._masked(query, "", "")
        return Clause("query", "", [item], item.key)

    def _clauses(self, query: exp.Expr) -> Iterator[Clause]:
        args = query.args
        if ctes := args.get("with_"):
            header = "WITH RECURSIVE" if ctes.args.get("recursive") else "WITH"
            yield self._clause("with", header, ctes.expressions, ",")
        if isinstance(query, exp.SetOperation):
            branches = [self._item(branch, operator=operator) for branch, operator in list(_branches(query, ""))]
            yield _clause("branches", "", branches)
        else:
            distinct = args.get("distinct")
            header = f"SELECT {self._sql(distinct)}" if distinct else "SELECT"
            yield self._clause("select", header, query.expressions, ",")
            if source := args.get("from_"):
                joins = [self._join(join) for join in list(args.get("joins") or ())]
                yield _clause("from", "FROM", [self._item(source.this), *joins])
        for name, header in (("where", "WHERE"), ("group", "GROUP BY"), ("having", "HAVING")):
            if found := args.get(name):
                yield self._list(name, header, found)
        if windows := args.get("windows"):
            yield self._clause("windows", "WINDOW", windows, ",")
        for name, header in (("qualify", "QUALIFY"), ("order", "ORDER BY")):
            if found := args.get(name):
                yield self._list(name, header, found)
        for name in ("limit", "offset"):
            if found := args.get(name):
                yield _clause(name, "", [self._item(found)])

    def _list(self, name: str, header: str, found: exp.Expr) -> Clause:
        if name in ("where", "having", "qualify"):
            return self._clause(name, header, list(_conjuncts(found.this)), "AND")
        if any(value for part, value in found.args.items() if part != "expressions"):
            return _clause(name, "", [self._item(found)])
        return self._clause(name, header, found.expressions, ",")

    def _clause(self, name: str, header: str, nodes: list[exp.Expr], separator: str) -> Clause:
        items = [self._item(node, separator if place else "") for place, node in enumerate(list(nodes))]
        return _clause(name, header, items)

    def _join(self, join: exp.Expr) -> Item:
        """A comma join is the joined table itself behind a comma."""
        if any(value for part, value in join.args.items() if part != "this"):
            return self._item(join)
        return self._item(join.this, ",")


def _clause(name: str, header: str, items: list[Item]) -> Clause:
    return Clause(name, header, items, "\n".join((header, *(item.separator + item.key for item in items))))


def _is_query(node: exp.Expr) -> bool:
    return isinstance(node, _QUERY)


def _slot(number: int) -> exp.Select:
    """Stands in for a nested query; a SELECT, so that the generator puts parentheses where a query needs them."""
    return exp.Select(expressions=[exp.Var(this=SLOT.format(number))])


def _conjuncts(node: exp.Expr) -> Iterator[exp.Expr]:
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, exp.And):
            pending += [current.expression, current.this]
        else:
            yield current


def _branches(query: exp.Expr, operator: str) -> Iterator[tuple[exp.Expr, str]]:
    """The branches of a set operation with the operator in front of each."""
    inner = isinstance(query, exp.SetOperation) and not any(
        value and name not in ("this", "expression", "distinct")
        for name, value in query.args.items()
        if operator or name not in ("with_", "order", "limit", "offset")
    )
    if not inner or not isinstance(query, exp.SetOperation):
        yield query, operator
        return
    yield from _branches(query.this, operator)
    name = _OPERATORS[type(query)]
    yield from _branches(query.expression, name if query.args.get("distinct") else f"{name} ALL")
