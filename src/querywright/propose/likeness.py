"""How like each other two queries are: in structure, by the constructs of SQL in them, and in text, by their words.

Both are computed here, of counts: nothing is sent anywhere. Where the user names an embedding model, its vectors of the texts
take the place of the words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import hypot, log, sqrt

from sqlglot import exp

_WORD = re.compile(r"[a-z]+")
_SCALAR_PLACES = (exp.Binary, exp.Select, exp.Alias)

_CONSTRUCTS: tuple[type[exp.Expr], ...] = (
    exp.CTE,
    exp.Exists,
    exp.Subquery,
    exp.In,
    exp.Window,
    exp.Group,
    exp.Distinct,
    exp.Having,
    exp.Order,
    exp.Limit,
    exp.Or,
    exp.Not,
    exp.Case,
    exp.Union,
    exp.Between,
    exp.Like,
    exp.Sum,
    exp.Count,
    exp.Avg,
    exp.Min,
    exp.Max,
)


def features(tree: exp.Expr) -> Counter[str]:
    """How often each construct of SQL occurs, joins by kind; names, types and literals do not count."""
    found = Counter(kind.__name__ for kind in _CONSTRUCTS for _ in tree.find_all(kind))
    found.update(f"{join.side or 'INNER'} JOIN" for join in tree.find_all(exp.Join))
    found.update("SELF JOIN" for select in tree.find_all(exp.Select) if _joins_itself(select))
    found.update("SCALAR" for query in tree.find_all(exp.Subquery) if isinstance(query.parent, _SCALAR_PLACES))
    return found


def similarity(one: Counter[str], other: Counter[str]) -> float:
    """Cosine of two counts, 0 to 1; large counts weigh by their square root."""
    product = sum(sqrt(count * other[name]) for name, count in one.items())
    length = sqrt(sum(one.values()) * sum(other.values()))
    return product / length if length else 0.0


class Texts:
    """A collection of texts as vectors of their words, in which rare words weigh more.

    Source: term frequency by inverse document frequency, K. Spärck Jones, "A statistical interpretation of term specificity and
    its application in retrieval", Journal of Documentation 28 (1972).
    """

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [_words(text) for text in texts]
        self._size = len(counts)
        self._holding = Counter(word for count in counts for word in count)
        self._vectors = [self._vector(count) for count in counts]

    def similarities(self, text: str) -> list[float]:
        """Cosine of ``text`` and each text of the collection, 0 to 1."""
        wanted = self._vector(_words(text))
        return [sum(weight * vector.get(word, 0.0) for word, weight in wanted.items()) for vector in self._vectors]

    def _vector(self, count: Mapping[str, int]) -> dict[str, float]:
        rarity = {word: log((1 + self._size) / (0.5 + self._holding[word])) for word in count}
        weights = {word: (1 + log(number)) * rarity[word] for word, number in count.items()}
        length = sqrt(sum(weight**2 for weight in weights.values()))
        return {word: weight / length for word, weight in weights.items()} if length else {}


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Cosine of two vectors of the same length, -1 to 1; 0 where one of them is all zeros."""
    length = hypot(*one) * hypot(*other)
    return sum(x * y for x, y in zip(one, other, strict=True)) / length if length else 0.0


def _words(text: str) -> Counter[str]:
    """Letters in a row; the parts of ``order_date`` are two words."""
    return Counter(_WORD.findall(text.lower()))


def _joins_itself(select: exp.Select) -> bool:
    tables = [join.this for join in select.args.get("joins") or []]
    source = select.args.get("from_")
    names = [table.name for table in [*([source.this] if source is not None else []), *tables] if isinstance(table, exp.Table)]
    return len(set(names)) < len(names)
