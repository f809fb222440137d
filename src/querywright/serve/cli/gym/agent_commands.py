"""``qw gym baseline``, ``infer``, ``ablate``, ``replay`` and ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querywright.serve.cli.options import MODEL, JsonOption

commands = typer.Typer()

CHOICE = "Which tasks"
TasksOption = Annotated[str | None, typer.Option(help="Ids of tasks, separated by commas.", rich_help_panel=CHOICE)]
SplitOption = Annotated[str | None, typer.Option(help="train, validation or test.", rich_help_panel=CHOICE)]
FamilyOption = Annotated[str | None, typer.Option(help="A family of tasks; see qw gym tasks.", rich_help_panel=CHOICE)]
MostOption = Annotated[int | None, typer.Option(min=1, help="So many of them, spread evenly.", rich_help_panel=CHOICE)]
SeedsOption = Annotated[int, typer.Option(min=1, help="Play each task so many times, with seeds 0, 1, …")]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Most steps of an episode; default: the task's.")]
ProfileOption = Annotated[str, typer.Option(help="Profile of rewards: verified, work or source.")]
UrlOption = Annotated[str | None, typer.Option(help="Play against a server instead of in this process.")]
ModelOption = Annotated[
    str | None, typer.Option(help="Model to ask; default: QUERYWRIGHT_MODEL or MODEL_NAME.", rich_help_panel=MODEL)
]
ProviderOption = Annotated[
    str | None, typer.Option(help="Where it is served: openai, huggingface, ollama, …", rich_help_panel=MODEL)
]
BaseUrlOption = Annotated[
    str | None,
    typer.Option(
        help="Address of an OpenAI-compatible server; default: QUERYWRIGHT_BASE_URL or API_BASE_URL.", rich_help_panel=MODEL
    ),
]
TemperatureOption = Annotated[float | None, typer.Option(help="Sampling temperature.", rich_help_panel=MODEL)]
MaxTokensOption = Annotated[int, typer.Option(help="Most tokens of an answer.", rich_help_panel=MODEL)]
MaxCostOption = Annotated[float | None, typer.Option(help="Most US dollars.", rich_help_panel=MODEL)]
MaxCallsOption = Annotated[int | None, typer.Option(help="Most paid calls.", rich_help_panel=MODEL)]


@commands.command()
def baseline(
    agents: Annotated[
        str | None,
        typer.Option(help="rules, model, random, idle, separated by commas; default: rules, and the model where one is named."),
    ] = None,
    tasks: TasksOption = None,
    split: SplitOption = None,
    family: FamilyOption = None,
    most: MostOption = None,
    seeds: SeedsOption = 1,
    steps: StepsOption = None,
    profile: ProfileOption = "verified",
    url: UrlOption = None,
    out: Annotated[Path | None, typer.Option(help="Folder for log, table, JSON and chart; one that holds a log goes on.")] = None,
    model: ModelOption = None,
    provider: ProviderOption = None,
    base_url: BaseUrlOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = 4096,
    max_cost: MaxCostOption = None,
    max_calls: MaxCallsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Play tasks with agents and show what they earn, side by side; by default the published five with the rules."""
    from querywright.serve.cli.gym import choosing, playing

    chosen = choosing.Selection(tasks, split, family, most, seeds, steps)
    chat = choosing.chat_options(model, provider, base_url, temperature, max_tokens, max_cost, max_calls)
    raise typer.Exit(playing.baseline(choosing.named_agents(agents, chat), chosen, profile, url, out, json_output))


@commands.command()
def infer(
    agent: Annotated[str, typer.Option(help="model, or another agent: rules, random, idle.")] = "model",
    tasks: TasksOption = None,
    split: SplitOption = None,
    family: FamilyOption = None,
    most: MostOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the agent.")] = 0,
    steps: StepsOption = None,
    profile: ProfileOption = "verified",
    url: UrlOption = None,
    model: ModelOption = None,
    provider: ProviderOption = None,
    base_url: BaseUrlOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = 4096,
    max_cost: MaxCostOption = None,
    max_calls: MaxCallsOption = None,
) -> None:
    """Play tasks with a model and print one line for each step: [START], [STEP] and [END], for whoever evaluates.

    The variables HF_TOKEN or API_KEY, API_BASE_URL and MODEL_NAME name the model where no option does.
    """
    from querywright.serve.cli.gym import choosing, playing

    chosen = choosing.Selection(tasks, split, family, most, 1, steps, seed)
    chat = choosing.chat_options(model, provider, base_url, temperature, max_tokens, max_cost, max_calls)
    raise typer.Exit(playing.infer(agent, chat, chosen, profile, url))


@commands.command()
def ablate(
    quick: Annotated[bool, typer.Option("--quick", help="One task, one step: shows that it works.")] = False,
    agents: Annotated[str, typer.Option(help="Agents, separated by commas.")] = "rules,random,idle",
    tasks: TasksOption = None,
    split: SplitOption = None,
    family: FamilyOption = None,
    most: MostOption = None,
    seeds: SeedsOption = 1,
    steps: StepsOption = None,
    profile: ProfileOption = "source",
    out: Annotated[Path | None, typer.Option(help="File for the result as JSON.")] = None,
    json_output: JsonOption = False,
) -> None:
    """Show what each component of the reward contributes: every answer is executed once and graded under each mask."""
    from querywright.serve.cli.gym import choosing, playing

    chosen = choosing.Selection(tasks, split, family, most, seeds, steps)
    raise typer.Exit(playing.ablate(agents, chosen.quick() if quick else chosen, profile, out, json_output))


@commands.command()
def replay(
    log: Annotated[
        Path | None, typer.Argument(metavar="LOG", help="Episodes recorded with --out; without, the rules play them now.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page; its data goes beside it as .json.")] = Path("replay.html"),
    agent: Annotated[str, typer.Option(help="Who plays where there is no log: rules, random or idle.")] = "rules",
    tasks: TasksOption = None,
    family: FamilyOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the agent.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Most steps of an episode.")] = 1,
    profile: ProfileOption = "verified",
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Querywright replay",
) -> None:
    """Write episodes as one HTML page with a scrubber over their steps, which needs no network.

    Without a log the rules play one step of each of the published five tasks.
    """
    from querywright.serve.cli.gym import choosing, playing

    chosen = choosing.Selection(tasks, None, family, None, 1, steps, seed)
    raise typer.Exit(playing.replay(log, out, agent, chosen, profile, title))


@commands.command()
def evaluate(
    before: Annotated[
        str,
        typer.Argument(metavar="BEFORE", help="An agent (idle, rules, model:NAME, model:NAME@URL) or a log (LOG, LOG#AGENT)."),
    ],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="The same for the other side.")],
    tasks: TasksOption = None,
    split: SplitOption = None,
    family: FamilyOption = None,
    most: MostOption = None,
    seeds: SeedsOption = 1,
    steps: StepsOption = None,
    profile: ProfileOption = "verified",
    url: UrlOption = None,
    out: Annotated[Path, typer.Option(help="Folder for log, page, JSON and chart; one that holds a log goes on.")] = Path(
        "evaluation"
    ),
    model: ModelOption = None,
    provider: ProviderOption = None,
    base_url: BaseUrlOption = None,
    temperature: TemperatureOption = None,
    max_tokens: MaxTokensOption = 4096,
    max_cost: MaxCostOption = None,
    max_calls: MaxCallsOption = None,
    json_output: JsonOption = False,
) -> None:
    """Compare two agents, such as a model before and after training, on the same tasks with the same seeds.

    Exit codes: 0 AFTER is clearly better, 3 not clearly, 2 bad input.
    """
    from querywright.serve.cli.gym import choosing, playing

    chosen = choosing.Selection(tasks, split, family, most, seeds, steps)
    chat = choosing.chat_options(model, provider, base_url, temperature, max_tokens, max_cost, max_calls)
    raise typer.Exit(playing.evaluate(before, after, chat, chosen, profile, url, out, json_output))
