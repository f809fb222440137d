"""A schema from CREATE TABLE, CREATE INDEX and ALTER TABLE text: verification works with no database at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from querywright.errors import QueryError
from querywright.sql.parse import first_line
from querywright.sql.schema import Column, ForeignKey, Index, Key, Schema, Table

_WHOLE = {exp.DType.SERIAL: "INTEGER", exp.DType.BIGSERIAL: "BIGINT", exp.DType.SMALLSERIAL: "SMALLINT"}
_TEXTS = (exp.DType.ENUM, exp.DType.SET, exp.DType.JSON, exp.DType.JSONB, exp.DType.XML)


def schema_of(ddl: str, dialect: str, source: str = "the schema", engine: str = "") -> Schema:
    """The tables that ``ddl`` creates, keys and NOT NULLs with basis ``declared``.

    ``engine`` is the dialect to write types and CHECKs in, the one that is read by default. Statements other than CREATE TABLE,
    CREATE INDEX and ALTER TABLE are ignored, and so are collations of other dialects. Raises `QueryError` where one
    of those is not understood, or where the schema contradicts itself.
    """
    try:
        statements = sqlglot.parse(ddl, read=dialect)
    except (ParseError, TokenError, TypeError) as error:
        raise QueryError(f"{source} is not valid {dialect} DDL: {first_line(error)}", "Correct it.") from error
    tables: dict[str, _Definition] = {}
    for statement in statements:
        if isinstance(statement, exp.Command) and statement.name.upper() in ("CREATE", "ALTER") and _of_table(statement):
            start = " ".join(statement.sql().split())[:60]
            raise QueryError(f"{source} has a statement that is not understood: {start}", "Simplify it, or name its --dialect.")
        if isinstance(statement, exp.Create) and statement.kind == "TABLE" and isinstance(statement.this, exp.Schema):
            table = _Definition(statement.this.this.name, dialect, engine or dialect, source)
            if table.name.lower() in tables:
                raise _contradiction(source, f"creates table {table.name} twice")
            tables[table.name.lower()] = table
            for part in statement.this.expressions:
                table.add(part)
        elif isinstance(statement, exp.Create) and statement.kind == "INDEX" and isinstance(statement.this, exp.Index):
            _add_index(tables, statement)
        elif isinstance(statement, exp.Alter) and statement.args.get("kind") == "TABLE":
            altered = tables.get(statement.this.name.lower())
            if altered is None:
                raise _contradiction(source, f"alters table {statement.this.name}, which it does not create")
            for action in statement.args["actions"]:
                for part in action.expressions if isinstance(action, exp.AddConstraint) else [action]:
                    altered.add(part)
    return Schema(tuple(_checked([table.finished() for table in tables.values()], source)))


def _of_table(statement: exp.Command) -> bool:
    return any(word.upper().rstrip("(") == "TABLE" for word in str(statement.expression).split()[:4])


def _contradiction(source: str, what: str) -> QueryError:
    return QueryError(f"{source} contradicts itself: it {what}.", "Correct it.")


@dataclass
class _Definition:
    """What statements say about one table; ``tested`` are the columns that its CHECKs name."""

    name: str
    dialect: str
    engine: str
    source: str
    columns: list[Column] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    primary: tuple[str, ...] = ()

    def add(self, part: exp.Expr) -> None:
        """One column or constraint; others are ignored."""
        constraint = part.this if isinstance(part, exp.Constraint) and not part.expressions else part
        items = constraint.expressions if isinstance(constraint, exp.Constraint) else [constraint]
        for item in items:
            if isinstance(item, exp.ColumnDef):
                self.add_column(item)
            elif isinstance(item, exp.PrimaryKey):
                self.set_primary(tuple(_plain_name(column) for column in item.expressions))
            elif isinstance(item, exp.ClusteredColumnConstraint) and isinstance(items[0], exp.PrimaryKeyColumnConstraint):
                self.set_primary(tuple(_plain_name(column) for column in item.this))
            elif isinstance(item, exp.UniqueColumnConstraint):
                listed = item.this.expressions if isinstance(item.this, exp.Schema) else [item.this]
                self.keys.append(Key(tuple(_plain_name(column) for column in listed), "declared"))
            elif isinstance(item, exp.Identifier):
                self.add_column(exp.ColumnDef(this=item.copy()))  # a column without a type
            elif isinstance(item, exp.ForeignKey) and item.args.get("reference") is None:
                raise _contradiction(self.source, f"has a foreign key of table {self.name} that refers to nothing")
            elif isinstance(item, exp.ForeignKey):
                self.add_reference(tuple(_plain_name(c) for c in item.expressions), item.args["reference"])
            elif isinstance(item, exp.CheckColumnConstraint):
                self.add_check(item)

    def add_column(self, node: exp.ColumnDef) -> None:
        """A column with the constraints that are written beside it."""
        if any(column.name.lower() == node.name.lower() for column in self.columns):
            raise _contradiction(self.source, f"gives table {self.name} two columns {node.name}")
        spelled, not_null, nullable = self.spelled(node), False, False
        for constraint in node.args.get("constraints") or []:
            kind = constraint.kind
            if isinstance(kind, exp.NotNullColumnConstraint):
                not_null = not_null or not kind.args.get("allow_null")
                nullable = nullable or bool(kind.args.get("allow_null"))
            elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
                self.set_primary((node.name,))
                not_null = True
            elif isinstance(kind, exp.UniqueColumnConstraint):
                self.keys.append(Key((node.name,), "declared"))
            elif isinstance(kind, exp.Reference):
                self.add_reference((node.name,), kind)
            elif isinstance(kind, exp.CheckColumnConstraint):
                self.add_check(kind)
            elif isinstance(kind, exp.CollateColumnConstraint) and kind.this.name.upper() != "BINARY":
                spelled += f" COLLATE {kind.this.sql(self.dialect)}" if self.engine == self.dialect else ""
        if nullable and not_null:
            raise _contradiction(self.source, f"says NULL and NOT NULL of {self.name}.{node.name}")
        self.columns.append(Column(node.name, spelled, "declared" if not_null else None))

    def add_check(self, check: exp.CheckColumnConstraint) -> None:
        """A CHECK, of one column or of the table."""
        self.checks.append(check.this.sql(self.engine))
        self.tested += [column.name for column in check.this.find_all(exp.Column)]

    def spelled(self, node: exp.ColumnDef) -> str:
        """The type of a column in the engine's words; what the engine has no word for becomes text."""
        kind = node.args.get("kind")
        if isinstance(kind, exp.DataType) and self.engine == self.dialect == "sqlite" and kind.is_type("decimal"):
            return "NUMERIC"  # not REAL, as it is printed for SQLite: whole numbers are stored as such
        if not isinstance(kind, exp.DataType) or self.engine == self.dialect:
            return kind.sql(self.engine) if kind is not None else ""
        if kind.this in _WHOLE:
            return _WHOLE[kind.this]
        if kind.this in _TEXTS:
            values = [value.sql(self.engine) for value in kind.expressions] if kind.this is exp.DType.ENUM else []
            if values:
                self.checks.append(f"{exp.column(node.name, quoted=True).sql(self.engine)} IN ({', '.join(values)})")
            return "TEXT"
        if kind.this in (exp.DType.TIMESTAMPTZ, exp.DType.TIMESTAMPLTZ):
            return "TIMESTAMP"
        if kind.is_type(*exp.DataType.INTEGER_TYPES):
            return exp.DataType(this=kind.this).sql(self.engine)  # a width for display is no part of the type
        return kind.sql(self.engine)

    def add_reference(self, columns: tuple[str, ...], reference: exp.Reference) -> None:
        """A foreign key; without a list it refers to the other table's primary key."""
        target = reference.this
        table = target.this if isinstance(target, exp.Schema) else target
        referenced = tuple(_plain_name(column) for column in target.expressions) if isinstance(target, exp.Schema) else ()
        self.foreign_keys.append(ForeignKey(columns, table.name, referenced, "declared"))

    def set_primary(self, columns: tuple[str, ...]) -> None:
        """The primary key."""
        if self.primary and [c.lower() for c in self.primary] != [c.lower() for c in columns]:
            raise _contradiction(self.source, f"gives table {self.name} two primary keys")
        self.primary = columns

    def finished(self) -> Table:
        """The table as it is after all statements; its primary key is the first of its keys."""
        keys = [Key(self.primary, "declared"), *self.keys] if self.primary else self.keys
        known = {column.name.lower() for column in self.columns}
        unknown = [name for name in self.tested if name.lower() not in known]
        if unknown:
            raise _contradiction(
                self.source, f"has a CHECK of table {self.name} on column {unknown[0]}, which that does not have"
            )
        wanted = {name.lower() for name in self.primary}
        columns = [replace(c, not_null="declared") if c.name.lower() in wanted else c for c in self.columns]
        return Table(
            self.name,
            tuple(columns),
            tuple(dict.fromkeys(keys)),
            tuple(self.foreign_keys),
            indexes=tuple(self.indexes),
            checks=tuple(self.checks),
        )


def _plain_name(node: exp.Expr) -> str:
    return node.this.name if isinstance(node, exp.Ordered) else node.name


def _add_index(tables: dict[str, _Definition], statement: exp.Create) -> None:
    index = statement.this
    table = tables.get(index.args["table"].name.lower())
    parameters = index.args.get("params")
    listed = parameters.args.get("columns") if parameters is not None else None
    if table is None or not listed or not all(isinstance(c.this, exp.Column) for c in listed):
        return
    columns = tuple(c.this.name for c in listed)
    unique = bool(statement.args.get("unique")) and parameters.args.get("where") is None
    table.indexes.append(Index(index.name, columns, unique))
    if unique:
        table.keys.append(Key(columns, "declared"))


def _checked(tables: list[Table], source: str) -> Iterator[Table]:
    """The tables, with references to primary keys spelled out, after a look at what their keys name."""
    known = {table.name.lower(): table for table in tables}
    for table in tables:
        foreign = tuple(_resolved(key, known) for key in table.foreign_keys)
        for name in (
            name for columns in [key.columns for key in table.keys] + [key.columns for key in foreign] for name in columns
        ):
            if table.column(name) is None:
                raise QueryError(
                    f"{source}: a key of table {table.name} names column {name}, which the table does not have.",
                    "Correct the key or add the column.",
                )
        for key in foreign:
            target = known.get(key.references.lower())
            missing = [name for name in key.references_columns if target is not None and target.column(name) is None]
            if missing:
                what = f"refers to column {missing[0]} of table {key.references}, which that does not have"
                raise _contradiction(source, what)
            if len(key.columns) != len(key.references_columns):
                count = f"{len(key.columns)} columns to {len(key.references_columns)} of {key.references}"
                raise _contradiction(source, f"lets a foreign key of table {table.name} refer from {count}")
        yield replace(table, foreign_keys=foreign)


def _resolved(key: ForeignKey, tables: dict[str, Table]) -> ForeignKey:
    if key.references_columns:
        return key
    target = tables.get(key.references.lower())
    return replace(key, references_columns=target.keys[0].columns if target is not None and target.keys else key.columns)
