"""Output columns of inner blocks that no other block reads: what a rewrite may drop together with the join that feeds them."""

from __future__ import annotations

from sqlglot import exp

from querywright.sql.correlation import grouped
from querywright.sql.facts import Facts, Source


class Unread:
    """Projections of derived tables and common table expressions that nobody reads, directly or through other unread ones.

    Kept whatever is read: the outputs of blocks whose rows depend on them (DISTINCT, set operations, aggregates without GROUP
    BY), and one output at least.
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._readers: dict[int, list[tuple[exp.Select, Source]]] = {}
        for select in facts.selects():
            for source in facts.sources(select).values():
                if source.query is not None:
                    self._readers.setdefault(id(source.query), []).append((select, source))
        self._projections: set[int] = set()
        while self._grow():
            pass

    def contains(self, node: exp.Expr) -> bool:
        """Whether ``node`` is an unread projection or stands in one."""
        current: exp.Expr | None = node
        while current is not None:
            if id(current) in self._projections:
                return True
            current = current.parent
        return False

    def drop(self) -> None:
        """Remove every unread projection from the tree."""
        for select in list(self._facts.selects()):
            kept = [projection for projection in select.selects if id(projection) not in self._projections]
            if len(kept) < len(select.selects):
                select.set("expressions", kept)

    def _grow(self) -> bool:
        before = len(self._projections)
        for select in self._facts.selects():
            if not self._prunable(select):
                continue
            read = self._names_read(select)
            unread = [projection for projection in select.selects if projection.alias_or_name.lower() not in read]
            if len(unread) == len(select.selects):
                unread = unread[1:]
            self._projections |= {id(projection) for projection in unread if not _multiplies(projection)}
        return len(self._projections) > before

    def _prunable(self, select: exp.Select) -> bool:
        readers = self._readers.get(id(select), [])
        if not readers or len(readers) != self._mentions(select) or any(reads_whole_rows(reader) for reader, _ in readers):
            return False
        if select.args.get("distinct") or (grouped(select) and not _plain_groups(select)):
            return False
        order = select.args.get("order")
        return order is None or not any(isinstance(ordered.this, exp.Literal) for ordered in order.expressions)

    def _mentions(self, select: exp.Select) -> int:
        """How many FROM entries read ``select``; -1 where that is not known."""
        holder = select.parent
        if not isinstance(holder, (exp.Subquery, exp.CTE)) or holder.args["alias"].args.get("columns"):
            return -1
        if isinstance(holder, exp.Subquery):
            return 1
        # a name that is defined twice counts the readers of both and so matches neither
        return sum(1 for table in self._facts.tree.find_all(exp.Table) if table.name == holder.alias and not table.db)

    def _names_read(self, select: exp.Select) -> set[str]:
        names = {
            column.name.lower()
            for reader, source in self._readers[id(select)]
            for column in self._facts.possible_references(reader, source.alias)
            if not self.contains(column)
        }
        own = {column.name.lower() for column in select.find_all(exp.Column) if not column.table}
        return names | own


def reads_whole_rows(select: exp.Select) -> bool:
    """Whether a star other than that of COUNT(*) is left in ``select``: any column may be meant."""
    return any(not isinstance(star.parent, exp.Count) for star in select.find_all(exp.Star))


def _plain_groups(select: exp.Select) -> bool:
    group = select.args.get("group")
    return group is not None and not group.args.get("all")


def _multiplies(projection: exp.Expr) -> bool:
    return projection.find(exp.Unnest, exp.Explode) is not None
