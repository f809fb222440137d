"""Each agent on its own, and all of them against an examiner that really runs what they submit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from observations import BY_CAST, BY_LOOKUP, came, observation

from querywright.errors import InputError
from querywright.gym.agents.driver import Chosen, agents, find_agent, recruiting
from querywright.gym.agents.protocol import Agent, Setup
from querywright.gym.client import Observation
from querywright.gym.evaluation.playing import play
from querywright.gym.local import LocalGym
from querywright.gym.rewards.verified import FLOOR
from querywright.sql.parse import parse_query

WITHOUT_MODEL = [name for name, module in agents().items() if not module.ASKS_MODEL]
TASKS = ("task_1_basic_antipatterns", "task_4_implicit_join_repaired")


def recruit(name: str, seed: int = 0) -> Agent:
    return find_agent(name).agent(Setup(seed))


def submitted(agent: Agent, count: int, speedup: float = 1.0, sql: str = BY_CAST) -> list[str]:
    """The queries of an agent each of whose answers is equal and has the given speedup."""
    seen: Observation = observation(sql)
    texts = []
    for step in range(1, count + 1):
        texts.append(agent.act(seen).optimized_query)
        seen = observation(sql, step, came(speedup))
    return texts


def test_the_agents_are_those_of_the_folder() -> None:
    assert {"rules", "model", "random", "idle"} <= set(agents())
    with pytest.raises(InputError, match=r"no agent 'ruels'\.\nAgents: idle, model"):
        find_agent("ruels")


@pytest.mark.parametrize("module", agents().values(), ids=agents())
def test_each_module_says_what_it_is(module: object) -> None:
    assert (module.__doc__ or "").strip()


def test_the_rules_rewrite_and_name_what_is_wrong() -> None:
    answer = recruit("rules").act(observation())
    assert "customer_id AS VARCHAR" not in answer.optimized_query and "2024" in answer.optimized_query
    named = {one.issue_type: one for one in answer.suggestions}
    assert {"cast_on_filtered_column", "function_on_filtered_column"} <= set(named)
    assert named["cast_on_filtered_column"].line == 3 and named["function_on_filtered_column"].line == 4
    assert all(one.severity in ("critical", "high", "medium", "low") and one.fix for one in answer.suggestions)
    assert not answer.approved and len(answer.summary) > 50


def test_the_rules_never_submit_a_text_twice_before_they_run_out_and_then_the_best() -> None:
    texts = submitted(recruit("rules"), 8)
    fresh = list(dict.fromkeys(texts))
    assert texts[: len(fresh)] == fresh and len(fresh) > 1
    assert set(texts[len(fresh) - 1 :]) <= {fresh[-1], BY_CAST}, "nothing was faster, so the original is best"


def test_the_rules_keep_what_was_gained() -> None:
    agent = recruit("rules")
    first = agent.act(observation()).optimized_query
    texts = [agent.act(observation(step=1, last=came(3.0))).optimized_query]
    texts += [agent.act(observation(step=step, last=came(0.5))).optimized_query for step in range(2, 9)]
    assert texts[-1] == first


def test_the_rules_do_not_build_on_what_was_wrong() -> None:
    agent = recruit("rules")
    agent.act(observation())
    texts = [agent.act(observation(step=step, last=came(9.0, match=False))).optimized_query for step in range(1, 9)]
    assert texts[-1] == BY_CAST


def test_columns_without_a_name_keep_the_one_that_the_engine_gives_them() -> None:
    sql = "SELECT customer_id, count(*), max(total) + 1 FROM orders WHERE CAST(customer_id AS VARCHAR) = '5' GROUP BY customer_id"
    answer = recruit("rules").act(observation(sql))
    assert "_col_" not in answer.optimized_query and answer.optimized_query != sql
    tree = parse_query(answer.optimized_query, "duckdb")
    assert [column.alias for column in tree.selects[1:]] in (["", ""], ["count_star()", "(max(total) + 1)"])


def test_chance_is_seeded() -> None:
    runs = [submitted(recruit("random", seed), 4, sql=BY_LOOKUP) for seed in (1, 1, 2, 3, 4)]
    assert runs[0] == runs[1]
    assert len({tuple(run) for run in runs}) > 1


def test_an_observation_that_cannot_be_read_is_refused_with_what_is_expected() -> None:
    seen = observation()
    with pytest.raises(InputError, match="schema_info cannot be read at: CREATE"):
        recruit("rules").act(
            Observation.read({"task_id": "t", "sql_query": seen.sql_query, "schema_info": "CREATE TABLE t (a INT)"})
        )


@pytest.mark.parametrize("name", WITHOUT_MODEL)
@pytest.mark.parametrize("task", TASKS)
def test_whatever_the_agents_submit_is_correct(name: str, task: str, gym: LocalGym) -> None:
    with recruiting(Chosen(name)) as make:
        episode = play(gym, make(0), task, name=name)
    assert episode.moves and not episode.failure
    for move in episode.moves:
        assert move.execution.results_match, (move.answer.optimized_query, move.execution)
        assert move.score > 0
    assert episode.moves[-1].done and [move.step for move in episode.moves] == list(range(1, len(episode.moves) + 1))


def test_doing_nothing_earns_the_floor(gym: LocalGym) -> None:
    episode = play(gym, recruit("idle"), TASKS[0], name="idle")
    assert [move.score for move in episode.moves] == [FLOOR] * episode.opening.max_steps
    assert episode.score == FLOOR and episode.correct and episode.speedup == 1.0


def test_the_rules_find_the_labeled_problems(gym: LocalGym) -> None:
    episode = play(gym, recruit("rules"), TASKS[1], name="rules", steps=1)
    assert {"implicit_cross_join", "redundant_distinct_aggregate"} <= {
        one.issue_type for one in episode.moves[0].answer.suggestions
    }


def test_the_rules_play_on_sqlite_too() -> None:
    schema = "Table: people (9 rows)\n  id INTEGER NOT NULL, boss INTEGER, pay REAL\n  unique: (id)"
    sql = "SELECT p.id, (SELECT count(*) FROM people q WHERE q.boss = p.id), max(p.pay, 0) FROM people p"
    answer = recruit("rules").act(replace(observation(sql), schema_info=schema, dialect="sqlite"))
    assert answer.optimized_query != sql and "_col_" not in answer.optimized_query
    parse_query(answer.optimized_query, "sqlite")
