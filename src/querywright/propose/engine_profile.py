"""What an engine does by itself and what it misses, as far as that was measured: the figures of the transforms, in words."""

from __future__ import annotations

from collections.abc import Iterator

from querywright.analyze.figures import Promise, engine_version, promise
from querywright.transforms.driver import transforms

MOST_LISTED = 12
_GAIN = 1.15
_LOSS = 0.87


def engine_profile(engine: str, version: str | None = None) -> str:
    """Markdown lines; empty where nothing was measured. ``version`` defaults to that of the engine at hand."""
    version = version or engine_version(engine)
    measured = {name: found for name in transforms(engine) if (found := promise(name, engine, version)) is not None}
    if not measured:
        return ""
    by_gain = sorted(measured.items(), key=lambda item: (-item[1].gain, item[0]))
    groups = (
        ("It misses, so that rewriting by hand pays", [item for item in by_gain if item[1].gain >= _GAIN]),
        ("It does by itself, or rewriting changes nothing", [item for item in by_gain if _LOSS < item[1].gain < _GAIN]),
        ("It gets slower by", [item for item in reversed(by_gain) if item[1].gain <= _LOSS]),
    )
    lines = [f"## Engine Profile: {engine} {version}", "Measured on slow queries made for each transform."]
    for title, items in groups:
        if items:
            lines += [f"{title}:", *_listed(items)]
    return "\n".join(lines)


def headline(transform: str) -> str:
    """What a transform does, the first sentence of its documentation; the name itself where there is no such transform."""
    known = transforms()
    return ((known[transform].__doc__ or transform) if transform in known else transform).strip().splitlines()[0].rstrip(".")


def _listed(items: list[tuple[str, Promise]]) -> Iterator[str]:
    for name, found in items[:MOST_LISTED]:
        yield f"- {name} ({found.gain:.3g}x): {headline(name)}"
    if len(items) > MOST_LISTED:
        yield "- and " + ", ".join(name for name, _ in items[MOST_LISTED:])
