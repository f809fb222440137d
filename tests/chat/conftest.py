"""A clean environment for every test of the model client: no key, no default model."""

from __future__ import annotations

import pytest

VARIABLES = [
    *(f"QUERYWRIGHT_{name}" for name in ("MODEL", "PROVIDER", "BASE_URL", "API_KEY", "OFFLINE")),
    *(f"{name}_API_KEY" for name in ("OPENAI", "ANTHROPIC", "DEEPSEEK", "OPENROUTER")),
]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
