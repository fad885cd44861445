"""`mailgate config`: the settings file."""

from __future__ import annotations

import sys

import typer

from mailgate.cli.context import console, settings_of
from mailgate.config import example as example_text

app = typer.Typer(help="The settings file.", no_args_is_help=True)


@app.command(epilog="Example: mailgate config example > /etc/mailgate/mailgate.toml")
def example() -> None:
    """Print a complete commented settings file."""
    sys.stdout.write(example_text())


@app.command(epilog="Example: mailgate --config mailgate.toml config check")
def check(context: typer.Context) -> None:
    """Read the settings file and the environment, and say what is wrong in them."""
    settings_of(context)
    console.print("The settings are good.")
