"""The command `mailgate`: every job of an administrator and of operations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mailgate import logs
from mailgate.cli import (
    account,
    archive,
    check,
    config,
    demo,
    directory,
    lists,
    migrate,
    moderation,
    person,
    policy,
    purge,
    restored,
    school,
    search,
    sent,
    serve,
    shared,
    stop,
)
from mailgate.cli.context import Context, fail, operator_error

app = typer.Typer(
    name="mailgate",
    help="School messaging over IMAPS and SMTPS, with distribution lists from the school directory.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Try it: [bold]mailgate demo[/]. Start for real: [bold]mailgate config example > mailgate.toml[/].",
)
app.command("demo")(demo.demo)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("restored")(restored.restored)
app.command("export")(archive.export)
app.command("import")(archive.import_)
app.command("purge", epilog="Example: mailgate purge '<abc@ent.example.org>' --dry-run --report purge.csv")(purge.purge)
app.command("recall", epilog="Example: mailgate recall 4f2a91c07be35d68 --yes")(purge.recall)
app.add_typer(config.app, name="config")
app.add_typer(directory.app, name="directory")
app.add_typer(lists.app, name="list")
app.add_typer(person.app, name="person")
app.add_typer(policy.app, name="policy")
app.add_typer(moderation.app, name="moderation")
app.add_typer(stop.app, name="stop")
app.add_typer(school.app, name="school")
app.add_typer(account.app, name="account")
app.add_typer(search.app, name="search")
app.add_typer(sent.app, name="sent")
app.add_typer(migrate.app, name="migrate")
app.add_typer(shared.app, name="shared")


@app.callback()
def options(
    context: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", envvar="MAILGATE_CONFIG", help="TOML file; default /etc/mailgate/mailgate.toml."),
    ] = None,
) -> None:
    context.obj = Context(config_file)
    logs.configure("text", "warning")  # until `serve` reads its settings: standard output is for the answer alone


def main() -> None:
    """Run a command; end with an exit code that means something, and one line for what an operator can mend."""
    try:
        app()
    except Exception as error:
        code = operator_error(error)
        if code is None:
            raise
        fail(str(error))
        sys.exit(code)
