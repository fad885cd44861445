"""`mailgate restored`: what has to be done once after the database was restored from a backup."""

from __future__ import annotations

import time

import typer

from mailgate.cli.context import (
    Json,
    apply,
    console,
    print_json,
    settings_of,
)
from mailgate.store.restored import renew


def restored(context: typer.Context, *, json: Json = False) -> None:
    """After a restore from a backup, before `serve`: make mail programs read every mailbox anew.

    Without it, messages that arrive now could get the UIDs of messages that were lost, and mail programs would show the
    lost ones in their place. Mail programs fetch their folders again; nothing of the mail is changed.

    Example: mailgate restored
    """
    done = apply(settings_of(context), lambda connection: renew(connection, now=int(time.time())))
    if json:
        print_json(done._asdict())
    else:
        console.print(f"{done.mailboxes:,} mailboxes of {done.accounts:,} accounts have a new UIDVALIDITY.")
