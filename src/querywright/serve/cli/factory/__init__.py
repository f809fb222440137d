"""``qw factory``: verified training data by the ten thousand."""

from __future__ import annotations

import typer

from querywright.serve.cli.commands import application

factory_application = typer.Typer(help="Training data: make it, look at it, multiply, export, check it.", no_args_is_help=True)
application.add_typer(factory_application, name="factory")

from querywright.serve.cli.factory import factory_commands  # noqa: E402, F401  (they register their commands)
