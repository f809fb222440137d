"""Which model is meant, whose key is read, when a request may start, and what is loaded for it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from querywright.chat.options import ChatOptions
from querywright.chat.pacing import LONGEST_DELAY, Pace, backoff, seconds_to_wait
from querywright.chat.providers import PROVIDERS, resolve
from querywright.errors import ChatRefused, InputError

KEY = "sk-secret-0123456789"


@pytest.mark.parametrize("name", [name for name, provider in PROVIDERS.items() if provider.key_variable])
def test_a_provider_without_its_key_says_which_variable_to_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = PROVIDERS[name].key_variable or ""
    with pytest.raises(ChatRefused, match=rf"{variable} is not set\n.*export {variable}="):
        resolve(ChatOptions(model="m", provider=name))
    monkeypatch.setenv(variable, f" {KEY}\n")
    target = resolve(ChatOptions(model="m", provider=name))
    assert target.key == KEY and KEY not in repr(target)


@pytest.mark.parametrize("name", ["vllm", "ollama", "llama.cpp"])
def test_local_servers_need_no_key(name: str) -> None:
    target = resolve(ChatOptions(model="m", provider=name))
    assert target.is_local and target.key is None


def test_a_key_goes_only_to_its_own_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert resolve(ChatOptions(model="m", base_url="https://example.com/v1")).key is None
    assert resolve(ChatOptions(model="m", provider="ollama")).key is None
    monkeypatch.setenv("QUERYWRIGHT_API_KEY", "another-key")
    assert resolve(ChatOptions(model="m", base_url="https://example.com/v1")).key == "another-key"


@pytest.mark.parametrize("key", ["…", "sk-first sk-second", "sk-first\nsk-second", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_shown(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(ChatRefused, match="that no key has") as raised:
        resolve(ChatOptions(model="m", provider="openai"))
    assert "sk-first" not in str(raised.value) and "export OPENAI_API_KEY=" in raised.value.remedy


def test_the_environment_gives_defaults_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "querywright.toml").write_text('model = "from-file"\nprovider = "ollama"\n')
    assert repr(resolve(ChatOptions())) == "from-file at http://127.0.0.1:11434/v1"
    monkeypatch.setenv("QUERYWRIGHT_MODEL", "from-environment")
    monkeypatch.setenv("QUERYWRIGHT_BASE_URL", "http://gpu:1234/v1/")
    assert repr(resolve(ChatOptions())) == "from-environment at http://gpu:1234/v1"
    assert repr(resolve(ChatOptions(model="m", provider="vllm"))) == "m at http://127.0.0.1:8000/v1"
    assert resolve(ChatOptions(model="m", base_url="http://other:1/v1")).provider_name == "compatible"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ChatOptions(model="m", provider="acme"), "no provider 'acme'"),
        (ChatOptions(model="m", provider="compatible"), "no address of its own"),
        (ChatOptions(model="m", base_url="localhost:8000"), "not the address of a server"),
        (ChatOptions(model="m", base_url="http://[::1/v1"), "not the address of a server"),
        (ChatOptions(model="m", base_url="http://localhost:99999/v1"), "not the address of a server"),
        (ChatOptions(model="m", base_url="http://local host/v1"), "not the address of a server"),
        (ChatOptions(model="m", base_url="https://user:pass@example.com/v1"), "would be recorded"),
    ],
    ids=["provider", "no address", "no scheme", "bracket", "port", "space", "password"],
)
def test_what_names_no_server_is_refused(options: ChatOptions, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        resolve(options)
    assert raised.value.remedy and "pass" not in raised.value.message.replace("password", "")


def test_a_resumed_run_keeps_its_model_and_its_limits() -> None:
    first = ChatOptions(model="m", base_url="http://gpu:1/v1", price=(0.5, 1.5), max_cost=2.0, retries=1, replay=Path("x"))
    stored = json.loads(json.dumps(first.recorded()))
    assert "replay" not in stored
    assert ChatOptions.resumed(stored, ChatOptions()) == replace(first, replay=None)
    assert ChatOptions.resumed(stored, ChatOptions(max_cost=3.0)) == replace(first, replay=None, max_cost=3.0)
    other = ChatOptions.resumed(stored, ChatOptions(model="n", provider="ollama"))
    assert other == ChatOptions(model="n", provider="ollama", max_cost=2.0, retries=1), "prices are those of a model"
    assert "base_url" not in ChatOptions(base_url="https://user:pass@example.com/v1").recorded()


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_requests_are_spaced_by_the_rate_limit_and_wait_when_the_server_says_so() -> None:
    clock = Clock()

    async def turns() -> list[float]:
        pace = Pace(120, clock.sleep, lambda: clock.now)
        starts = []
        for number in range(4):
            if number == 3:
                pace.pause(10)
            await pace.turn()
            starts.append(clock.now)
        return starts

    assert asyncio.run(turns()) == [0.0, 0.5, 1.0, 11.0]


def test_delays_grow_exponentially_up_to_a_bound() -> None:
    for failures in range(1, 60):
        most = min(LONGEST_DELAY, 0.5 * 2 ** (failures - 1))
        assert most / 2 <= backoff(failures) <= most


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert seconds_to_wait(header, now=60.0) == seconds


def test_the_client_libraries_load_only_when_a_model_is_asked() -> None:
    script = (
        "import sys; from querywright.chat import background, opening, options, protocol, providers, recorded, recording; "
        "print(sorted({'openai', 'anthropic', 'httpx2', 'genai_prices', 'pydantic'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("provider", "library", "extra"), [("openai", "openai", "model"), ("anthropic", "anthropic", "anthropic")], ids=str
)
def test_a_missing_library_is_named_with_the_command_that_installs_it(provider: str, library: str, extra: str) -> None:
    script = f"""
import asyncio, sys
from querywright.chat.opening import open_chat
from querywright.chat.options import ChatOptions
from querywright.errors import MissingExtraError

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {library!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())

async def main():
    async with open_chat(ChatOptions(model="m", provider={provider!r})):
        pass

try:
    asyncio.run(main())
except MissingExtraError as error:
    print(error)
"""
    variable = PROVIDERS[provider].key_variable or ""
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, env={variable: KEY}
    )
    assert (
        shown.stdout.strip() == f"To ask m, the library {library} is needed\nInstall it with: pip install 'querywright[{extra}]'"
    )
