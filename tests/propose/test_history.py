"""What was tried before, as the next prompt and ``history.txt`` tell it."""

from __future__ import annotations

from pathlib import Path

from prompt_requests import attempt
from stored_runs import FIRST, SECOND, WRONG, interrupted_run
from stored_runs import attempt as stored

from querywright.propose.history import OTHERS, PREVIOUS, Round, challenge, history, tries_of_model


def test_the_history_of_two_iterations() -> None:
    rounds = (Round(1, (WRONG, FIRST), FIRST), Round(2, (SECOND,), SECOND))
    assert (
        history(rounds, "iteration", PREVIOUS)
        == """\
## Previous Iterations

### Iteration 1: 1.45x speedup ✓
**Transform:** decorrelate
**Key changes:**
- decorrelate at node_0
**Benchmark:** 12431ms → 8573ms (-3858ms)
**Rows compared:** 42 (tested)
**Other tries:**
- or_to_union: not equal: A row is missing.

### Iteration 2: 1.72x speedup ✓ (improvement: +0.27x)
**Transform:** decorrelate + pushdown + date_cte_isolate
**Key changes:**
- decorrelate at node_0
- pushdown at node_1
- date_cte_isolate at node_2
**Benchmark:** 12431ms → 7227ms (-5204ms)
**Rows compared:** 42 (tested)
**SQL State:**
```sql
SELECT 1 AS second
```"""
    )
    assert challenge(1.72, 2.0).endswith("**Gap:** 0.28x (need 16% more improvement)")
    assert "Gap" not in challenge(2.5, 2.0)


def test_slower_and_failed_rounds_are_told() -> None:
    slower = stored("slower", "inline_cte", ratio=0.8)
    wrong = stored("wrong", "pushdown", failure="A row is missing.")
    tries = tuple(stored(f"try_{n}", "pushdown", failure="no") for n in range(10))
    told = history((Round(1, (slower,), slower), Round(2, (wrong, *tries), wrong), Round(3, (), None)), "worker", OTHERS)
    assert told.startswith("## The Other Workers")
    assert "### Worker 1: 0.80x speedup ✗ (no improvement on 1.00x)" in told
    assert "### Worker 2: failed ✗\n**Transform:** pushdown" in told
    assert "**Failure:** not equal: A row is missing." in told
    assert "- and 2 more" in told
    assert "### Worker 3: failed ✗\nNothing could be tried." in told
    assert history((), "iteration", PREVIOUS) == ""


def test_of_many_rounds_the_last_are_told_and_the_fastest() -> None:
    rounds = [Round(n, (one,), one) for n in range(1, 21) for one in [stored(f"c{n}", "pushdown", ratio=3.0 if n == 2 else 1.1)]]
    told = history(rounds, "try", PREVIOUS)
    assert [line.split()[2] for line in told.splitlines() if line.startswith("### ")] == ["2:", *(f"{n}:" for n in range(13, 21))]
    assert told.count("```sql") == 2


def test_a_model_is_told_of_its_own_tries_in_order() -> None:
    rules, first, second = attempt("SELECT 1", proposer="rules"), attempt("SELECT 2"), attempt("SELECT 3")
    assert tries_of_model((first, rules, second)) == [Round(1, (first,), first), Round(2, (second,), second)]


def test_the_first_iteration_has_no_history(tmp_path: Path) -> None:
    run = interrupted_run(tmp_path)
    assert not (run.iteration(1).path / "history.txt").exists()
    assert (run.iteration(2).path / "history.txt").read_text().startswith("## Previous Iterations")
