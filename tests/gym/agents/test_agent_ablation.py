"""Ablation: masks over what was examined once."""

from __future__ import annotations

import pytest

from querywright.gym.evaluation.ablation import Examined, ablate, document, masks, table
from querywright.gym.rewards.driver import profiles
from querywright.gym.tasks import driver
from querywright.gym.values import Examination
from querywright.gym.wire import Answer, Suggestion

TASK = "task_1_basic_antipatterns"


def examined(agent: str, episode: int, speedup: float, match: bool = True, words: bool = True) -> Examined:
    task = driver.find_task(TASK)
    answer = Answer(
        optimized_query="SELECT 1",
        suggestions=tuple(Suggestion(issue_type=label, severity="high") for label in task.issues) if words else (),
        summary="x" * 200 if words else "",
    )
    found = Examination(task.id, "SELECT 1", match=match, speedup=speedup, rows=26, original_rows=26)
    return Examined(agent, episode, task, answer, found)


@pytest.mark.parametrize("profile", ["source", "verified"])
def test_each_component_is_left_out_in_turn(profile: str) -> None:
    components = profiles()[profile].COMPONENTS
    chosen = masks(components)
    assert chosen["full"] == frozenset()
    assert [chosen[f"without {name}"] for name in components] == [frozenset({name}) for name in components]
    kept = set(components) - chosen["execution only"]
    assert kept == {"correctness", "speedup" if profile == "source" else "speed"}


def test_the_published_reward_has_eight_masks() -> None:
    assert len(masks(profiles()["source"].COMPONENTS)) == 8


def test_a_mask_takes_its_component_away_and_nothing_else() -> None:
    rewards = profiles()["source"]
    found = ablate([examined("rules", 1, 20.0)], rewards.COMPONENTS, rewards.score)
    full = found.scores["full"]["rules"]
    assert full == pytest.approx(1.0)
    assert found.scores["without speedup"]["rules"] == pytest.approx(full - 0.35)
    assert found.scores["without correctness"]["rules"] == pytest.approx(full - 0.20)
    assert found.scores["execution only"]["rules"] == pytest.approx(0.55)


def test_under_the_default_rewards_words_without_a_gain_are_worth_nothing() -> None:
    rewards = profiles()["verified"]
    found = ablate([examined("words", 1, 1.0), examined("wrong", 2, 0.0, match=False)], rewards.COMPONENTS, rewards.score)
    assert found.scores["full"] == {"words": 0.05, "wrong": 0.0}
    assert found.scores["without issues"] == found.scores["full"]


def test_an_episode_counts_with_its_best_answer_under_each_mask() -> None:
    rewards = profiles()["source"]
    steps = [examined("rules", 1, 1.0), examined("rules", 1, 20.0, words=False), examined("rules", 2, 1.0, words=False)]
    found = ablate(steps, rewards.COMPONENTS, rewards.score)
    assert (found.answers, found.episodes) == (3, 2)
    assert found.scores["execution only"]["rules"] == pytest.approx((0.55 + 0.24) / 2)


def test_the_table_and_the_document_say_the_same() -> None:
    rewards = profiles()["source"]
    found = ablate([examined("rules", 1, 20.0), examined("idle", 2, 1.0)], rewards.COMPONENTS, rewards.score)
    shown, plain = table(found), document(found)
    assert shown.count("\n") == 9 and "| -0.350" in shown
    assert plain["masks"]["without speedup"]["left_out"] == ["speedup"]
    assert plain["masks"]["full"]["scores"]["rules"] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no answers"):
        ablate([], rewards.COMPONENTS, rewards.score)
