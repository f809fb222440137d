"""The application ``qw``: its commands, one module per group of them."""

from __future__ import annotations

import typer

from querywright.serve.cli import bench_command, prompt_commands, query_commands, runs_commands
from querywright.serve.cli.factory import factory_commands
from querywright.serve.cli.gym import gym_application

application = typer.Typer(
    name="qw",
    help="Makes SQL faster and shows that it still answers the same question.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (query_commands, bench_command, prompt_commands, runs_commands, factory_commands):
    application.add_typer(group.commands)
application.add_typer(gym_application)
