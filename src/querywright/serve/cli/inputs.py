"""Reads what the command line names: SQL texts, databases, parameter values, memory sizes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from querywright.databases.database import Database
from querywright.databases.opening import open_database
from querywright.databases.specification import parse_spec, workload_query
from querywright.errors import BindingError, InputError
from querywright.sql.files import query_text
from querywright.values import Bindings, Scalar
from querywright.workloads.protocol import Progress


@dataclass(frozen=True)
class Question:
    """A query text with the database it is for; ``name`` is the file's stem, ``source`` what messages call it."""

    text: str
    name: str
    source: str
    database: Database


def read_question(sql: str, db: str | None, progress: Progress) -> Question:
    """The query that ``sql`` names (file, ``-``, or a workload's query) and the database that ``db`` names.

    Where one of the two names a query of a workload, the other may be missing. Raises `InputError`.
    """
    workload, number = parse_spec(sql) if not Path(sql).exists() else (sql, None)
    if number is not None:
        database = open_database(db or workload, progress)
        return Question(workload_query(sql, database.location.engine), f"q{number}", sql, database)
    if not db:
        raise InputError("No database was named.", "Add --db FILE, --db FOLDER, --db URL or --db WORKLOAD (see qw workloads).")
    text = read_text(sql)
    name = "query" if sql == "-" else Path(sql).stem
    return Question(text, name, "standard input" if sql == "-" else sql, open_database(parse_spec(db)[0], progress))


def read_text(name: str) -> str:
    """The text of a file, or of standard input for ``-``; raises `QueryError`."""
    if name == "-":
        return sys.stdin.read()
    return query_text(Path(name))


def read_bindings(given: Sequence[str], needed: Sequence[str]) -> tuple[Bindings, ...]:
    """Sets of parameter values from ``name=value,name=value`` texts; raises `BindingError` where they do not fit ``needed``."""
    if needed and not given:
        example = ",".join(f"{name}=…" for name in needed)
        raise BindingError(f"The query has parameters {', '.join(needed)}.", f"Give their values: --bind {example}")
    sets = []
    for text in given:
        pairs = [pair.partition("=") for pair in _split(text)]
        values = {
            (f"p{name.strip()}" if name.strip().isdigit() else name.strip().lstrip("$:@")): _scalar(v) for name, _, v in pairs
        }
        missing = [name for name in needed if name not in values]
        unknown = [name for name in values if name not in needed]
        if missing or unknown:
            problem = f"lacks {', '.join(missing)}" if missing else f"names {', '.join(unknown)}, which the query does not have"
            raise BindingError(f"--bind {text} {problem}.", f"The parameters are: {', '.join(needed) or 'none'}.")
        sets.append(tuple((name, values[name]) for name in needed))
    return tuple(sets)


def _split(text: str) -> list[str]:
    return re.findall(r"""(?:[^,'"]|'[^']*'|"[^"]*")+""", text)


def _scalar(text: str) -> Scalar:
    text = text.strip()
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    if re.fullmatch(r"[-+]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][-+]?\d+)", text):
        return float(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text.lower() == "null":
        return None
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def check_writable(path: Path | None, option: str) -> None:
    """Raise `InputError` where nothing could be written to ``path``: better said before the search than after it."""
    if path is not None and (path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK)):
        raise InputError(f"{path} cannot be written.", f"Name a file in a folder that is there with {option}.")


def read_bytes(text: str | None) -> int | None:
    """A memory size such as ``4GB`` in bytes; raises `InputError`."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if match is None:
        raise InputError(f"{text} is not a memory size.", "Write for example --memory 4GB.")
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


def read_price(text: str | None) -> tuple[float, float] | None:
    """US dollars per million prompt tokens and per million answer tokens; raises `InputError` where they cannot be read."""
    if text is None:
        return None
    try:
        prompt, answer = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--price {text} is not two numbers.", "Write dollars per million tokens: --price 0.5,1.5") from error
    return prompt, answer
