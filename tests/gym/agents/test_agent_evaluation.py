"""Logs, means with intervals, tables, charts and comparisons of episodes."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observations import came, observation

from querywright.errors import InputError
from querywright.gym.client import TaskEntry
from querywright.gym.evaluation import comparison, summary, tables
from querywright.gym.evaluation.chart import grouped_bars
from querywright.gym.evaluation.episodes import EpisodeLog, Move, log_line, read_log
from querywright.gym.evaluation.inference_lines import end_line, start_line, step_line
from querywright.gym.evaluation.intervals import Interval, interval
from querywright.gym.evaluation.playing import choose
from querywright.gym.wire import Answer, Suggestion

GROUPS = st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=4)


def move(step: int, score: float, speedup: float = 1.0, match: bool = True, error: str = "") -> Move:
    answer = Answer(
        optimized_query=f"SELECT {step},\n  'größer | \"quoted\"' AS «text»",
        suggestions=(Suggestion(issue_type="select_star", line=1, severity="low"),),
        summary="naïve — 日本",
    )
    return Move(step, answer, score, {"speed": score}, "fine", False, came(speedup, match, error), ("select_star",), 0.5)


def episode(agent: str, task: str, scores: list[float], seed: int = 0, speedup: float = 2.0) -> EpisodeLog:
    seen = observation().__class__(**{**_fields(), "task_id": task, "task_name": f"Task {task} <&>"})
    moves = tuple(move(step, score, speedup) for step, score in enumerate(scores, start=1))
    return EpisodeLog(agent, seed, "in process, profile verified", seen, moves)


def _fields() -> dict[str, object]:
    seen = observation()
    return {name: getattr(seen, name) for name in seen.__dataclass_fields__}


def test_an_episode_is_as_good_as_its_best_step() -> None:
    played = episode("rules", "a", [0.1, 0.8, 0.8, 0.3])
    assert played.score == 0.8 and played.best is played.moves[1] and played.correct and played.speedup == 2.0
    assert EpisodeLog("rules", 0, "", observation()).score == 0.0


def test_what_was_wrong_gains_nothing() -> None:
    wrong = EpisodeLog("rules", 0, "", observation(), (move(1, 0.0, 9.0, match=False),))
    assert not wrong.correct and wrong.speedup == 1.0


def test_a_log_is_read_back_as_it_was(tmp_path: Path) -> None:
    written = [episode("rules", "a", [0.1, 0.8]), episode("idle", "b", [0.05], seed=3)]
    (tmp_path / "episodes.jsonl").write_text("".join(log_line(one) + "\n" for one in written), encoding="utf-8")
    assert list(read_log(tmp_path)) == written == list(read_log(tmp_path / "episodes.jsonl"))


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no log"), ("{}\n", "not a log"), ("", "holds no episode"), ("x\n", "not a log")]
)
def test_what_is_no_log_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "episodes.jsonl").write_text(content)
    with pytest.raises(InputError, match=rf"{message}[^\n]*\n.*qw gym baseline --out"):
        read_log(tmp_path)


@settings(max_examples=20)
@given(GROUPS, st.sampled_from(["seeds", "tasks"]))
def test_an_interval_holds_the_mean_and_is_always_the_same(groups: list[list[float]], over: str) -> None:
    found = interval(groups, over)  # type: ignore[arg-type]
    assert found == interval(groups, over)  # type: ignore[arg-type]
    assert found.mean == pytest.approx(fmean(map(fmean, groups)))
    if found.low is not None and found.high is not None:
        assert min(map(min, groups)) - 1e-9 <= found.low <= found.high <= max(map(max, groups)) + 1e-9


def test_one_value_has_no_interval() -> None:
    assert interval([[0.5], [0.7]]) == Interval(pytest.approx(0.6))
    assert interval([[0.5, 0.7]], "tasks").low is None
    assert interval([[0.5], [0.7]], "tasks").low == 0.5
    assert str(interval([[0.5, 0.5]])) == "0.500 [0.500, 0.500]"
    with pytest.raises(ValueError, match="no values"):
        interval([])


def test_tables_put_agents_side_by_side() -> None:
    played = [episode("rules", "a", [0.9]), episode("idle", "a", [0.05], speedup=1.0), episode("rules", "b", [0.5], speedup=8.0)]
    [rules, idle] = summary.agent_rows(played)
    assert (rules.tasks, rules.episodes, rules.speedup) == (2, 2, pytest.approx(4.0)) and rules.score.mean == pytest.approx(0.7)
    assert idle.agent == "idle" and idle.correct == 1.0
    assert "-0.850" in tables.tasks_table(played) and tables.tasks_table(played).count("\n") == 3
    document = summary.document(played)
    assert json.loads(json.dumps(document)) == document
    assert document["tasks"][1]["results"] == {
        "rules": {"score": 0.5, "score_low": None, "score_high": None, "speedup": 8.0, "correct": 1.0, "episodes": 1}
    }


def test_a_chart_is_one_picture_without_anything_from_elsewhere() -> None:
    series = {"before <1>": [Interval(0.2), None], "after": [Interval(0.9, 0.8, 0.95), Interval(1.5)]}
    text = grouped_bars("Größer & schneller", ["Task «1»", "b"], series)
    root = ElementTree.fromstring(text)
    bars = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert bars == ["Task «1», before <1>: score 0.200", "Task «1», after: score 0.900 [0.800, 0.950]", "b, after: score 1.500"]
    assert text.count("http") == 1 and len(list(root.iter("{http://www.w3.org/2000/svg}path"))) == 1


def test_a_comparison_pairs_tasks_and_seeds() -> None:
    before = [episode("idle", task, [0.05], seed) for task in "abcd" for seed in (0, 1)]
    after = [episode("rules", task, [0.5 + 0.1 * seed], seed) for task in "abc" for seed in (0, 1, 2)]
    found = comparison.compare(before, after)
    assert len(found.before) == len(found.after) == 6 and (found.better, found.worse) == (6, 0)
    assert found.gain.mean == pytest.approx(0.5) and found.gain.low is not None and found.gain.low > 0.4
    assert found.conclusion.startswith("rules is better: scores differ by +0.500 [")
    document = comparison.document(found)
    assert json.loads(json.dumps(document)) == document and document["pairs"] == 6
    assert "![scores](chart.svg)" in comparison.report(found, "chart.svg")
    ElementTree.fromstring(comparison.comparison_chart(found))


def test_an_agent_against_itself_is_not_clearly_different() -> None:
    same = [episode("rules", task, [0.5]) for task in "ab"]
    found = comparison.compare(same, same)
    assert [one.agent for one in found.episodes] == ["rules (before)"] * 2 + ["rules (after)"] * 2
    assert "not clearly different" in found.conclusion
    assert "one task says nothing" in comparison.compare(same[:1], same[:1]).conclusion


def test_what_has_no_pair_cannot_be_compared() -> None:
    with pytest.raises(InputError, match=r"no task and seed in common\.\nPlay both"):
        comparison.compare([episode("a", "a", [1.0])], [episode("b", "b", [1.0])])


def test_tasks_are_chosen_by_name_split_and_family() -> None:
    known = [TaskEntry(f"t{number}", "", "easy", 3, "train" if number % 2 else "test", "injected") for number in range(10)]
    assert choose(known, ["t3", "t1"]) == ("t3", "t1")
    assert choose(known, split="test", most=2) == ("t0", "t4")
    assert len(choose(known, family="injected")) == 10
    with pytest.raises(InputError, match=r"no task 't99'\.\nTasks begin with: t0"):
        choose(known, ["t99"])
    with pytest.raises(InputError, match="--family injected --split train"):
        choose(known, family="none")


def test_the_lines_of_inference() -> None:
    played = episode("model:small", "a", [0.25, 0.5])
    assert start_line(played) == "[START] task=a env=querywright model=model:small"
    line = step_line(move(2, 0.256, error="line 1:\n no such column"))
    assert line.startswith("[STEP] step=2 action=SELECT 2, 'größer") and "\n" not in line
    assert line.endswith("reward=0.26 done=false error=line 1: no such column")
    assert step_line(played.moves[0]).endswith(" reward=0.25 done=false error=null")
    assert end_line(played) == "[END] success=true steps=2 score=0.50 rewards=0.25,0.50"
