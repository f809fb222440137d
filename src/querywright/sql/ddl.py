"""A schema from CREATE TABLE, CREATE INDEX and CREATE VIEW-free DDL text: verification works with no database at all."""

from __future__ import annotations

from dataclasses import replace

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from querywright.errors import QueryError
from querywright.sql.schema import Column, ForeignKey, Index, Key, Schema, Table


def schema_of(ddl: str, dialect: str, source: str = "the schema") -> Schema:
    """The tables that ``ddl`` creates, keys and NOT NULLs with basis ``declared``.

    Statements that create no table or index are ignored. Raises `QueryError` where the text does not parse or a key names a
    column that its table lacks.
    """
    try:
        statements = sqlglot.parse(ddl, read=dialect)
    except (ParseError, TokenError) as error:
        raise QueryError(f"{source} is not valid {dialect} DDL: {str(error).splitlines()[0]}", "Correct it.") from error
    tables: dict[str, Table] = {}
    for statement in statements:
        if not isinstance(statement, exp.Create):
            continue
        if statement.kind == "TABLE" and isinstance(statement.this, exp.Schema):
            table = _table(statement.this, dialect)
            tables[table.name.lower()] = table
        elif statement.kind == "INDEX" and isinstance(statement.this, exp.Index):
            _add_index(tables, statement)
    for table in tables.values():
        _check_columns(table, source)
    return Schema(tuple(tables.values()))


def _table(node: exp.Schema, dialect: str) -> Table:
    columns: list[Column] = []
    keys: list[Key] = []
    foreign_keys: list[ForeignKey] = []
    checks: list[str] = []
    primary: tuple[str, ...] = ()
    for part in node.expressions:
        constraint = part.this if isinstance(part, exp.Constraint) and not part.expressions else part
        for item in constraint.expressions if isinstance(constraint, exp.Constraint) else [constraint]:
            if isinstance(item, exp.ColumnDef):
                column, own_keys, own_foreign, own_checks, is_primary = _column(item, dialect)
                columns.append(column)
                keys += own_keys
                foreign_keys += own_foreign
                checks += own_checks
                primary = (column.name,) if is_primary else primary
            elif isinstance(item, exp.PrimaryKey):
                primary = tuple(_plain_name(column) for column in item.expressions)
            elif isinstance(item, exp.UniqueColumnConstraint):
                listed = item.this.expressions if isinstance(item.this, exp.Schema) else [item.this]
                keys.append(Key(tuple(_plain_name(column) for column in listed), "declared"))
            elif isinstance(item, exp.ForeignKey):
                foreign_keys.append(_foreign_key(tuple(_plain_name(c) for c in item.expressions), item.args["reference"]))
            elif isinstance(item, exp.CheckColumnConstraint):
                checks.append(item.this.sql(dialect))
    if primary:
        keys.insert(0, Key(primary, "declared"))
        wanted = {name.lower() for name in primary}
        columns = [replace(c, not_null="declared") if c.name.lower() in wanted else c for c in columns]
    return Table(node.this.name, tuple(columns), tuple(dict.fromkeys(keys)), tuple(foreign_keys), checks=tuple(checks))


def _column(node: exp.ColumnDef, dialect: str) -> tuple[Column, list[Key], list[ForeignKey], list[str], bool]:
    keys: list[Key] = []
    foreign_keys: list[ForeignKey] = []
    checks: list[str] = []
    not_null = primary = False
    collation = ""
    for constraint in node.args.get("constraints") or []:
        kind = constraint.kind
        if isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null"):
            not_null = True
        elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
            primary = not_null = True
        elif isinstance(kind, exp.UniqueColumnConstraint):
            keys.append(Key((node.name,), "declared"))
        elif isinstance(kind, exp.Reference):
            foreign_keys.append(_foreign_key((node.name,), kind))
        elif isinstance(kind, exp.CheckColumnConstraint):
            checks.append(kind.this.sql(dialect))
        elif isinstance(kind, exp.CollateColumnConstraint) and kind.this.name.upper() != "BINARY":
            collation = f" COLLATE {kind.this.sql(dialect)}"
    spelled = (node.args["kind"].sql(dialect) if node.args.get("kind") else "") + collation
    return Column(node.name, spelled, "declared" if not_null else None), keys, foreign_keys, checks, primary


def _foreign_key(columns: tuple[str, ...], reference: exp.Reference) -> ForeignKey:
    target = reference.this
    table = target.this if isinstance(target, exp.Schema) else target
    referenced = tuple(_plain_name(column) for column in target.expressions) if isinstance(target, exp.Schema) else columns
    return ForeignKey(columns, table.name, referenced, "declared")


def _plain_name(node: exp.Expr) -> str:
    return node.this.name if isinstance(node, exp.Ordered) else node.name


def _add_index(tables: dict[str, Table], statement: exp.Create) -> None:
    index = statement.this
    table = tables.get(index.args["table"].name.lower())
    parameters = index.args.get("params")
    listed = parameters.args.get("columns") if parameters is not None else None
    if table is None or not listed or not all(isinstance(c.this, exp.Column) for c in listed):
        return
    columns = tuple(column.this.name for column in listed)
    unique = bool(statement.args.get("unique")) and parameters.args.get("where") is None
    keys = (*table.keys, Key(columns, "declared")) if unique else table.keys
    tables[table.name.lower()] = replace(table, indexes=(*table.indexes, Index(index.name, columns, unique)), keys=keys)


def _check_columns(table: Table, source: str) -> None:
    listed = [key.columns for key in table.keys] + [key.columns for key in table.foreign_keys]
    named = [name for columns in listed for name in columns]
    missing = [name for name in named if table.column(name) is None]
    if missing:
        raise QueryError(
            f"{source}: a key of table {table.name} names column {missing[0]}, which the table does not have.",
            "Correct the key or add the column.",
        )
