"""Two queries as an engine takes them, whatever dialect they were written in."""

from __future__ import annotations

from collections.abc import Iterable

from querywright.errors import InputError
from querywright.sql.dialects import translated
from querywright.sql.fingerprint import fingerprint
from querywright.sql.qualify import qualify_text
from querywright.sql.schema import Schema
from querywright.values import Bindings, Check, Query, Verdict
from querywright.verification.narrowing import obeyed
from querywright.verification.proof import Proof, prove

Texts = tuple[str, str]


def read_pair(
    texts: Texts, schema: Schema, dialect: str, engine: str, bindings: tuple[Bindings, ...], sources: Texts
) -> tuple[Query, Query]:
    """Both queries, translated from ``dialect`` where ``engine`` has another; raises `QueryError` where that does not work."""
    queries = []
    for text, source in zip(texts, sources, strict=True):
        plain = translated(text, schema, dialect, engine, source)
        tree = qualify_text(plain, schema, engine, source=source)
        queries.append(Query(plain, engine, fingerprint(tree, engine), bindings))
    return queries[0], queries[1]


def proved_without_running(
    texts: Texts, schema: Schema, dialects: Iterable[str], engine: str, sources: Texts, seconds: float
) -> Verdict | None:
    """The verdict of a proof on queries that the engine refuses, in the first of ``dialects`` in which they can be read."""
    promised = obeyed(schema)
    for dialect in dialects:
        try:
            pair = read_pair(texts, promised, dialect, engine, (), sources)
            trees = [qualify_text(query.sql, promised, engine) for query in pair]
        except InputError:
            continue  # why no dialect does is reported by who tried to run the queries
        found = prove(trees[0], trees[1], promised, engine, seconds)
        if isinstance(found, Proof):
            check = Check("symbolic", "", databases=0, seconds=round(found.seconds, 3))
            return Verdict("proved", found.premises, (check,))
    return None
