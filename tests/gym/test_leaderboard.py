"""The leaderboard outlives its process, and any number of processes may write to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from querywright.errors import DatabaseError
from querywright.gym.leaderboard import Leaderboard
from querywright.gym.values import Examination, Reward

WRITER = """
import sys
from pathlib import Path
from querywright.gym.leaderboard import Leaderboard
from querywright.gym.values import Examination, Reward
board, number = Leaderboard(Path(sys.argv[1])), int(sys.argv[2])
for step in range(50):
    score = (number * 50 + step) / 1000
    board.record("task", Examination("task", f"q{number} {step}", match=step % 2 == 0, speedup=1 + score), Reward(score, (), ""))
"""


def record(board: Leaderboard, score: float, speedup: float, match: bool = True, sql: str = "SELECT 1") -> None:
    board.record("task", Examination("task", sql, match=match, speedup=speedup), Reward(score, (), ""))


def test_the_best_verified_answer_stays_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "board.sqlite"
    record(Leaderboard(path), 0.9, 3.0, sql="best")
    record(Leaderboard(path), 0.4, 5.0, sql="faster, but clumsy")
    record(Leaderboard(path), 1.0, 9.0, match=False, sql="wrong")
    [standing] = Leaderboard(path).standings()
    assert (standing.attempts, standing.correct, standing.best_score, standing.best_speedup) == (3, 2, 0.9, 5.0)
    assert standing.best_sql == "best" and standing.best_at is not None
    assert standing.success_rate == pytest.approx(2 / 3)


def test_the_first_of_equal_scores_keeps_its_place(tmp_path: Path) -> None:
    board = Leaderboard(tmp_path / "board.sqlite")
    record(board, 0.5, 2.0, sql="first")
    record(board, 0.5, 2.0, sql="second")
    assert [standing.best_sql for standing in board.standings()] == ["first"]


def test_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "board.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, path, str(number)]) for number in range(4)]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    [standing] = Leaderboard(path).standings()
    assert (standing.attempts, standing.correct) == (200, 100)
    assert (standing.best_score, standing.best_sql) == (0.198, "q3 48")


def test_a_file_that_is_no_leaderboard_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "board.sqlite"
    path.write_text("this is no database, it is a text of some length" * 20)
    with pytest.raises(DatabaseError, match="cannot be used"):
        Leaderboard(path)
