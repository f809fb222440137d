"""Functions of constant texts, worked out where all engines agree on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

Value = bool | Fraction | str | None


def folded(operator: str, values: Sequence[Value]) -> str | None:
    """The text that UPPER, LOWER, SUBSTRING or ``||`` of ``values`` gives; None where that is not plain.

    Only for texts of ASCII characters, whose letters have the same capitals everywhere and take one byte each, and for places
    counted from the first character on, not from the end.
    """
    name = operator.removeprefix("strict:").partition(":")[0]
    rule = _RULES.get(name) if operator.startswith("strict:") else None
    if rule is None:
        return None
    texts = [one for one in values if isinstance(one, str) and one.isascii()]
    numbers = [int(one) for one in values if isinstance(one, Fraction) and one.denominator == 1 and one >= 0]
    return rule(texts, numbers) if len(texts) + len(numbers) == len(values) else None


def _part(texts: list[str], numbers: list[int]) -> str | None:
    if len(texts) != 1 or len(numbers) not in (1, 2) or numbers[0] == 0:
        return None
    start = numbers[0] - 1
    return texts[0][start:] if len(numbers) == 1 else texts[0][start : start + numbers[1]]


_RULES: dict[str, Callable[[list[str], list[int]], str | None]] = {
    "upper": lambda texts, numbers: texts[0].upper() if len(texts) == 1 and not numbers else None,
    "lower": lambda texts, numbers: texts[0].lower() if len(texts) == 1 and not numbers else None,
    "substring": _part,
    "dpipe": lambda texts, numbers: "".join(texts) if len(texts) == 2 and not numbers else None,
}
