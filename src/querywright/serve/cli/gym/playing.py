"""Plays episodes for the commands of ``qw gym`` and prints or writes what came of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from querywright.chat.options import ChatOptions
from querywright.errors import ChatError, InputError
from querywright.gym.agents.driver import Chosen, recruiting
from querywright.gym.client import Environment
from querywright.gym.evaluation import ablation, comparison, summary, tables
from querywright.gym.evaluation.episodes import LOG, EpisodeLog, by_agent, log_line, read_log
from querywright.gym.evaluation.inference_lines import end_line, start_line, step_line
from querywright.gym.evaluation.playing import play, play_all
from querywright.gym.evaluation.replay import replay_document, replay_page
from querywright.gym.opening import open_environment
from querywright.runs.files import append_line, write_json, write_text
from querywright.serve.cli.gym.choosing import Selection, chosen_agent, named_agents


def baseline(agents: Sequence[Chosen], chosen: Selection, profile: str, url: str | None, out: Path | None, as_json: bool) -> int:
    """Play, print a table and keep the rest; returns the exit code."""
    with open_environment(profile, url) as environment:
        episodes = _played(environment, agents, chosen, out)
    document = {"profile": profile if url is None else "", **summary.document(episodes)}
    texts = [tables.agents_table(episodes), tables.tasks_table(episodes), tables.NOTE]
    if out is not None:
        write_json(out / "baseline.json", document)
        write_text(out / "baseline.md", "\n\n".join(["# Baseline", f"Measured: {episodes[0].environment}.", *texts]) + "\n")
        write_text(out / "baseline.svg", tables.chart(episodes, "Score by task"))
    print(json.dumps(document, indent=2) if as_json else "\n\n".join(texts))
    _console().print(f"Written to {out}." if out else "Keep log, JSON and chart with: --out FOLDER", markup=False)
    return 0


def infer(agent: str, chat: ChatOptions, chosen: Selection, profile: str, url: str | None) -> int:
    """Play and print the lines of the protocol as things happen; returns the exit code."""
    who = chosen_agent(agent, chat)
    name = who.chat.model or who.name if who.asks_model else who.name
    seen: list[EpisodeLog] = []

    def watch(episode: EpisodeLog) -> None:
        seen.append(episode)
        print(step_line(episode.moves[-1]) if episode.moves else start_line(episode), flush=True)

    with open_environment(profile, url) as environment, recruiting(who) as recruit:
        for task in chosen.ids(environment):
            seed = chosen.first_seed
            try:
                episode = play(environment, recruit(seed), task, name=name, seed=seed, steps=chosen.steps, watch=watch)
            except ChatError:
                if seen and seen[-1].opening.task_id == task:
                    print(end_line(seen[-1]), flush=True)  # who evaluates waits for it
                raise
            if episode.failure:
                _console().print(f"{task} was cut short: {episode.failure}", markup=False)
            print(end_line(episode), flush=True)
    return 0


def ablate(agents: str, chosen: Selection, profile: str, out: Path | None, as_json: bool) -> int:
    """Play with every answer examined once, then grade under all masks; returns the exit code."""
    from querywright.gym.local import local_gym
    from querywright.gym.rewards.driver import profiles

    examined: list[ablation.Examined] = []
    playing: list[EpisodeLog] = []
    with ExitStack() as stack:
        environment = stack.enter_context(
            local_gym(
                profile,
                lambda answer, result: examined.append(
                    ablation.Examined(playing[-1].agent, len(playing), result.task, answer, result.examination)
                ),
            )
        )
        recruits = {one.label: stack.enter_context(recruiting(one)) for one in named_agents(agents, ChatOptions())}

        def watch(episode: EpisodeLog) -> None:
            if not episode.moves:
                playing.append(episode)

        for episode in play_all(
            environment, recruits, chosen.ids(environment), chosen.numbers(), steps=chosen.steps, watch=watch
        ):
            _report(episode)
    if not examined:
        raise InputError("No answer could be examined.", "See the messages above.")
    rewards = profiles()[profile]
    found = ablation.ablate(examined, rewards.COMPONENTS, rewards.score)
    document = {"profile": profile, **ablation.document(found)}
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_json(out, document)
    print(json.dumps(document, indent=2) if as_json else ablation.table(found))
    _console().print(
        f"{found.answers} answers of {found.episodes} episodes, each examined once and graded {len(found.masks)} times.",
        markup=False,
    )
    return 0


def replay(log: Path | None, out: Path, agent: str, chosen: Selection, profile: str, title: str) -> int:
    """Write the page and its data; returns the exit code."""
    if log is not None:
        episodes = list(read_log(log))
    else:
        with open_environment(profile) as environment:
            episodes = _played(environment, (chosen_agent(agent, ChatOptions()),), chosen, None)
    document = replay_document(episodes, title)
    data = out.with_suffix(".json")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(data, document)
    write_text(out, replay_page(document))
    steps = sum(len(episode.moves) for episode in episodes)
    print(f"{out}: {steps} steps of {len(episodes)} episodes; data: {data}")
    return 0


def evaluate(
    before: str, after: str, chat: ChatOptions, chosen: Selection, profile: str, url: str | None, out: Path, as_json: bool
) -> int:
    """Play both sides, or read their logs, and write the comparison; returns the exit code."""
    recorded = {side: _recorded(side) for side in (before, after) if Path(side.partition("#")[0]).exists()}
    wanted = [chosen_agent(side, chat) for side in (before, after) if side not in recorded]
    played: Mapping[str, Sequence[EpisodeLog]] = {}
    if wanted:
        with open_environment(profile, url) as environment:
            played = by_agent(_played(environment, list(dict.fromkeys(wanted)), chosen, out))
    sides = [recorded[side] if side in recorded else played[chosen_agent(side, chat).label] for side in (before, after)]
    found = comparison.compare(*sides)
    document = {"profile": profile if url is None else "", **comparison.document(found)}
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "evaluation.json", document)
    write_text(out / "evaluation.svg", comparison.comparison_chart(found))
    write_text(out / "evaluation.md", comparison.report(found, "evaluation.svg"))
    shown = "\n\n".join([found.conclusion, tables.agents_table(found.episodes), tables.tasks_table(found.episodes)])
    print(json.dumps(document, indent=2) if as_json else shown)
    _console().print(f"Written to {out}.", markup=False)
    return 0 if found.gain.low is not None and found.gain.low > 0 else 3


def _recorded(text: str) -> Sequence[EpisodeLog]:
    """The episodes of one agent: those of a log, or ``LOG#AGENT`` where it has several."""
    path, _, agent = text.partition("#")
    found = by_agent(read_log(Path(path)))
    if agent not in found and (agent or len(found) > 1):
        said = f"has none of {agent}" if agent else "holds several agents"
        raise InputError(f"{path} {said}.", f"Name one: {' or '.join(f'{path}#{name}' for name in found)}")
    return found[agent] if agent else next(iter(found.values()))


def _played(environment: Environment, agents: Sequence[Chosen], chosen: Selection, out: Path | None) -> list[EpisodeLog]:
    """All episodes; those that the log in ``out`` holds already are not played again."""
    log = out / LOG if out is not None else None
    episodes = list(read_log(log)) if log is not None and log.is_file() else []
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        recruits = {one.label: stack.enter_context(recruiting(one, _exchanges(out, one))) for one in agents}
        known = {episode.key for episode in episodes}
        ids = chosen.ids(environment)
        for episode in play_all(environment, recruits, ids, chosen.numbers(), steps=chosen.steps, done=known):
            _report(episode)
            episodes.append(episode)
            if log is not None:
                append_line(log, log_line(episode))
    wanted = {(name, task, seed) for name in recruits for task in ids for seed in chosen.numbers()}
    return [episode for episode in episodes if episode.key in wanted]


def _exchanges(out: Path | None, agent: Chosen) -> Path | None:
    """The file of an agent's exchanges with its model, one of its own: all use the same keys."""
    return out / f"exchanges_{re.sub(r'[^a-zA-Z0-9.-]+', '_', agent.label)}.jsonl" if out is not None else None


def _report(episode: EpisodeLog) -> None:
    came = f"{episode.score:.3f}, {episode.speedup:.2f}x, {'correct' if episode.correct else 'not correct'}"
    ending = f"; cut short: {episode.failure}" if episode.failure else ""
    steps = f"{len(episode.moves)} steps"
    _console().print(f"{episode.agent} on {episode.opening.task_id}, seed {episode.seed}: {came}, {steps}{ending}", markup=False)


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)
