"""The contract of every search mode, proved on scripted searches and on random ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts import FOLDER, MODES, Proposed, Script, name_of, play, ratio_of, read

from querywright.judge import ACCEPTED
from querywright.search.examples import STRATEGIES
from querywright.search.protocol import Budget, IterationEnded, IterationStarted, Judged
from querywright.transforms.protocol import FAMILIES
from querywright.values import Attempt

SCRIPTS = sorted(FOLDER.glob("*.jsonl"))
NAMES = "abcdefgh"


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Queries that are rewritten to one another in any way, judged in any way."""
    judgements: dict[str, Proposed] = {}
    for name in NAMES:
        grade = draw(st.sampled_from(["proved", "bounded", "tested", "vacuous", "refuted", "unknown"]))
        timed = grade in ACCEPTED and draw(st.booleans())
        judgements[name] = {"name": name, "grade": grade, "ratio": draw(st.floats(0.1, 5.0)) if timed else None}
        judgements[name]["transform"] = draw(st.sampled_from(FAMILIES))
        judgements[name]["premises"] = ["t"] if draw(st.booleans()) and draw(st.booleans()) else []
    subsets = st.lists(st.sampled_from(NAMES), max_size=4)
    positions = {name: [judgements[proposed] for proposed in draw(subsets)] for name in ("original", *NAMES)}
    everything = [judgements[name] for name in NAMES]
    budget = Budget(
        iterations=draw(st.integers(1, 5)),
        target=draw(st.sampled_from([1.5, 3.0])),
        early_stop=draw(st.booleans()),
        seconds=draw(st.sampled_from([3.0, 300.0])),
        candidates=draw(st.integers(1, 9)),
        beam=draw(st.integers(1, 3)),
        seed=draw(st.integers(0, 3)),
        conditional=draw(st.booleans()),
        workers=draw(st.one_of(st.none(), st.integers(1, 7))),
        examples=draw(st.sampled_from(STRATEGIES)),
    )
    numbers = [f"{number}{retry}" for number in range(1, 8) for retry in ("", " retry")]
    words = st.sampled_from([*NAMES, "original", "!a problem"])
    answers = draw(st.one_of(st.none(), st.dictionaries(st.sampled_from(numbers), words)))
    everything.append({"name": "original", "ratio": 1.0})
    return Script({**positions, "": everything}, budget, answers=answers, calls=draw(st.integers(0, 9)))


each_mode = pytest.mark.parametrize("mode", sorted(MODES))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path) -> None:
    script = read(path)
    told = play(path.stem.partition("-")[0], script).told()
    assert {key: told[key] for key in script.expect} == script.expect, script.title


@each_mode
def test_each_mode_has_scripts(mode: str) -> None:
    assert any(path.stem.startswith(f"{mode}-") for path in SCRIPTS), f"write tests/fixtures/search/{mode}-….jsonl"


@each_mode
@given(script=scripts())
def test_same_seed_same_search(mode: str, script: Script) -> None:
    first, second = play(mode, script), play(mode, script)
    assert (first.told(), first.attempts, first.expanded) == (second.told(), second.attempts, second.expanded)


@each_mode
@given(script=scripts())
def test_nothing_is_judged_twice_or_beyond_the_budget(mode: str, script: Script) -> None:
    played = play(mode, script)
    judged = played.sampled + played.judged
    assert len(set(played.judged)) == len(played.judged) and len(set(played.sampled)) == len(played.sampled)
    spare = mode == "swarm"  # the best on the sample is judged on the full data whatever is left
    assert len(judged) <= min(script.budget.candidates, script.budget.seconds) + spare
    assert "original" not in judged
    attempts = [name_of(attempt) for attempt in played.attempts]
    if mode == "swarm":  # generations of a model that wrote the same query share its judgement
        assert set(judged) == set(attempts) and len(judged) <= len(attempts)
    else:
        assert sorted(judged) == sorted(attempts)


@each_mode
@given(script=scripts())
def test_only_verified_attempts_are_best(mode: str, script: Script) -> None:
    for event in play(mode, script).events:
        if not isinstance(event, IterationEnded):
            continue
        for attempt in (event.best, event.best_so_far.attempt):
            if attempt is not None:
                assert attempt.verdict.grade in ACCEPTED
                assert attempt.timing is not None and attempt.timing.phase != "sample"
                assert script.budget.conditional or not attempt.verdict.premises


@given(script=scripts())
def test_an_iteration_starts_from_the_best_so_far(script: Script) -> None:
    best: Attempt | None = None
    for event in play("iterative", script).events:
        if isinstance(event, IterationStarted):
            assert event.positions[0].attempt == best
        elif isinstance(event, IterationEnded):
            for attempt in event.attempts:
                agreed = script.budget.conditional or not attempt.verdict.premises
                if attempt.timing is not None and agreed and ratio_of(attempt) > max(1.05, ratio_of(best)):
                    best = attempt
            assert event.best_so_far.attempt == best


@each_mode
@given(script=scripts(), interrupted=st.integers(1, 8))
def test_a_resumed_search_goes_on_as_if_never_interrupted(mode: str, script: Script, interrupted: int) -> None:
    script = replace(script, budget=replace(script.budget, seconds=300.0))
    whole = play(mode, script)
    first = play(mode, script, attempts=interrupted)
    resumed = play(mode, script, done=[event for event in first.events if isinstance(event, Judged)])
    assert resumed.attempts == whole.attempts
    assert resumed.judged == whole.judged[len(first.judged) :]
    assert not set(first.sampled) & set(resumed.sampled)


@given(script=scripts(), lost=st.sets(st.integers(1, 20)))
def test_a_swarm_resumes_whichever_generations_were_complete(script: Script, lost: set[int]) -> None:
    script = replace(script, budget=replace(script.budget, seconds=300.0), answers=None)
    whole = play("swarm", script)
    kept = [event for event in whole.events if isinstance(event, Judged) and event.iteration not in lost]
    resumed = play("swarm", script, done=kept)
    assert resumed.attempts == whole.attempts
    assert len(resumed.sampled) + len({event.iteration for event in kept}) == len(whole.sampled)


@each_mode
@given(script=scripts())
def test_single_parallel_and_swarm_rewrite_the_original(mode: str, script: Script) -> None:
    for attempt in play(mode, script).attempts:
        assert mode == "iterative" or attempt.candidate.parent == "original"
