"""The words after `mailgate`, and where the commands are: one is imported when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer

from mailgate.cli.context import Context


class Entry(NamedTuple):
    """A word after `mailgate`: the module and the name in it of a function, or of a group of commands (`app`)."""

    module: str
    name: str
    help: str
    """As the list of all commands shows it; the first line of what the command itself says."""
    epilog: str | None = None


_APP: Final = "app"
ENTRIES: Final = {
    "demo": Entry(
        "demo", "demo", "Start a gateway with a demo academy on this machine alone, until SIGTERM or Ctrl-C."
    ),
    "serve": Entry(
        "serve", "serve", "Serve IMAP and submission until SIGTERM; SIGHUP looks at the certificate files again."
    ),
    "check": Entry(
        "check",
        "check",
        "Look at settings, certificate, filters, database and directory; exit code 1 when something is wrong.",
    ),
    "restored": Entry(
        "restored",
        "restored",
        "After a restore from a backup, before `serve`: make mail programs read every mailbox anew.",
    ),
    "export": Entry(
        "archive", "export", "Write an account's mail to files. Files are for their owner alone (mode 600)."
    ),
    "import": Entry(
        "archive",
        "import_",
        "Add to an account the mail of files that its mailboxes lack; run it again to finish one that was cut off.",
    ),
    "purge": Entry(
        "purge",
        "purge",
        "Remove a message from every mailbox that has it, and say who had it and who had opened it.",
        "Example: mailgate purge '<abc@ent.example.org>' --dry-run --report purge.csv",
    ),
    "recall": Entry(
        "purge",
        "recall",
        "Remove a message where nobody has opened it yet, however long ago it was sent.",
        "Example: mailgate recall 4f2a91c07be35d68 --yes",
    ),
    "config": Entry("config", _APP, "The settings file."),
    "directory": Entry("directory", _APP, "The school directory: pupils, relatives, staff, classes, groups."),
    "list": Entry("lists", _APP, "Distribution lists."),
    "person": Entry("person", _APP, "Parents: entered twice, excluded by a school."),
    "policy": Entry("policy", _APP, "Who may write to whom."),
    "queue": Entry("queue", _APP, "Mail that leaves: what waits, why, and what is to become of it."),
    "dkim": Entry("dkim", _APP, "Signatures of mail that leaves: the keys of each domain (DKIM)."),
    "moderation": Entry("moderation", _APP, "Messages that wait for a decision, or for their time."),
    "dns": Entry("dns", _APP, "Records to publish in the DNS: SCHOOL, check."),
    "retention": Entry("retention", _APP, "Leavers: what becomes of their mail, and when; proof."),
    "stop": Entry("stop", _APP, "Emergency stop: sending ends at once, for as few as need be; reading stays open."),
    "year": Entry("year", _APP, "The school year: look at the next one, switch to it, undo the switch."),
    "school": Entry("school", _APP, "Settings of a school."),
    "account": Entry("account", _APP, "Accounts and their passwords."),
    "activation": Entry("activation", _APP, "Codes with which people choose their first password."),
    "letters": Entry(
        "letters",
        "letters",
        "Write a letter for each person without a password: a file for each class, and one for the staff of a school.",
        "Example: mailgate letters 0131001T --out /root/letters",
    ),
    "statistics": Entry(
        "statistics",
        "statistics",
        "Show how much the gateway is used, by month: accounts, sign-ins, messages.",
        "Example: mailgate statistics --from 2026-09 --to 2026-10 --by audience --csv messages.csv",
    ),
    "search": Entry("search", _APP, "The index of texts that SEARCH uses."),
    "sent": Entry("sent", _APP, "What became of messages after they were sent."),
    "migrate": Entry("migrate", _APP, "Copy mail from other IMAP servers."),
    "shared": Entry("shared", _APP, "Shared mailboxes: of an office, a team."),
}


def build(words: Sequence[str] | None = None) -> typer.Typer:
    """The command line, with the commands that these words call, or (None) with all; others are there by name alone."""
    app = typer.Typer(
        name="mailgate",
        help="School messaging over IMAPS and SMTPS, with distribution lists from the school directory.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        epilog="Try it: [bold]mailgate demo[/]. Start for real: [bold]mailgate config example > mailgate.toml[/].",
    )
    app.callback()(_options)
    called = None if words is None else _called(words)
    for word, entry in ENTRIES.items():
        whole = words is None or word == called
        if entry.name == _APP:
            app.add_typer(_found(entry) if whole else typer.Typer(help=entry.help), name=word)
        elif whole:
            app.command(word, epilog=entry.epilog)(_found(entry))
        else:
            app.command(word, help=entry.help)(_nothing)
    return app


def _found(entry: Entry) -> Any:  # noqa: ANN401 - a function or a group of commands
    return getattr(importlib.import_module(f"mailgate.cli.{entry.module}"), entry.name)


def _nothing() -> None:
    """The place of a command that is not called."""


def _called(words: Sequence[str]) -> str | None:
    """The first word that is neither an option nor the value of one."""
    left = iter(words)
    for word in left:
        if word == "--config":
            next(left, None)
        elif not word.startswith("-"):
            return word
    return None


def _options(
    context: typer.Context,
    config_file: Annotated[
        Path | None,
        typer.Option("--config", envvar="MAILGATE_CONFIG", help="TOML file; default /etc/mailgate/mailgate.toml."),
    ] = None,
) -> None:
    context.obj = Context(config_file)
    if "structlog" in sys.modules:  # what logs has imported it
        from mailgate import logs  # noqa: PLC0415 - see above

        logs.configure("text", "warning")  # until `serve` reads its settings: standard output is for the answer alone
