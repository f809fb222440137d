from __future__ import annotations

from stored_runs import FIRST, SECOND

from querywright.runs.iteration import Iteration
from querywright.runs.progression import convergence, transform_stack


def test_convergence_names_each_gain() -> None:
    steps = (
        Iteration(1, "", (FIRST,), FIRST, True),
        Iteration(2, "", (SECOND,), SECOND, True),
        Iteration(3, "", (FIRST,), FIRST, True),
        Iteration(4, "", (), None, True),
    )
    assert convergence(steps).splitlines()[2:] == [
        "Iteration 1: 1.45x (+0.45x, +45%)",
        "Iteration 2: 1.72x (+0.27x, +19%)",
        "Iteration 3: 1.45x (no improvement on 1.72x)",
        "Iteration 4: nothing was timed, best stays 1.72x",
        "",
        "Best: 1.72x after 4 iterations, +0.18x an iteration",
    ]


def test_a_stack_is_the_steps_from_the_original() -> None:
    assert transform_stack(SECOND) == ["decorrelate", "pushdown", "date_cte_isolate"]
    assert transform_stack(None) == []
