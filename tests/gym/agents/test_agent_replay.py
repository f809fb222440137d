"""The replay: one page that holds everything it shows, whatever characters that has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from observations import came, observation

from querywright.gym.evaluation.episodes import EpisodeLog, Move
from querywright.gym.evaluation.replay import replay_document, replay_page
from querywright.gym.wire import Answer

NASTY = "SELECT '</script><script>alert(1)</script>' AS \"größe\", '日本 \u2028 & {{title}} 😀' AS b"


def episodes() -> list[EpisodeLog]:
    moves = tuple(
        Move(step, Answer(optimized_query=NASTY, summary="naïve"), 0.5, {"speed": 0.45}, "gut", step == 2, came(2.0))
        for step in (1, 2)
    )
    return [
        EpisodeLog("rules", 0, "in process", observation(), moves),
        EpisodeLog("idle", 0, "in process", observation(), moves[:1]),
    ]


class Page(HTMLParser):
    """What a browser would load and run."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[dict[str, str | None]] = []
        self.elsewhere: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.scripts.append(dict(attrs))
            self.texts.append("")
        self.elsewhere += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        if self.scripts and self.lasttag == "script":
            self.texts[-1] += data


@pytest.fixture
def page() -> Page:
    parsed = Page()
    parsed.feed(replay_page(replay_document(episodes(), "Größe <&> 日本")))
    return parsed


def test_the_page_loads_nothing_from_elsewhere(page: Page) -> None:
    assert not page.elsewhere
    text = replay_page(replay_document(episodes(), "t"))
    assert not re.search(r"https?:|@import|url\(|fetch\(|XMLHttpRequest", text)


def test_the_data_survives_the_page_unchanged(page: Page) -> None:
    assert [script.get("type") for script in page.scripts] == ["application/json", None]
    assert json.loads(page.texts[0]) == replay_document(episodes(), "Größe <&> 日本")


def test_the_document_has_every_step_with_its_difference() -> None:
    document = replay_document(episodes(), "t")
    assert [len(episode["steps"]) for episode in document["episodes"]] == [2, 1]
    step = document["episodes"][0]["steps"][0]
    assert {kind for kind, _ in step["difference"]} == {"removed", "added"}
    assert step["action"]["optimized_query"] == NASTY and step["reward"]["breakdown"] == {"speed": 0.45}


def test_the_title_is_text() -> None:
    text = replay_page(replay_document(episodes(), "<b>&"))
    assert "<title>&lt;b&gt;&amp;</title>" in text


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")
def test_the_script_steps_through(page: Page, tmp_path: Path) -> None:
    """The page's own script on a document that is just enough."""
    browser = """
const made = {};
const node = kind => ({kind, children: [], style: {}, attributes: {}, append(...more) { this.children.push(...more); },
  replaceChildren(...more) { this.children = more; }, setAttribute(name, value) { this.attributes[name] = value; }});
globalThis.Node = Object;
globalThis.document = {getElementById: id => made[id] ??= node(id), createElement: node, addEventListener() {}};
made.data = {textContent: %s};
%s
const seen = [];
for (const press of [() => {}, made.next.onclick, made.next.onclick, made.next.onclick, made.back.onclick]) {
  press(); seen.push([made.place.textContent, made.score.textContent, made.sql.textContent]);
}
console.log(JSON.stringify({seen, steps: made.steps.children.length}));
"""
    script = tmp_path / "page.js"
    script.write_text(browser % (json.dumps(page.texts[0]), page.texts[1]), encoding="utf-8")
    shown = subprocess.run(["node", str(script)], capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(shown.stdout)
    assert said["steps"] == 3
    assert [place for place, _, _ in said["seen"]] == ["1 / 3", "2 / 3", "3 / 3", "3 / 3", "2 / 3"]
    assert all(score == "reward 0.500" and sql == NASTY for _, score, sql in said["seen"])
