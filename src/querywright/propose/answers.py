"""Reads a model's answer tolerantly: which rewrites it holds, as texts. Whether they can be used is decided in `model`.

Accepted are the JSON of the contract, bare or in a code fence, with text around it, with trailing commas or raw line breaks; a
node map instead of a node list; a whole query in JSON, in a code fence, or as plain text. A section of reasoning is skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from querywright.chat.protocol import encodable
from querywright.propose.contract import MOST_CHARACTERS, MOST_SETS, NAME_KEYS, SQL_KEYS
from querywright.propose.rewrite_sets import MAIN

FaultKind = Literal[
    "empty",
    "too_long",
    "truncated",
    "refusal",
    "declined",
    "no_rewrite",
    "malformed",
    "syntax",
    "forbidden",
    "nodes",
    "binding",
    "columns",
    "unchanged",
]
"""Why (a part of) an answer cannot be judged. ``declined`` says that the model sees nothing to gain."""


@dataclass(frozen=True, slots=True)
class Fault:
    """``reason`` is one or two sentences that can go back to the model."""

    kind: FaultKind
    reason: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """One rewrite as the model wrote it: ``nodes`` by name, or ``sql``, a whole query."""

    transform: str = ""
    nodes: tuple[tuple[str, str], ...] = ()
    sql: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """The rewrites of an answer, or the fault that leaves it without any."""

    rewrites: tuple[Rewrite, ...] = ()
    fault: Fault | None = None
    explanation: str = ""


MOST_SAID, MOST_OF_A_CHANGE = 500, 160
"""Characters of a reason that repeats the words of an answer, and of one of its changes."""

_THINKING = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_FENCE = re.compile(r"```[ \t]*+\w*+[ \t]*+\r?\n(.*?)(?:```|\Z)", re.DOTALL)
_STATEMENT = re.compile(
    r"^[ \t]*(?:WITH|SELECT|\(\s*SELECT|INSERT|UPDATE|DELETE|DROP|CREATE|ALTER|TRUNCATE|MERGE|ATTACH|COPY|PRAGMA|GRANT)\b",
    re.IGNORECASE | re.MULTILINE,
)
_INDEXES = re.compile(r"(?:CREATE\s+(?:UNIQUE\s+)?INDEX\b[^;]*+;\s*+)*+", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\bI(?: am|'m|’m) (?:sorry|unable|not able)|\bI (?:can(?:not|'t|’t)|won'?t|must decline)|\bcan(?:not|'t) (?:help|comply)",
    re.IGNORECASE,
)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_MOST_STARTS = 200


def read(content: str, *, truncated: bool = False, refused: bool = False) -> Reading:
    """The rewrites in ``content``; ``truncated`` and ``refused`` are what the server says of it."""
    if len(content) > MOST_CHARACTERS:
        told = f"The answer has {len(content):,} characters; at most {MOST_CHARACTERS:,} are read."
        return Reading(fault=Fault("too_long", f"{told} Answer with the JSON object alone."))
    text, unfinished = _without_thinking(content)
    truncated = truncated or unfinished
    if not text.strip():
        if truncated:
            return Reading(fault=_CUT_OFF)
        return Reading(fault=_REFUSED if refused else Fault("empty", "The answer is empty. Answer with the JSON object."))
    documents = list(_documents(text))
    rewrites = tuple(rewrite for document in documents for rewrite in _rewrites(document))
    explanation = next((said for document in documents if isinstance(said := _explanation(document), str)), "")
    cut = truncated or _cut_off(text)
    if not rewrites and not documents and not (cut and "{" in text):
        rewrites = tuple(Rewrite(sql=sql) for sql in _statements(text, cut))
    if rewrites:
        return Reading(rewrites[:MOST_SETS], explanation=explanation)
    return Reading(fault=_nothing(text, documents, explanation, cut, refused), explanation=explanation)


def shortened(reason: str) -> str:
    """``reason``, which repeats what a model said, at a length that people and prompts can bear."""
    return reason if len(reason) <= MOST_SAID else reason[:MOST_SAID] + "…"


def one_line(change: str) -> str:
    """What a model says of a change, at the length of a line in a list."""
    text = " ".join(change.split())
    return text if len(text) <= MOST_OF_A_CHANGE else text[:MOST_OF_A_CHANGE] + "…"


def _without_thinking(content: str) -> tuple[str, bool]:
    """The text outside the sections of reasoning, and whether the last of them never ends. Takes time linear in the text."""
    kept: list[str] = []
    position = 0
    while opening := _THINKING.search(content, position):
        kept.append(content[position : opening.start()])
        closing = re.compile(f"</{opening[1]}>", re.IGNORECASE).search(content, opening.end())
        if closing is None:
            return "".join(kept), True
        position = closing.end()
    return "".join([*kept, content[position:]]), False


_CUT_OFF = Fault("truncated", "The answer was cut off. Answer more briefly: one rewrite set, only the nodes that change.")
_REFUSED = Fault(
    "refusal", "The answer declines the task. It only asks for a rewrite of a read-only query; answer with the JSON object."
)


def _nothing(text: str, documents: Sequence[object], explanation: str, cut: bool, refused: bool) -> Fault:
    """Why nothing was found."""
    if cut:
        return _CUT_OFF
    if any(isinstance(document, Mapping) and document.get("rewrite_sets") == [] for document in documents):
        return Fault("declined", shortened(f"The answer proposes no rewrite. {explanation}".strip()))
    if refused or _REFUSAL.search(text):
        return _REFUSED
    if '"rewrite_sets"' in text and not documents:
        return Fault("malformed", f"The JSON object cannot be read{_where(text)}. Answer with one valid JSON object alone.")
    return Fault(
        "no_rewrite", "The answer holds neither the JSON object with rewrite_sets nor a query. Answer with the JSON object alone."
    )


def _where(text: str) -> str:
    try:
        json.JSONDecoder(strict=False).raw_decode(text, text.find("{"))
    except json.JSONDecodeError as error:
        return f": {error.msg} at line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):
        return ": it nests without end"
    return ""


def _documents(text: str) -> Iterator[object]:
    """JSON values in the text that say something of a rewrite, the outermost ones."""
    decoder = json.JSONDecoder(strict=False)
    for candidate in (text, _TRAILING_COMMA.sub(r"\1", text)):
        position, found = 0, False
        for _ in range(_MOST_STARTS):
            start = min((at for at in (candidate.find("{", position), candidate.find("[", position)) if at >= 0), default=-1)
            if start < 0:
                break
            try:
                value, position = decoder.raw_decode(candidate, start)
            except (ValueError, RecursionError):
                position = start + 1
                continue
            if any(True for _ in _rewrites(value)) or (isinstance(value, Mapping) and "rewrite_sets" in value):
                found = True
                yield _encodable(value)
        if found:
            return


def _encodable(value: object) -> object:
    if isinstance(value, Mapping):
        return {encodable(str(key)): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    return encodable(value) if isinstance(value, str) else value


def _explanation(document: object) -> object:
    return document.get("explanation") if isinstance(document, Mapping) else None


def _rewrites(value: object) -> Iterator[Rewrite]:
    if isinstance(value, list):
        for item in value:
            yield from _rewrites(item)
    elif isinstance(value, Mapping):
        if isinstance(value.get("rewrite_sets"), (list, Mapping)):
            yield from _rewrites(value["rewrite_sets"])
            return
        nodes = tuple(_nodes(value.get("nodes")))
        sql = next((value[key] for key in SQL_KEYS if isinstance(value.get(key), str) and value[key].strip()), "")
        part = "node" in value or "node_id" in value  # of a rewrite set that was cut off
        if nodes or (sql and not part):
            yield Rewrite(
                _name(value.get("transform")), nodes, "" if nodes else _unfenced(sql), tuple(_texts(value.get("changes")))
            )


def _nodes(value: object) -> Iterator[tuple[str, str]]:
    """(name, SQL) of each node of a list or map; a node without a name is the main query."""
    items: list[Mapping[str, Any]]
    if isinstance(value, Mapping):
        items = [{"node": name, **(body if isinstance(body, Mapping) else {"sql": body})} for name, body in value.items()]
    else:
        items = [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
    for item in items:
        name = next((item[key] for key in NAME_KEYS if isinstance(item.get(key), str) and item[key].strip()), MAIN)
        sql = next((item[key] for key in SQL_KEYS if isinstance(item.get(key), str) and item[key].strip()), "")
        if sql:
            yield name.strip().strip('"'), _unfenced(sql)


def _statements(text: str, cut: bool) -> Iterator[str]:
    """Whole queries in code fences, the last first, or in plain text. A fence that the end cut off does not count."""
    fenced = [match for match in _FENCE.finditer(text) if _STATEMENT.match(match[1].lstrip())]
    if fenced:
        for match in reversed(fenced):
            if match[0].endswith("```") or not cut:
                yield match[1].strip()
        return
    if not cut and (start := _STATEMENT.search(text)):
        plain = text[start.start() :].lstrip()
        indexes = _INDEXES.match(plain)
        begin = indexes.end() if indexes else 0  # a query follows its indexes, though a line may be empty between them
        yield (plain[:begin] + re.split(r";\s*\n\s*\n|\n```", plain[begin:], maxsplit=1)[0]).strip()


def _cut_off(text: str) -> bool:
    return text.count("```") % 2 == 1


def _unfenced(sql: str) -> str:
    match = _FENCE.search(sql)
    return (match[1] if match else sql).strip()


def _name(value: object) -> str:
    """The transform's name as an identifier; models combine several with a plus sign."""
    return re.sub(r"[^a-z0-9]+", "_", value.lower()).strip("_")[:60] if isinstance(value, str) else ""


def _texts(value: object) -> Iterator[str]:
    yield from ([item for item in value if isinstance(item, str)] if isinstance(value, list) else [])
