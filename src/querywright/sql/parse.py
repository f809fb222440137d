"""From text to one read-only query tree, or an error that says where and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import version

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.parser import binary_range_parser
from sqlglot.parsers.duckdb import DuckDBParser
from sqlglot.parsers.sqlite import SQLiteParser
from sqlglot.tokenizer_core import Token, TokenType

from querywright.errors import QueryError
from querywright.sql.volatility import side_effects

_WRITES = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Command,
    exp.Copy,
    exp.Into,
    exp.Lock,
)

# By default sqlglot reads a comma between SQLite tables as CROSS JOIN. That is no synonym: SQLite keeps the order of CROSS JOIN
# and may not look for a better one.
SQLiteParser.JOINS_HAVE_EQUAL_PRECEDENCE = False


def _extreme(kind: type[exp.Max] | type[exp.Min]) -> Callable[[list[exp.Expr]], exp.Expr]:
    """Reads DuckDB's ``max(x, 3)``, the list of the three greatest values, as an aggregate that nobody takes for a MAX."""

    def read(arguments: list[exp.Expr]) -> exp.Expr:
        if len(arguments) == 1:
            return kind(this=arguments[0])
        return exp.AnonymousAggFunc(this=kind.key, expressions=arguments)

    return read


DuckDBParser.FUNCTIONS = {**DuckDBParser.FUNCTIONS, "MAX": _extreme(exp.Max), "MIN": _extreme(exp.Min)}
DuckDBParser.FUNCTION_PARSERS = {name: read for name, read in DuckDBParser.FUNCTION_PARSERS.items() if name not in ("MAX", "MIN")}

# In DuckDB 1 the operator ~ must match the whole text; sqlglot takes it for that of PostgreSQL and DuckDB 2, which finds a part.
if int(version("duckdb").split(".")[0]) < 2:
    DuckDBParser.RANGE_PARSERS = {**DuckDBParser.RANGE_PARSERS, TokenType.TILDE: binary_range_parser(exp.RegexpFullMatch)}

DEEPEST = 120
"""Deeper nesting than any person writes would exhaust the stack of the compiled parser, which ends the process."""

_NESTING = re.compile(r"[()\[\]{}]|\b(?:case|end)\b", re.IGNORECASE)
_PARAMETER_MARKS = (TokenType.PLACEHOLDER, TokenType.PARAMETER, TokenType.COLON)


def nesting(text: str) -> int:
    """How deeply parentheses and CASE nest, at most; what stands in quotes counts as well, which errs on the safe side."""
    deepest = depth = 0
    for match in _NESTING.finditer(text):
        depth += 1 if match[0].lower() in ("(", "[", "{", "case") else -1
        deepest = max(deepest, depth)
    return deepest


def parse_query(text: str, dialect: str, source: str = "the query") -> exp.Query:
    """The tree of the single read-only query in ``text``; ``source`` names it in messages.

    Raises `QueryError` for empty text, a syntax error, several statements, anything but a SELECT (or WITH, VALUES, set
    operation), and calls with side effects.
    """
    if not text.strip():
        raise QueryError(f"{source} is empty.", "Put one SELECT statement into it.")
    if nesting(text) > DEEPEST:
        raise QueryError(f"{source} is nested more than {DEEPEST} levels deep.", "Write inner queries as WITH.")
    try:
        parsed = sqlglot.parse(text, read=dialect)
        statements = [tree for tree in parsed if tree is not None and not isinstance(tree, exp.Semicolon)]
    except RecursionError as error:
        raise QueryError(f"{source} is nested too deeply.", "Write it more plainly.") from error
    except (ParseError, TokenError, TypeError) as error:  # a TypeError where sqlglot, compiled, builds a node out of nothing
        raise QueryError(f"{source} is not valid {dialect} SQL: {first_line(error)}", _where(error)) from error
    if not statements:
        raise QueryError(f"{source} holds no SQL statement.", "Put one SELECT statement into it.")
    if len(statements) > 1:
        raise QueryError(
            f"{source} holds {len(statements)} statements.",
            "Give one SELECT statement; split the file otherwise.",
        )
    tree = statements[0]
    if isinstance(tree, exp.Subquery) and not tree.args.get("alias"):
        tree = tree.unnest()
    writing = tree.find(*_WRITES)
    if writing is not None:
        raise QueryError(
            f"{source} is not a read-only query: it contains {writing.key.upper()}.",
            "Querywright only reads; give a SELECT statement.",
        )
    if not isinstance(tree, exp.Query):
        raise QueryError(
            f"{source} is not a read-only query: it is no SELECT.", "Querywright only reads; give a SELECT statement."
        )
    calls = side_effects(tree)
    if calls:
        raise QueryError(
            f"{source} calls {', '.join(sorted(calls))}, which has side effects.",
            "Remove the call; Querywright runs a query many times.",
        )
    return tree


def normalize_parameters(text: str, dialect: str) -> str:
    """``text`` with every parameter written by name: ``?``, ``?2``, ``$3``, ``:name``, ``@name`` become ``$p1``,
    ``$p2``, ``$p3``, ``$name``.

    SQLite gets ``:`` instead of ``$``. A rewrite may move or repeat a parameter; only names survive that. Text without
    parameters comes back unchanged.
    """
    mark = ":" if dialect == "sqlite" else "$"
    try:
        tokens = sqlglot.tokenize(text, read=dialect)
    except TokenError:
        return text  # parse_query reports it with its position
    if not tokens:
        return text
    pieces: list[str] = []
    end = unnamed = depth = 0
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        depth += (token.text in "[{") - (token.text in "]}") if len(token.text) == 1 else 0
        if token.start < end:
            continue
        name, stop = "", token.end + 1
        if token.token_type is TokenType.VAR and re.fullmatch(r"[$@:]\w+", token.text):
            name = token.text[1:]
        elif token.token_type in _PARAMETER_MARKS and not (token.text == ":" and depth) and not _within_name(text, token):
            if following is not None and following.start == stop and re.fullmatch(r"\w+", following.text):
                name, stop = following.text, following.end + 1
            elif token.text == "?":
                unnamed += 1
                name = str(unnamed)
        if not name:
            continue
        pieces += [text[end : token.start], mark, f"p{name}" if name.isdigit() else name]
        end = stop
    return "".join([*pieces, text[end:]])


def _within_name(text: str, token: Token) -> bool:
    """Whether a mark stands inside a name, such as EXPR$0."""
    return token.text == "$" and token.start > 0 and (text[token.start - 1].isalnum() or text[token.start - 1] == "_")


def parameters(tree: exp.Expr) -> tuple[str, ...]:
    """Names of the parameters of a parsed query, in order of first appearance."""
    names = (node.name for node in tree.find_all(exp.Placeholder, exp.Parameter, bfs=False))
    return tuple(dict.fromkeys(names))


def first_line(error: Exception) -> str:
    """What an error of sqlglot says, without its picture of the text."""
    if isinstance(error, TypeError):
        return "a part of it is missing"
    details = getattr(error, "errors", None)
    if details:
        return str(details[0].get("description", "")).partition(" but got <Token")[0].rstrip(".")
    return str(error).splitlines()[0]


def _where(error: Exception) -> str:
    details = getattr(error, "errors", None)
    if not details or details[0].get("line") is None:
        return "Correct the statement."
    place = details[0]
    near = (str(place.get("start_context") or "")[-30:] + str(place.get("highlight") or "")).strip()
    return f"Correct line {place['line']}, column {place['col']}, near: {near}"
