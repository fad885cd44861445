"""`mailgate restored`: what has to be done once after the database was restored from a backup."""

from __future__ import annotations

import time

import typer
from sqlalchemy import Connection

from mailgate.cli.context import (
    Json,
    apply,
    console,
    print_json,
    settings_of,
)
from mailgate.queue.steering import hold_all
from mailgate.store.restored import Renewed, renew


def restored(context: typer.Context, *, json: Json = False) -> None:
    """After a restore from a backup, before `serve`: make mail programs read every mailbox anew.

    Without it, messages that arrive now could get the UIDs of messages that were lost, and mail programs would show the
    lost ones in their place. Mail programs fetch their folders again; nothing of the mail is changed. What waits to
    leave is held: it may have left since the backup.

    Example: mailgate restored
    """

    def work(connection: Connection) -> tuple[Renewed, int]:
        return renew(connection, now=int(time.time())), hold_all(connection)

    done, held = apply(settings_of(context), work)
    if json:
        print_json({**done._asdict(), "held": held})
        return
    console.print(f"{done.mailboxes:,} mailboxes of {done.accounts:,} accounts have a new UIDVALIDITY.")
    if held:
        console.print(
            f"{held:,} entries of the queue are held: see `mailgate queue list`, then release or delete them."
        )
