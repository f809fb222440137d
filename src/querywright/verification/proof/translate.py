"""Translates queries to bags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from querywright.sql.schema import Schema
from querywright.verification.proof.grouping import Context, Groups, grouping_sets
from querywright.verification.proof.kinds import Unsupported, brought_to, common_kind
from querywright.verification.proof.scalars import Scalars
from querywright.verification.proof.scope import Scope
from querywright.verification.proof.shapes import at_most
from querywright.verification.proof.simplify import call, existence, negation, never
from querywright.verification.proof.sources import alternatives
from querywright.verification.proof.terms import (
    Atom,
    Bag,
    Branch,
    Column,
    Distinct,
    Kind,
    Term,
    Window,
    bag_rows,
    fresh_row,
    opened,
    with_outputs,
)
from querywright.verification.proof.windows import direction, window


@dataclass(frozen=True)
class Result:
    """A translated query. With ``directions`` its bag's last outputs are the sort keys."""

    bag: Bag
    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    directions: tuple[str, ...] = ()


class Translation:
    """Translates one query. ``side`` is 1 for the original and -1 for the candidate.

    ``ambiguous`` says that the engine may choose among ties somewhere: then every such place is an instance of its own.
    ``is_set`` tells whether a bag surely has no duplicates, ``reduce`` gives a branch as simpler branches.
    """

    def __init__(
        self,
        schema: Schema,
        dialect: str,
        side: int,
        ambiguous: bool,
        is_set: Callable[[Bag], bool],
        reduce: Callable[[Branch], list[Branch]],
    ) -> None:
        self.schema = schema
        self.dialect = dialect
        self.side = side
        self.ambiguous = ambiguous
        self.is_set = is_set
        self.reduce = reduce
        self.scalars = Scalars(self)
        self.instances: dict[int, int] = {}
        self._context: Context | None = None
        self.types = {
            (table.name.lower(), column.name.lower()): declared(column.type, dialect)
            for table in schema.tables
            for column in table.columns
        }

    def subquery(self, query: exp.Query, scope: Scope, *, existing: bool = False) -> Bag:
        """The bag of a nested query, for ``existing`` any one that has a row where that has."""
        return self.query(query, scope, existing=existing).bag

    def query(self, node: exp.Query, scope: Scope, *, ordered: bool = False, existing: bool = False) -> Result:
        """Translate; ``ordered`` appends the sort keys to the outputs. Raises `Unsupported`.

        For ``existing`` a LIMIT of one row or more without OFFSET is left out: it leaves a row where there is one.
        """
        while isinstance(node, exp.Subquery) and not any(node.args.get(name) for name in ("order", "limit", "offset", "with_")):
            node = node.this
        common = node.args.get("with_")
        if common is not None:
            scope = self._common(common, scope)
        if node.args.get("fetch") or node.args.get("match") or node.args.get("sample") or node.args.get("locks"):
            raise Unsupported("a modifier of a query")
        if isinstance(node, exp.Select):
            contexts, outputs, names = self._select(node, scope)
        elif isinstance(node, exp.SetOperation):
            contexts, outputs, names = self._combined(node, scope)
        elif isinstance(node, exp.Subquery):
            contexts, outputs, names = self._reopened(self.query(node.this, scope), scope)
        else:
            raise Unsupported(f"{node.key} as a query")
        return self._cut(node, contexts, outputs, names, ordered, existing)

    def _common(self, node: exp.With, scope: Scope) -> Scope:
        inside = Scope(columns={}, outer=scope, common=dict(scope.common))
        for cte in node.expressions:
            body = cte.this
            if any(table.name.lower() == cte.alias.lower() and not table.db for table in body.find_all(exp.Table)):
                raise Unsupported("a recursive or self-named common table expression")
            given = cte.args["alias"].args.get("columns") or []
            if given:
                raise Unsupported("a common table expression with a list of columns")
            inside.common[cte.alias.lower()] = (body, Scope(outer=scope, common=dict(inside.common)))
        return inside

    # ------------------------------------------------------------------ SELECT

    def _select(self, select: exp.Select, scope: Scope) -> tuple[list[Context], list[list[Term]], list[str]]:
        if any(
            select.args.get(name) for name in ("connect", "cluster", "distribute", "sort", "into", "match", "windows", "prewhere")
        ):
            raise Unsupported("an unusual clause")
        contexts: list[Context] = []
        where = select.args.get("where")
        for joined in alternatives(self, select, scope):
            inside = Scope(columns=joined.columns, outer=scope, common=scope.common)
            conditions = [*joined.conditions, *(self.scalars.predicate(where.this, inside) if where is not None else ())]
            if not never(conditions):
                contexts.append(Context(joined.atoms, conditions, inside))
        contexts = self._grouped(select, contexts, scope)
        for one in contexts:
            one.rows = contexts
        projections = select.expressions
        outputs = [self._outputs(projections, one) for one in contexts]
        qualify = select.args.get("qualify")
        if qualify is not None:
            chosen = []
            for one in contexts:
                self._context = one
                chosen.append(self.scalars.predicate(qualify.this, one.scope))
            for one, kept in zip(contexts, chosen, strict=True):
                one.conditions += kept
        names = [projection.alias_or_name.lower() for projection in projections]
        distinct = select.args.get("distinct")
        if distinct is not None:
            if distinct.args.get("on") is not None:
                raise Unsupported("DISTINCT ON")
            bag = Bag(
                tuple(Branch(one.atoms, tuple(one.conditions), tuple(out)) for one, out in zip(contexts, outputs, strict=True))
            )
            return self._reopened(self._distinct(bag, names, _kinds(outputs, len(names))), scope, projections)
        return contexts, outputs, names

    def _grouped(self, select: exp.Select, contexts: list[Context], scope: Scope) -> list[Context]:
        sets = grouping_sets(select)
        having = select.args.get("having")
        if sets is None and having is None and not any(_aggregates(part, select) for part in select.expressions):
            order = select.args.get("order")
            if order is None or not _aggregates(order, select):
                return contexts
        keys = [key for one in sets or [] for key in one]
        found: list[Context] = []
        for chosen in sets if sets is not None else [[]]:
            whole = not chosen
            if not contexts and not whole:
                continue
            groups = Groups(self, contexts, chosen, keys, scope)
            found.append(groups.context(whole=whole))
        for one in found:
            aliases = {part.alias.lower(): part.this for part in select.expressions if isinstance(part, exp.Alias)}
            if having is not None:
                names = {column.name.lower() for column in having.find_all(exp.Column) if not column.table}
                one.scope.outputs = {name: self.scalars.term(aliases[name], one.scope) for name in names if name in aliases}
                one.conditions += self.scalars.predicate(having.this, one.scope)
        return [one for one in found if not never(one.conditions)]

    def _outputs(self, projections: Sequence[exp.Expr], context: Context) -> list[Term]:
        self._context = context
        context.scope.outputs = {}
        terms = []
        for projection in projections:
            self._context = context
            terms.append(self.scalars.term(projection, context.scope))
        context.scope.outputs = _unambiguous([projection.alias_or_name.lower() for projection in projections], terms)
        return terms

    def _distinct(self, bag: Bag, names: Sequence[str], kinds: Sequence[Kind]) -> Result:
        self.scalars.identify(kinds)
        row = fresh_row()
        columns = tuple(Column(row, str(position), kind) for position, kind in enumerate(kinds))
        branches = (Branch((Atom(row, Distinct(bag)),), (), columns),) if bag.branches else ()
        return Result(Bag(branches), tuple(names), tuple(kinds))

    def _reopened(
        self, result: Result, scope: Scope, projections: Sequence[exp.Expr] = ()
    ) -> tuple[list[Context], list[list[Term]], list[str]]:
        """A finished query as contexts, for what is still to be applied to it."""
        contexts: list[Context] = []
        outputs: list[list[Term]] = []
        for branch in (opened(one) for one in result.bag.branches):
            by_name = _unambiguous(result.names, branch.outputs)
            spelled = {projection.unalias(): term for projection, term in zip(projections, branch.outputs, strict=False)}
            inside = Scope(outer=scope, outputs=by_name, special=spelled.get, common=scope.common)
            contexts.append(Context(branch.atoms, list(branch.conditions), inside))
            outputs.append(list(branch.outputs))
        for one in contexts:
            one.rows = contexts
        return contexts, outputs, list(result.names)

    # ------------------------------------------------------------------ set operations

    def _combined(self, node: exp.SetOperation, scope: Scope) -> tuple[list[Context], list[list[Term]], list[str]]:
        if node.args.get("by_name") or node.side or node.kind:
            raise Unsupported("a set operation by name")
        left, right = (self.query(part, scope) for part in (node.this, node.expression))
        if len(left.names) != len(right.names):
            raise Unsupported("a set operation of different numbers of columns")
        distinct = bool(node.args.get("distinct"))
        kinds = [common_kind([a, b]) for a, b in zip(left.kinds, right.kinds, strict=True)]
        if any(kind == "other" and a != b for kind, a, b in zip(kinds, left.kinds, right.kinds, strict=True)):
            raise Unsupported("a set operation of different types")
        left, right = (replace(one, bag=_brought_to(one.bag, kinds)) for one in (left, right))
        if isinstance(node, exp.Union):
            bag = Bag((*left.bag.branches, *right.bag.branches))
            result = self._distinct(bag, left.names, kinds) if distinct else Result(bag, left.names, tuple(kinds))
            return self._reopened(result, scope)
        if not isinstance(node, (exp.Except, exp.Intersect)):
            raise Unsupported(node.key)
        self.scalars.identify(kinds)
        if distinct:
            left = self._distinct(left.bag, left.names, left.kinds)
        elif not self.is_set(left.bag):
            if isinstance(node, exp.Except) or not self.is_set(right.bag):
                raise Unsupported(f"{node.key.upper()} ALL of rows that may be duplicates")
            left, right = right, replace(left, names=right.names)
        branches = []
        for branch in left.bag.branches:
            matches = tuple(
                Branch(
                    one.atoms,
                    (*one.conditions, *(call("same", pair) for pair in zip(one.outputs, branch.outputs, strict=True))),
                    (),
                )
                for one in (opened(other) for other in right.bag.branches)
            )
            test = existence(Bag(matches))
            condition = negation(test) if isinstance(node, exp.Except) else test
            branches.append(Branch(branch.atoms, (*branch.conditions, condition), branch.outputs))
        kept = tuple(branch for branch in branches if not never(branch.conditions))
        return self._reopened(Result(Bag(kept), left.names, tuple(kinds)), scope)

    # ------------------------------------------------------------------ ORDER BY, LIMIT, windows

    def _cut(
        self,
        node: exp.Query,
        contexts: list[Context],
        outputs: list[list[Term]],
        names: list[str],
        ordered: bool,
        existing: bool,
    ) -> Result:
        kinds = _kinds(outputs, len(names))
        order = node.args.get("order")
        sort: list[list[Term]] = [[] for _ in contexts]
        directions: list[str] = []
        limit, offset = (_number(node.args.get(name)) for name in ("limit", "offset"))
        cut = offset is not None or (limit is not None and not (existing and limit > 0))
        if order is not None and (ordered or cut):
            directions = [direction(part) for part in order.expressions]
            sort = [
                [self._sort_key(part, one, out) for part in order.expressions] for one, out in zip(contexts, outputs, strict=True)
            ]
        if limit == 0:
            return Result(Bag(()), tuple(names), kinds, tuple(directions) if ordered else ())
        branches = [
            Branch(one.atoms, tuple(one.conditions), (*out, *keys))
            for one, out, keys in zip(contexts, outputs, sort, strict=True)
        ]
        if limit is not None and offset is None and _within(branches, limit):
            cut = False
        if cut:
            # What LIMIT sees is compared row by row later: have it as simple as it gets.
            branches = [simple for branch in branches for simple in self.reduce(branch)]
            function = f"limit|{limit}|{offset or 0}|{','.join(directions)}"
            bag = Bag(tuple(opened(Branch(one.atoms, one.conditions, one.outputs[len(names) :])) for one in branches))
            instance = self.instance(node, bag)
            branches = [
                Branch(one.atoms, (*one.conditions, Window(function, bag, place, one.rows, instance, "boolean")), one.outputs)
                for place, one in enumerate(branches)
            ]
        kept = tuple(
            one if ordered else Branch(one.atoms, one.conditions, one.outputs[: len(names)])
            for one in branches
            if not never(one.conditions)
        )
        return Result(Bag(kept), tuple(names), kinds, tuple(directions) if ordered else ())

    def _sort_key(self, ordered: exp.Expr, context: Context, outputs: list[Term]) -> Term:
        node = ordered.this if isinstance(ordered, exp.Ordered) else ordered
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
            position = int(node.name)
            if not 0 < position <= len(outputs):
                raise Unsupported("ORDER BY a position that does not exist")
            return outputs[position - 1]
        return self.scalars.term(node, context.scope)

    def instance(self, node: exp.Expr, bag: Bag) -> int:
        """The number of a place where the engine may choose among ties; 0 if there is no such place."""
        if not self.ambiguous:
            return 0
        if bag_rows(bag):
            raise Unsupported("a choice among ties in a correlated subquery")
        return self.side * self.instances.setdefault(id(node), len(self.instances) + 1)

    def window(self, node: exp.Expr, scope: Scope) -> Term:
        """A window function over the rows of its block."""
        if self._context is None or self._context.scope is not scope or not isinstance(node, exp.Window):
            raise Unsupported("a window function at this place")
        return window(self, node, self._context)


def _brought_to(bag: Bag, kinds: Sequence[Kind]) -> Bag:
    """A bag with its outputs brought to the kinds of a set operation."""
    return with_outputs(bag, lambda one: [brought_to(*pair) for pair in zip(one.outputs, kinds, strict=True)], lambda _: ())


def _unambiguous(names: Sequence[str], terms: Sequence[Term]) -> dict[str, Term]:
    """Output columns by name, without names that several different ones have."""
    pairs = set(zip(names, terms, strict=True))
    return {name: term for name, term in pairs if sum(other == name for other, _ in pairs) == 1}


def _within(branches: Sequence[Branch], limit: int) -> bool:
    """Whether there plainly are at most ``limit`` rows: no tables are read, or an inner LIMIT is as small."""
    if len(branches) != 1:
        return not branches
    branch = branches[0]
    return not branch.atoms or any(at_most(limit, condition, branch) for condition in branch.conditions)


def declared(spelled: str, dialect: str) -> exp.DataType | None:
    """A column's type; None where none is declared."""
    return exp.DataType.build(spelled, dialect=dialect, udt=True) if spelled else None


def _kinds(outputs: Sequence[Sequence[Term]], width: int) -> tuple[Kind, ...]:
    return tuple(common_kind([out[position].kind for out in outputs]) for position in range(width))


def _aggregates(node: exp.Expr, select: exp.Select) -> bool:
    for call_ in node.find_all(exp.AggFunc, exp.Anonymous):
        if isinstance(call_, exp.Anonymous) and call_.name.lower() != "single_value":
            continue
        parent = call_.parent
        while isinstance(parent, (exp.IgnoreNulls, exp.RespectNulls, exp.Filter, exp.WithinGroup)):
            parent = parent.parent
        if call_.parent_select is select and not isinstance(parent, exp.Window):
            return True
    return False


def _number(node: exp.Expr | None) -> int | None:
    if node is None:
        return None
    options = node.args.get("limit_options")
    if node.args.get("expressions") or (options is not None and any(options.args.get(name) for name in ("percent", "with_ties"))):
        raise Unsupported("a LIMIT with options")
    value = node.args.get("count") if isinstance(node, exp.Fetch) else node.expression
    if not isinstance(value, exp.Literal) or not value.name.isdigit():
        raise Unsupported("a LIMIT that is not a number")
    return int(value.name)
