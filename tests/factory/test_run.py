"""The loop on real engines: what comes out holds, a kill loses nothing and repeats nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command_line import private_machine
from factory_examples import example

from querywright.errors import RunError
from querywright.factory.checking import check
from querywright.factory.exporting import export
from querywright.factory.folder import STAGES, all_examples, checkpoints, journal_of, read_array, resumed, settle_plan
from querywright.factory.journal import Journal, products
from querywright.factory.loop import _State, run
from querywright.factory.metrics import Metrics
from querywright.factory.quotas import SHARING
from querywright.factory.splits import leaks
from querywright.factory.steering import Steering
from querywright.factory.values import Order, Plan, Product, Try
from querywright.scoring.readability import readability
from querywright.scoring.reward import reward
from querywright.sql.parse import parse_query

QUICK = Plan(engines=("duckdb", "sqlite"), iterations=2, queries=8, threshold=0.0)
"""With the threshold at 0 whatever is faster counts, so that a busy machine finds something as well."""

SCRIPT = """
import sys
from pathlib import Path
from querywright.factory.loop import _State, run
from querywright.factory.values import Plan
plan = Plan(engines=("sqlite",), iterations=3, queries=4, threshold=0.0)
run(plan, Path(sys.argv[1]), lambda _, product: print(product.fate, flush=True))
"""


@pytest.fixture(scope="module", autouse=True)
def machine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        private_machine(patch, tmp_path_factory.mktemp("work"))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(QUICK, folder)
    return folder


def test_every_order_is_in_the_journal_once(made: Path) -> None:
    numbers = [(one.order.engine, one.order.number) for one in products(journal_of(made, 2))]
    assert len(numbers) == len(set(numbers)) >= QUICK.queries * 2
    assert all(one.tries for one in products(journal_of(made, 2)))
    for engine in QUICK.engines:
        assert sorted(number for name, number in numbers if name == engine) == list(
            range(sum(name == engine for name, _ in numbers))
        )


def test_examples_are_verified_scored_and_unique(made: Path) -> None:
    found = list(all_examples(made))
    assert found
    assert len({(one.engine, one.fingerprint) for one in found}) == len(found)
    for one in found:
        solution = one.solution
        assert solution.grade in ("tested", "proved", "bounded")
        reads = readability(parse_query(solution.sql, one.engine)).score
        assert solution.reward == pytest.approx(reward(solution.speedup, reads), abs=2e-3)
        assert one.habits and one.question.endswith(("?", "."))
        assert one.slow != solution.text
        assert all(other.text != solution.text for other in one.rejected)
    assert leaks(found) == []


def test_the_folder_holds_what_the_published_one_holds(made: Path) -> None:
    stage = made / "stage2"
    metrics = json.loads((stage / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["examples"] == len(list(all_examples(made))) == len(list(read_array(stage / "training_data.json")))
    assert metrics["examples"] == len(json.loads((made / "combined" / "training_data.json").read_text(encoding="utf-8")))
    assert metrics["seconds"] == pytest.approx(sum(one.elapsed for one in products(journal_of(made, 2))), abs=1e-3)
    assert metrics["slow_queries_tried"] == sum(metrics["fates"].values())
    assert json.loads((stage / "pool.json").read_text(encoding="utf-8")).keys() <= {
        f"{one.engine}: {one.pattern}" for one in all_examples(made)
    }


def test_what_was_made_holds_when_it_is_run_again(made: Path, tmp_path: Path) -> None:
    exported = export(all_examples(made), tmp_path)
    assert exported.files["prompts.jsonl"] == exported.statistics.total
    written = [tmp_path / f"{name}.jsonl" for name in ("training_data", "validation", "test")]
    for path in written:
        assert not path.stat().st_size or check(path, rows=1000).faults == []
    assert any(path.stat().st_size for path in written)


def test_a_finished_run_makes_nothing_more(made: Path) -> None:
    before = (made / "stage2" / "journal.jsonl").read_bytes()
    assert run(QUICK, made)["examples"] == len(list(all_examples(made)))
    assert (made / "stage2" / "journal.jsonl").read_bytes() == before


def test_a_run_goes_on_after_a_kill_without_loss_or_repetition(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ.copy()) as process:
        assert process.stdout is not None
        for _ in range(6):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    done = list(products(journal_of(tmp_path, 2)))
    assert len(done) >= 6
    deadline = time.monotonic() + 60
    while True:  # the lock is free once the kernel has let go of the killed process
        try:
            run(Plan(engines=("sqlite",), iterations=3, queries=4, threshold=0.0), tmp_path)
            break
        except RunError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    after = list(products(journal_of(tmp_path, 2)))
    assert after[: len(done)] == done
    assert sorted(one.order.number for one in after) == list(range(12))
    assert not [one for one in pairwise(sorted(product.order.number for product in after)) if one[0] == one[1]]


def test_checkpoints_are_kept_every_ten_iterations(tmp_path: Path) -> None:
    plan = Plan(engines=("sqlite",), iterations=10, queries=1)
    run(plan, tmp_path)
    assert checkpoints(tmp_path / "stage2") == [10]


def test_stage_1_keeps_every_solution_of_a_query(tmp_path: Path) -> None:
    plan = Plan(engines=("sqlite",), stage=1, iterations=1, queries=4, threshold=0.0)
    run(plan, tmp_path)
    for product in products(journal_of(tmp_path, 1)):
        for one in product.tries:
            assert len({example.fingerprint for example in one.examples}) <= 1
            assert len({example.solution.text for example in one.examples}) == len(one.examples)


def test_a_run_with_another_plan_is_refused_once_an_order_is_done(tmp_path: Path) -> None:
    settle_plan(tmp_path, Plan(seed=3))
    settle_plan(tmp_path, Plan(seed=1))
    with Journal(journal_of(tmp_path, 2)) as journal:
        journal.add(Product(Order("duckdb", 0, "ecommerce", 1), (Try("no gain"),)))
    assert settle_plan(tmp_path, Plan(seed=1, examples=7)).examples == 7
    with pytest.raises(RunError, match="other seed"):
        settle_plan(tmp_path, Plan(seed=2))


def test_what_is_not_asked_for_is_as_the_run_in_the_folder_has_it(tmp_path: Path) -> None:
    stored = Plan(engines=("sqlite",), stage=1, seed=1, iterations=3, max_cost=0.5)
    settle_plan(tmp_path, stored)
    assert resumed(tmp_path, Plan(), ()) == Plan()
    with Journal(journal_of(tmp_path, 1)) as journal:
        journal.add(Product(Order("sqlite", 0, "ecommerce", 1), (Try("no gain"),)))
    assert resumed(tmp_path, Plan(), ()) == stored
    assert resumed(tmp_path, Plan(seed=2), {"seed"}) == replace(stored, seed=2)
    assert resumed(tmp_path, Plan(seconds=9.0), {"seconds"}) == replace(stored, seconds=9.0, iterations=None)
    assert resumed(tmp_path, Plan(seed=5), {"seed", "stage"}) == Plan(seed=5)


def test_both_stages_together_hold_a_slow_query_of_one_only(tmp_path: Path) -> None:
    made = {1: (example(1), example(1, id="other solution"), example(2)), 2: (example(2, id="again"), example(3))}
    for stage in STAGES:
        settle_plan(tmp_path, Plan(stage=stage))
        with Journal(journal_of(tmp_path, stage)) as journal:
            journal.add(Product(Order("duckdb", 0, "ecommerce", 1), (Try("kept", examples=made[stage]),)))
    assert [one.id for one in all_examples(tmp_path)] == ["example1", "other solution", "example2", "example3"]


def test_metrics_of_nothing_are_zeros() -> None:
    summary = Metrics().summary(0)
    assert summary["examples"] == summary["mean_reward"] == 0 and summary["speedup_range"] == []
    json.dumps(summary, allow_nan=False)


def test_a_slow_query_counts_once_though_an_order_may_make_it_twice() -> None:
    state = _State(steering={"duckdb": Steering()})
    tries = tuple(Try("kept", examples=(example(number),)) for number in (1, 1, 2))
    found = state.admitted(Plan(), Product(Order("duckdb", 0, "ecommerce", 1), tries, "shape"))
    assert [one.fate for one in found.tries] == ["kept", "repeated", "kept"]


def test_fewer_slow_queries_may_share_a_solution_while_too_many_do() -> None:
    state = _State(steering={"duckdb": Steering("duckdb")}, next_number={"duckdb": 0})
    own, shared = (example(number) for number in (1, 2)), [example(number) for number in range(3, 12)]
    sharing = []
    for made in (*own, *(replace(one, solution=replace(one.solution, fingerprint="one for all")) for one in shared)):
        state.note(Product(Order("duckdb", 0, "ecommerce", 1), (Try("kept", examples=(made,)),), "shape"))
        sharing.append(state.order(Plan(), "duckdb").sharing)
    assert sharing[0] == max(SHARING) and sharing[-1] == min(SHARING)


def test_an_engine_that_makes_more_gets_more_of_the_time_but_not_all() -> None:
    state = _State(steering={"duckdb": Steering(), "sqlite": Steering()})
    for number in range(400):
        engine = state.engine(Plan(), "sqlite", [])
        kept = engine == "sqlite" or number % 10 == 0
        tries = (Try("kept" if kept else "no gain", examples=(example(number, engine),) if kept else ()),)
        state.note(Product(Order(engine, number, "ecommerce", 1), tries, "shape", cpu_s=2.0))
    spent = state.metrics.cpu_s
    assert 0.1 * sum(spent.values()) < spent["duckdb"] < 0.3 * sum(spent.values())
    assert state.engine(Plan(proposers=("model",)), "duckdb", []) == "duckdb"
