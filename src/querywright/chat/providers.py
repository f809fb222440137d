"""Where models are served, and which of them the user means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from querywright.chat.options import ChatOptions
from querywright.errors import ChatRefused, InputError
from querywright.settings import api_key, model_settings

GENERAL_KEY = "QUERYWRIGHT_API_KEY"
_SENDABLE = re.compile(r"[!-~]+")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Provider:
    """One kind of server.

    ``dialect`` is the protocol it speaks, ``key_variable`` the environment variable that holds its key (None where it serves
    without one), ``free`` whether its tokens cost nothing, ``answer_limit`` its name for the limit on answer tokens, and
    ``advice`` what helps when the model or the server is missing.
    """

    base_url: str | None
    key_variable: str | None = None
    dialect: Literal["openai", "anthropic"] = "openai"
    free: bool = False
    answer_limit: str = "max_tokens"
    advice: str = ""


PROVIDERS = {
    "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY", answer_limit="max_completion_tokens"),
    "anthropic": Provider("https://api.anthropic.com", "ANTHROPIC_API_KEY", dialect="anthropic"),
    "deepseek": Provider("https://api.deepseek.com", "DEEPSEEK_API_KEY"),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "huggingface": Provider("https://router.huggingface.co/v1", "HF_TOKEN"),
    "vllm": Provider("http://127.0.0.1:8000/v1", free=True, advice="Start it with: vllm serve MODEL"),
    "ollama": Provider("http://127.0.0.1:11434/v1", free=True, advice="Start it with: ollama serve & ollama pull MODEL"),
    "llama.cpp": Provider("http://127.0.0.1:8080/v1", free=True, advice="Start it with: llama-server -m MODEL.gguf"),
    "compatible": Provider(None),
}
"""By the name that ``--provider`` takes; ``compatible`` is any server of the OpenAI protocol, named by ``--base-url``."""


@dataclass(frozen=True, slots=True)
class Target:
    """One model at one address; ``repr`` does not show the key."""

    provider_name: str
    provider: Provider
    base_url: str
    model: str
    key: str | None

    def __repr__(self) -> str:
        """The model and its address."""
        return f"{self.model} at {self.base_url}"

    @property
    def is_local(self) -> bool:
        """Whether the server runs on this machine, so that no proxy lies between."""
        return urlsplit(self.base_url).hostname in LOOPBACK

    @property
    def key_variable(self) -> str:
        """The environment variable in which to put a key."""
        return self.provider.key_variable or GENERAL_KEY


def resolve(options: ChatOptions) -> Target:
    """The model that the options and the environment name.

    A key is only read for the provider it belongs to; ``QUERYWRIGHT_API_KEY`` is for any. Raises `InputError` for an unknown
    provider or a bad address, `ChatRefused` where model or key is missing.
    """
    settings = model_settings()
    base_url = options.base_url or (None if options.provider else settings.base_url)
    name = options.provider or (None if options.base_url else settings.provider) or ("compatible" if base_url else "openai")
    provider = PROVIDERS.get(name)
    if provider is None:
        raise InputError(f"There is no provider {name!r}", f"Choose one of: --provider {' | '.join(PROVIDERS)}")
    model = options.model or settings.model
    if not model:
        raise ChatRefused("No model is named", "Name one: --model NAME, or: export QUERYWRIGHT_MODEL=NAME")
    address = _checked(base_url or provider.base_url)
    key = api_key(options.key_variable, provider.key_variable, GENERAL_KEY)
    if key is None and provider.key_variable:
        raise ChatRefused(
            f"There is no key for {name}: {provider.key_variable} is not set",
            f"Set it: export {provider.key_variable}=…, or use a server of your own: --provider ollama --model NAME",
        )
    if key is not None and not _SENDABLE.fullmatch(key):
        raise ChatRefused(
            f"The key for {name} holds a space or a character that no key has",
            f"Copy the whole key and nothing else: export {provider.key_variable or GENERAL_KEY}=…",
        )
    return Target(name, provider, address, model, key)


def _checked(base_url: str | None) -> str:
    if base_url is None:
        raise InputError("The provider 'compatible' has no address of its own", "Name it: --base-url http://HOST:PORT/v1")
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and " " not in base_url
    except ValueError:  # brackets that do not match, a port that is none
        usable = False
    if not usable:
        raise InputError(f"{base_url!r} is not the address of a server", "Write it as: --base-url http://HOST:PORT/v1")
    if parts.username or parts.password:
        raise InputError(
            f"The address of {parts.hostname} holds a user name or password, which would be recorded",
            f"Remove it from --base-url and set: export {GENERAL_KEY}=…",
        )
    return base_url.rstrip("/")
