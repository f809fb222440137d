"""``qw gym``: the environment's commands, one module per group of them."""

from __future__ import annotations

import typer

from querywright.serve.cli.gym import agent_commands, server_commands, task_commands

gym_application = typer.Typer(
    name="gym", help="The environment: serve it, play it with agents, evaluate them.", no_args_is_help=True
)
for group in (agent_commands, server_commands, task_commands):
    gym_application.add_typer(group.commands)
