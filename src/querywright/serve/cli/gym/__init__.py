"""``qw gym``: the environment's commands, one module per group of them."""

from __future__ import annotations

import typer

from querywright.serve.cli.commands import application

gym_application = typer.Typer(help="The environment: serve it, play it with agents, evaluate them.", no_args_is_help=True)
application.add_typer(gym_application, name="gym")

from querywright.serve.cli.gym import agent_commands, server_commands, task_commands  # noqa: E402, F401  (they register their commands)
