"""Results as Markdown, which also reads well on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from querywright.gym.evaluation.chart import grouped_bars
from querywright.gym.evaluation.episodes import EpisodeLog
from querywright.gym.evaluation.intervals import Interval
from querywright.gym.evaluation.summary import AgentRow, TaskRow, agent_rows, task_rows

NOTE = "Scores are the best of an episode; in brackets 95 % bootstrap intervals over seeds; speedups are geometric means."


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are aligned in plain text as well."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (headers, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(headers))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def agents_table(episodes: Sequence[EpisodeLog]) -> str:
    """A line for each agent."""
    headers = ("agent", "tasks", "episodes", "score", "speedup", "correct", "s/step", "cut short")
    return markdown_table(headers, [_agent(row) for row in agent_rows(episodes)])


def tasks_table(episodes: Sequence[EpisodeLog]) -> str:
    """A line for each task with the agents side by side, and with two agents the difference of their scores."""
    rows = task_rows(episodes)
    agents = list(dict.fromkeys(episode.agent for episode in episodes))
    headers = ["task", "difficulty"]
    for agent in agents:
        headers += [f"{agent}: score", "speedup", "correct"]
    if len(agents) == 2:
        headers.append("difference")
    return markdown_table(headers, [_task(row, agents) for row in rows])


def chart(episodes: Sequence[EpisodeLog], title: str) -> str:
    """Scores as grouped bars, a group for each task."""
    rows = task_rows(episodes)
    agents = list(dict.fromkeys(episode.agent for episode in episodes))
    series: dict[str, list[Interval | None]] = {
        agent: [row.cells[agent].score if agent in row.cells else None for row in rows] for agent in agents
    }
    return grouped_bars(title, [row.title or row.task for row in rows], series)


def _agent(row: AgentRow) -> tuple[str, ...]:
    return (
        row.agent,
        str(row.tasks),
        str(row.episodes),
        str(row.score),
        f"{row.speedup:.2f}x",
        f"{row.correct:.0%}",
        f"{row.seconds:.2f}",
        str(row.failures),
    )


def _task(row: TaskRow, agents: Sequence[str]) -> tuple[str, ...]:
    cells = [row.task, row.difficulty]
    for agent in agents:
        cell = row.cells.get(agent)
        cells += [str(cell.score), f"{cell.speedup:.2f}x", f"{cell.correct:.0%}"] if cell else ["", "", ""]
    if len(agents) == 2:
        first, second = (row.cells.get(agent) for agent in agents)
        cells.append(f"{second.score.mean - first.score.mean:+.3f}" if first and second else "")
    return tuple(cells)
