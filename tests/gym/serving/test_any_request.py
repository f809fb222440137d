"""Whatever JSON comes, the server answers it or says what is wrong with it; it never fails."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

TASK = "task_1_basic_antipatterns"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["task_id", "episode_id", "seed", "split", "index", "action", "optimized_query", "suggestions", "summary", "approved"]
)
almost_right = st.fixed_dictionaries(
    {},
    optional={
        "task_id": st.just(TASK) | anything,
        "optimized_query": st.text(max_size=50) | anything,
        "suggestions": st.lists(st.fixed_dictionaries({"issue_type": st.text(max_size=10) | anything}), max_size=2),
        "seed": st.integers(-1, 5),
        "split": st.sampled_from(["train", "test", "other"]),
        "index": st.integers(-1, 20),
    },
)
bodies = st.dictionaries(names, anything, max_size=5) | almost_right | anything | almost_right.map(lambda body: {"action": body})


@hypothesis_settings(max_examples=150)
@given(path=st.sampled_from(["/reset", "/step", "/grader", "/execute"]), body=bodies)
def test_any_body_is_answered_or_refused(address: str, path: str, body: object) -> None:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
    connection.request("POST", path, json.dumps(body))
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    assert answer.status in (200, 400, 404, 409, 422, 429), (answer.status, content)
    assert answer.status == 200 or content["detail"]
