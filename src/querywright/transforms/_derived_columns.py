"""The columns of a derived table under construction."""

from __future__ import annotations

from itertools import chain
from itertools import count as counting

from sqlglot import exp

from querywright.sql.trees import printed


class DerivedColumns:
    """Expressions that a derived table named ``alias`` publishes, each once, named when first asked for."""

    def __init__(self, alias: str, dialect: str) -> None:
        self.alias = alias
        self._dialect = dialect
        self._columns: dict[str, exp.Alias] = {}

    def reference(self, node: exp.Expr, stem: str) -> exp.Column:
        """A column, seen from outside, that holds ``node`` (moved); its name is ``stem``, ``stem_2``, …"""
        text = printed(node, self._dialect)
        if text not in self._columns:
            taken = {column.alias.lower() for column in self._columns.values()}
            names = chain([stem], (f"{stem}_{number}" for number in counting(2)))
            name = next(name for name in names if name.lower() not in taken)
            quoted = isinstance(node, exp.Column) and node.this.quoted
            self._columns[text] = exp.Alias(this=node, alias=exp.to_identifier(name, quoted=quoted or None))
        return exp.column(self._columns[text].args["alias"].copy(), self.alias)

    def projections(self) -> list[exp.Alias]:
        """The SELECT list."""
        return list(self._columns.values())

    def table(self, body: exp.Select) -> exp.Subquery:
        """``body`` with these projections as a FROM entry."""
        body.set("expressions", self.projections())
        return exp.Subquery(this=body, alias=exp.TableAlias(this=exp.to_identifier(self.alias)))
