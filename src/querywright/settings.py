"""The only reader of environment variables and of the configuration file.

Variables: ``QUERYWRIGHT_CACHE`` (folder for generated workloads and samples), ``QUERYWRIGHT_RUNS`` (folder of run directories),
``QUERYWRIGHT_FIGURES`` (file of the figures that ``qw profile`` measured here), ``QUERYWRIGHT_LEADERBOARD`` (file of the
environment's leaderboard), ``QUERYWRIGHT_MODEL``,
``QUERYWRIGHT_PROVIDER`` and ``QUERYWRIGHT_BASE_URL`` (the language model to ask), ``QUERYWRIGHT_OFFLINE`` (1 refuses every call).
The same names in lower case without the prefix may stand in ``querywright.toml`` in the working directory; the environment wins.
Keys of model providers (``QUERYWRIGHT_API_KEY``, or the provider's own variable) are read from the environment only. So are
the published environment's ``MODEL_NAME``, ``API_BASE_URL``, ``HF_TOKEN`` and ``API_KEY``, which its agents use.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from querywright.errors import InputError

CONFIG_FILE = "querywright.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where Querywright keeps its files."""

    cache: Path
    runs: Path
    figures: Path
    leaderboard: Path


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which language model to ask where the command line does not say."""

    model: str | None
    provider: str | None
    base_url: str | None
    offline: bool


def _configured() -> dict[str, object]:
    path = Path(CONFIG_FILE)
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{CONFIG_FILE} is not valid TOML: {error}", "Correct the file or remove it.") from error


@dataclass(frozen=True, slots=True)
class PublishedModelSettings:
    """The model as the published environment's variables name it; ``key_variable`` is the one that holds a key."""

    model: str | None
    base_url: str | None
    key_variable: str | None


@cache
def settings() -> Settings:
    """The settings of this process; raises `InputError` where the configuration file is broken."""
    configured = _configured()

    def path(name: str, default: Path) -> Path:
        chosen = os.environ.get(f"QUERYWRIGHT_{name.upper()}") or configured.get(name) or default
        return Path(str(chosen)).expanduser()

    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache_folder = path("cache", user_cache / "querywright")
    return Settings(
        cache_folder,
        runs=path("runs", Path("runs")),
        figures=path("figures", cache_folder / "figures.json"),
        leaderboard=path("leaderboard", cache_folder / "gym" / "leaderboard.sqlite"),
    )


def model_settings() -> ModelSettings:
    """The model settings as they are now; raises `InputError` where the configuration file is broken."""
    configured = _configured()

    def text(name: str) -> str | None:
        chosen = os.environ.get(f"QUERYWRIGHT_{name.upper()}") or configured.get(name)
        return str(chosen) if chosen else None

    offline = (text("offline") or "0").lower() not in ("0", "false", "no")
    return ModelSettings(text("model"), text("provider"), text("base_url"), offline)


def published_model_settings() -> PublishedModelSettings:
    """The published environment's variables as they are now."""
    key_variable = next((name for name in ("HF_TOKEN", "API_KEY") if api_key(name)), None)
    return PublishedModelSettings(os.environ.get("MODEL_NAME") or None, os.environ.get("API_BASE_URL") or None, key_variable)


def api_key(*variables: str | None) -> str | None:
    """The first key that one of the environment variables holds; None where none does."""
    return next((key for name in variables if name and (key := os.environ.get(name, "").strip())), None)
