"""Node-level rewrites: a query taken apart into the blocks of its graph, some replaced, and put together again.

A node is a block of the query graph (`querywright.sql.graph`): ``main_query``, a common table expression, a derived table, a
subquery, a branch of a set operation. A rewrite gives the whole new text of a node. A node the query does not have becomes a
common table expression; one that nobody reads any longer is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlglot import exp

from querywright.errors import QueryError
from querywright.sql.graph import named_blocks
from querywright.sql.trees import copied, printed

MAIN = "main_query"
_MAIN_SYNONYMS = frozenset({"main", "final", "final_query", "outer_query", "query", "root"})


def assembled(tree: exp.Query, rewrites: Mapping[str, exp.Query], tables: Collection[str]) -> exp.Query:
    """``tree``, which stays as it is, with the nodes named in ``rewrites`` replaced; not qualified.

    ``tables`` are the names of the database's tables, which no new node may take. Raises `QueryError` for rewrites that do not
    fit the query or each other.
    """
    root = copied(tree, typed=False)
    blocks = named_blocks(root)
    chosen = {_node(name, blocks): copied(body, typed=False) for name, body in rewrites.items()}
    replaced = {name: blocks[name] for name in chosen if name in blocks}
    added: dict[str, exp.Query] = {}
    for name, body in chosen.items():
        around = _rewritten_around(blocks[name], replaced) if name in blocks else None
        if around is not None and not any(_reads(other, name) for key, other in chosen.items() if key != name):
            raise QueryError(
                f"Node {name} stands inside node {around}, which is rewritten too and does not read {name}.",
                f"Write the new {name} into {around}, or read {name} there as a table.",
            )
        if name not in blocks or around is not None:
            if name.lower() in {table.lower() for table in tables}:
                raise QueryError(f"The new node {name} has the name of a table.", "Give the node another name.")
            added[name] = body
    for name, block in replaced.items():
        if name not in added:
            root = _replace(root, block, chosen[name])
    for name, body in added.items():
        _define(root, exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(name))))
    _settle(root)
    return root


def rewrites_between(before: exp.Query, after: exp.Query, dialect: str) -> dict[str, str]:
    """The nodes to rewrite so that `assembled` makes ``after`` of ``before``: new and changed common tables, and the main query.

    Common tables that must (not) be materialized stand in the WITH clause of the main query, where that can be said.
    """
    old, new = _definitions(before), _definitions(after)
    main = copied(after, typed=False)
    clause = main.args.get("with_")
    if clause is not None:
        kept = [cte for cte in clause.expressions if cte.args.get("materialized") is not None]
        main.set("with_", exp.With(expressions=kept) if kept else None)
    bodies = {name: cte.this for name, cte in new.items() if cte.args.get("materialized") is None}
    changed = {
        name: body
        for name, body in bodies.items()
        if name not in old or printed(old[name].this, dialect) != printed(body, dialect)
    }
    bare = copied(before, typed=False)
    bare.set("with_", None)
    texts = {name: printed(body, dialect, pretty=True) for name, body in changed.items()}
    if not changed or printed(bare, dialect) != printed(main, dialect):
        texts[MAIN] = printed(main, dialect, pretty=True)
    return texts


def _node(name: str, blocks: Mapping[str, exp.Query]) -> str:
    """The node that ``name`` means: models differ in case and in what they call the outermost block."""
    if name in blocks:
        return name
    folded = {known.lower(): known for known in blocks}
    return folded.get(name.lower(), MAIN if name.lower() in _MAIN_SYNONYMS else name)


def _rewritten_around(block: exp.Query, replaced: Mapping[str, exp.Query]) -> str | None:
    """The name of a rewritten node that holds ``block`` other than in its WITH clause."""
    names = {id(other): name for name, other in replaced.items()}
    node: exp.Expr = block
    while node.parent is not None:
        inside_clause = isinstance(node, exp.With)
        node = node.parent
        if id(node) in names and not inside_clause:
            return names[id(node)]
    return None


def _replace(root: exp.Query, block: exp.Query, body: exp.Query) -> exp.Query:
    """Put ``body`` where ``block`` stands, with the common tables of both, and return the root."""
    _merge_clauses(block, body)
    if block is root:
        return body
    parent = block.parent
    if isinstance(parent, exp.CTE):
        clause = parent.parent
        if isinstance(clause, exp.With) and not clause.args.get("recursive"):
            parent.set("alias", exp.TableAlias(this=parent.args["alias"].this))  # the new text names its own columns
        parent.set("this", body)
    elif isinstance(parent, exp.SetOperation):
        plain = isinstance(body, exp.Select) and not any(body.args.get(part) for part in ("order", "limit", "offset", "with_"))
        block.replace(body if plain else exp.Subquery(this=body))
    else:
        block.replace(body)
    return root


def _merge_clauses(block: exp.Query, body: exp.Query) -> None:
    """Give ``body`` the common tables of ``block`` that it does not define itself."""
    clause, own = block.args.get("with_"), body.args.get("with_")
    if clause is None:
        return
    block.set("with_", None)
    if own is not None:
        defined = {cte.alias.lower() for cte in own.expressions}
        kept = [cte for cte in clause.expressions if cte.alias.lower() not in defined]
        clause.set("expressions", [*kept, *own.expressions])
        clause.set("recursive", clause.args.get("recursive") or own.args.get("recursive"))
    body.set("with_", clause)


def _define(root: exp.Query, definition: exp.CTE) -> None:
    clause = root.args.get("with_")
    if clause is None:
        root.set("with_", exp.With(expressions=[definition]))
        return
    same = [cte for cte in clause.expressions if cte.alias.lower() == definition.alias.lower()]
    clause.set("expressions", [*(cte for cte in clause.expressions if cte not in same), definition])


def _settle(root: exp.Query) -> None:
    """Order the outermost common tables by who reads whom, and drop those that nobody reads."""
    clause = root.args.get("with_")
    if clause is None or clause.args.get("recursive"):
        return
    definitions = {cte.alias: cte for cte in clause.expressions}
    reads = {
        name: [other for other in definitions if other != name and _reads(cte.this, other)] for name, cte in definitions.items()
    }
    ordered: list[str] = []
    while ready := [name for name in definitions if name not in ordered and set(reads[name]) <= set(ordered)]:
        ordered.append(ready[0])
    if len(ordered) < len(definitions):
        circle = ", ".join(name for name in definitions if name not in ordered)
        raise QueryError(f"The nodes {circle} read each other.", "Let each node read only nodes that do not read it.")
    clause.set("expressions", [definitions[name] for name in ordered])
    for name in reversed(ordered):
        own = {id(table) for table in definitions[name].find_all(exp.Table)}
        if not any(_is(table, name) for table in root.find_all(exp.Table) if id(table) not in own):
            definitions[name].pop()
    if not clause.expressions:
        root.set("with_", None)


def _reads(body: exp.Query, name: str) -> bool:
    return any(_is(table, name) for table in body.find_all(exp.Table))


def _is(table: exp.Table, name: str) -> bool:
    return not table.db and table.name.lower() == name.lower()


def _definitions(tree: exp.Query) -> dict[str, exp.CTE]:
    clause = tree.args.get("with_")
    return {cte.alias: cte for cte in clause.expressions} if clause is not None else {}
