"""Before and after: two agents on the same tasks with the same seeds, compared pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from querywright.errors import InputError
from querywright.gym.evaluation import summary
from querywright.gym.evaluation.chart import grouped_bars
from querywright.gym.evaluation.episodes import EpisodeLog
from querywright.gym.evaluation.intervals import Interval, interval
from querywright.gym.evaluation.summary import task_rows
from querywright.gym.evaluation.tables import agents_table, tasks_table


@dataclass(frozen=True)
class Comparison:
    """Episodes of both sides, paired by task and seed; ``gain`` is the mean difference of scores, for tasks of this kind."""

    before: tuple[EpisodeLog, ...]
    after: tuple[EpisodeLog, ...]
    gain: Interval
    better: int
    worse: int

    @property
    def episodes(self) -> tuple[EpisodeLog, ...]:
        """All of them, before first."""
        return (*self.before, *self.after)

    @property
    def conclusion(self) -> str:
        """One sentence."""
        pairs = f"{len(self.before)} pairs: {self.better} better, {self.worse} worse"
        if self.gain.low is None or self.gain.high is None:
            return f"Scores differ by {self.gain.mean:+.3f} ({pairs}); one task says nothing about others."
        bounds = f"[{self.gain.low:+.3f}, {self.gain.high:+.3f}]"
        sure = "better" if self.gain.low > 0 else "worse" if self.gain.high < 0 else "not clearly different"
        return f"{self.after[0].agent} is {sure}: scores differ by {self.gain.mean:+.3f} {bounds} ({pairs})."


def compare(before: Sequence[EpisodeLog], after: Sequence[EpisodeLog]) -> Comparison:
    """Pair the episodes; those without a partner are left out. Raises `InputError` where none has one."""
    names = {"before": before[0].agent if before else "", "after": after[0].agent if after else ""}
    if names["before"] == names["after"]:
        before = [replace(episode, agent=f"{episode.agent} (before)") for episode in before]
        after = [replace(episode, agent=f"{episode.agent} (after)") for episode in after]
    partners = {episode.key[1:]: episode for episode in after}
    pairs = [(episode, partners[episode.key[1:]]) for episode in before if episode.key[1:] in partners]
    if not pairs:
        raise InputError("The two have no task and seed in common.", "Play both with the same --split, --tasks and --seeds.")
    differences: dict[str, list[float]] = {}
    for first, second in pairs:
        differences.setdefault(first.opening.task_id, []).append(round(second.score - first.score, 6))
    flat = [difference for group in differences.values() for difference in group]
    return Comparison(
        tuple(first for first, _ in pairs),
        tuple(second for _, second in pairs),
        interval(list(differences.values()), over="tasks"),
        sum(difference > 0 for difference in flat),
        sum(difference < 0 for difference in flat),
    )


def document(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain values."""
    gain = comparison.gain
    return {
        "before": comparison.before[0].agent,
        "after": comparison.after[0].agent,
        "pairs": len(comparison.before),
        "better": comparison.better,
        "worse": comparison.worse,
        "gain": {"mean": round(gain.mean, 4), "low": gain.low, "high": gain.high, "error": 0.05},
        "conclusion": comparison.conclusion,
        **summary.document(comparison.episodes),
    }


def report(comparison: Comparison, chart_file: str) -> str:
    """The comparison as a page of Markdown that shows ``chart_file``."""
    return "\n\n".join(
        [
            f"# {comparison.before[0].agent} and {comparison.after[0].agent}",
            comparison.conclusion,
            "The interval of the difference is a 95 % bootstrap interval over tasks and seeds; those of single scores are over"
            " seeds. Scores are the best of an episode, speedups geometric means.",
            agents_table(comparison.episodes),
            tasks_table(comparison.episodes),
            f"![scores]({chart_file})",
            f"Measured: {comparison.before[0].environment}.\n",
        ]
    )


def comparison_chart(comparison: Comparison) -> str:
    """Both agents side by side, on each task and over all of them."""
    rows = task_rows(comparison.episodes)
    names = [comparison.before[0].agent, comparison.after[0].agent]
    means = {row.agent: row.score for row in summary.agent_rows(comparison.episodes)}
    series: dict[str, list[Interval | None]] = {name: [means[name], *(row.cells[name].score for row in rows)] for name in names}
    return grouped_bars("Score before and after", ["all tasks", *(row.title or row.task for row in rows)], series)
