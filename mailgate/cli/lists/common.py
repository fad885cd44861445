"""What the commands on lists share: arguments, one transaction with its audit row, what is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer
from sqlalchemy import Connection

from directory.list_definitions import Author
from directory.list_membership import follow
from directory.report import ListChange, changes_to_text
from mailgate.cli.context import (
    apply,
    console,
    print_json,
    settings_of,
)
from mailgate.policy.audit import operator, record

_LINES = 20

Address = Annotated[str, typer.Argument(metavar="LIST", help="Address of the list, or a further one.")]
People = Annotated[list[str], typer.Argument(metavar="PERSON...", help="Addresses of people.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for who looks later.")]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command changed: of which list, in words for the audit, in a sentence for people; `computed` are the lists
    whose members may be others now.
    """

    subject: str
    detail: str
    said: str
    computed: tuple[int, ...] = ()
    more: dict[str, object] = field(default_factory=dict)


def change(
    context: typer.Context, action: str, work: Callable[[Connection, Author], Done], *, dry_run: bool, json: bool
) -> None:
    """Do one change with its audit row and what follows from it, or rehearse it, and say who comes and goes."""
    author = Author(operator(), int(time.time()))

    def all_of_it(connection: Connection) -> tuple[Done, list[ListChange]]:
        done = work(connection, author)
        changes = follow(connection, done.computed) if done.computed else []
        record(connection, action, done.subject, done.detail, **author._asdict())
        return done, changes

    settings = settings_of(context)
    done, changes = apply(settings, all_of_it, dry_run=dry_run)
    if json:
        value = {"list": done.subject, **done.more, "dry_run": dry_run}
        print_json({**value, "changes": [each.to_json() for each in changes]})
        return
    console.print(done.said)
    print_changes(changes)
    if dry_run:
        console.print("This was a rehearsal: nothing was changed.")


def print_changes(changes: Sequence[ListChange]) -> None:
    """How many come and go, list by list."""
    for line in changes_to_text(changes, _LINES):
        console.print(line)


def several(some: Sequence[str]) -> str:
    """Addresses in a sentence."""
    return ", ".join(one.strip().lower() for one in some)
