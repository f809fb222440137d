"""Names of tables and columns as the words that people use for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from querywright.sql.schema import Table

_REFERENCE = re.compile(r"_?(id|sk|key|no|nr)$")
_COMPOUNDS = {"lineitem": "line item", "partsupp": "part supply"}
_JOINED = re.compile(
    r"(order|ship|commit|receipt|part|cust|supp|nation|region|line)(date|key|number|status|priority|mode|instruct)$"
)


def singular(name: str) -> str:
    """A table's name as a noun: ``article_tags`` is "article tag"."""
    words = _COMPOUNDS.get(name.lower(), name.lower().replace("_", " ").strip())
    if words.endswith("ies"):
        return f"{words[:-3]}y"
    if words.endswith(("sses", "shes", "ches", "xes")):
        return words[:-2]
    return words[:-1] if words.endswith("s") and not words.endswith("ss") else words


def plural(noun: str) -> str:
    """Several of a noun."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun if noun.endswith("s") else f"{noun}es"
    return f"{noun}s"


@lru_cache(maxsize=512)
def shared_prefix(table: Table) -> str:
    """What all columns of a table begin with, such as ``l_``; empty where they do not."""
    prefixes = {column.name.lower().partition("_")[0] for column in table.columns if "_" in column.name}
    alone = all("_" in column.name for column in table.columns)
    return f"{next(iter(prefixes))}_" if alone and len(prefixes) == 1 and len(table.columns) > 1 else ""


def phrase(table: Table, column: str) -> str:
    """A column's name in words: ``o_totalprice`` is "totalprice", ``last_login_at`` "last login"."""
    name = column.lower().removeprefix(shared_prefix(table))
    name = _JOINED.sub(r"\1 \2", name)
    for ending in ("_at", "_on", "_date"):
        if name.endswith(ending) and len(name) > len(ending) + 2:
            name = name.removesuffix(ending)
    return name.replace("_", " ").strip()


def role(table: Table, columns: Sequence[str], referenced: str) -> str:
    """What a row is to the rows that refer to it: ``manager_id`` is "manager", ``user_id`` "user"."""
    bare = _REFERENCE.sub("", columns[0].lower().removeprefix(shared_prefix(table)))
    noun = singular(referenced)
    if not bare or bare in noun or len(columns) > 1:
        return noun
    if bare in ("parent", "shared"):
        return f"{bare} {noun}"
    return (
        bare.removesuffix("_for").removesuffix(f"_{noun}").replace("_", " ") if bare.endswith("_for") else bare.replace("_", " ")
    )


def listed(items: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def article(noun: str) -> str:
    """The noun with "a" or "an" before it."""
    return f"an {noun}" if noun[:1] in "aeio" else f"a {noun}"
