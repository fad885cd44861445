"""`mailgate person`: parents entered twice, and guardians whom a school excludes."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from typing import Annotated

import typer
from sqlalchemy import Connection

from directory.duplicate_listing import possible
from directory.exclusions import exclusions
from directory.list_adjustments import day
from directory.list_definitions import Author
from directory.list_membership import addresses_of
from directory.merging import merges
from mailgate import families
from mailgate.cli import merged_mail
from mailgate.cli.context import (
    DryRun,
    Json,
    apply,
    console,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.cli.lists.common import Reason, print_changes
from mailgate.cli.mail import show
from mailgate.families import Outcome
from mailgate.policy.audit import operator, record
from mailgate.queue.wishes import DIRECTORY, Mode, WishView, change_mode, choose, chosen, resume

app = typer.Typer(help="Parents: entered twice, excluded by a school.", no_args_is_help=True)

Guardian = Annotated[str, typer.Argument(metavar="GUARDIAN", help="Address of the guardian.")]
Target = Annotated[str, typer.Argument(metavar="PUPIL|UAI", help="Address of a pupil, or UAI of a school for all.")]
School = Annotated[str | None, typer.Option("--school", metavar="UAI", help="Parents of pupils of this school.")]


@app.command(epilog="Example: mailgate person duplicates --school 0131001T")
def duplicates(
    context: typer.Context,
    school: School = None,
    *,
    merged: Annotated[bool, typer.Option("--merged", help="Records that an import took for one person.")] = False,
    json: Json = False,
) -> None:
    """List parents who may be entered twice, with what speaks for it; nothing is done about them."""
    found = run(in_transaction(settings_of(context), lambda connection: possible(connection, school, merged=merged)))
    if json:
        print_json([one._asdict() for one in found])
        return
    rows = [
        (
            str(one.score),
            f"{one.one} <{one.one_address}>",
            one.one_record,
            f"{one.other} <{one.other_address}>",
            one.other_record,
            one.evidence,
        )
        for one in found
    ]
    print_table("Score", "Person", "Record", "Maybe", "Record", "Evidence", rows=rows)


@app.command(epilog="Example: mailgate person merge eva.roy@ent.example.org eva.roy2@ent.example.org --dry-run")
def merge(
    context: typer.Context,
    keep: Annotated[str, typer.Argument(metavar="KEEP", help="Address of the person who stays.")],
    drop: Annotated[str, typer.Argument(metavar="DROP", help="Address of the person found to be the same.")],
    reason: Reason = "",
    *,
    force: Annotated[bool, typer.Option("--force", help="Though somebody signs in to DROP's account.")] = False,
    move_mail: Annotated[
        bool, typer.Option("--move-mail", help="Put DROP's mail into a folder of KEEP's account.")
    ] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make two people one: DROP's children and addresses are KEEP's, DROP's account is suspended and keeps its mail."""

    def work(connection: Connection, author: Author) -> Outcome:
        today = datetime.datetime.now().astimezone().date()
        return families.merge(connection, keep, drop, author, today, reason=reason, force=force)

    settings = settings_of(context)
    if move_mail and not dry_run and run(merged_mail.is_merged(settings, keep, drop)):
        show(run(merged_mail.move(settings, drop)), json=json)
        return
    _change(context, work, dry_run=dry_run, json=json)
    if move_mail and not dry_run:
        moved = run(merged_mail.move(settings, drop))
        if not json:
            show(moved, json=False)


@app.command(epilog="Examples: mailgate person split eva.roy2@ent.example.org; mailgate person split 20000668")
def split(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(metavar="ADDRESS|RECORD", help="Address of who was dropped, or number of a source record.")
    ],
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Undo a merge, by whomever it was made: both are people of their own again, and are never merged by an import."""
    settings = settings_of(context)

    def work(connection: Connection, author: Author) -> Outcome:
        today = datetime.datetime.now().astimezone().date()
        return families.split(connection, what, author, today, quota=settings.accounts.quota)

    pair = None if dry_run else run(merged_mail.pair_of(settings, what))
    _change(context, work, dry_run=dry_run, json=json)
    if pair is not None:
        run(merged_mail.take_back(settings, pair))


@app.command(epilog="Example: mailgate person merged")
def merged(context: typer.Context, *, json: Json = False) -> None:
    """List the merges that somebody made, the latest first."""
    found = run(in_transaction(settings_of(context), lambda connection: list(merges(connection))))
    if json:
        keys = ("dropped", "kept", "reason", "actor", "at")
        print_json([{key: getattr(one, key) for key in keys} for one in found])
        return
    rows = [(one.dropped, one.kept, day(one.at), one.actor, one.reason) for one in found]
    print_table("Dropped", "Kept", "On", "By", "Reason", rows=rows)


@app.command(epilog="Example: mailgate person exclude eva.roy@ent.example.org 0131001T --reason 'jugement du 3 mars'")
def exclude(
    context: typer.Context,
    guardian: Guardian,
    target: Target,
    reason: Annotated[str, typer.Option("--reason", help="Why, for who looks later.")],
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let a guardian get nothing about a pupil, or from a school; no import undoes that."""
    _change(
        context,
        lambda connection, author: families.exclude(connection, guardian, target, author, reason),
        dry_run=dry_run,
        json=json,
    )


@app.command(epilog="Example: mailgate person include eva.roy@ent.example.org 0131001T")
def include(
    context: typer.Context, guardian: Guardian, target: Target, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Take an exclusion back."""
    _change(
        context,
        lambda connection, author: families.lift(connection, guardian, target, author),
        dry_run=dry_run,
        json=json,
    )


@app.command(epilog="Example: mailgate person excluded --json")
def excluded(context: typer.Context, *, json: Json = False) -> None:
    """List the guardians who are excluded, for whom, by whom and why."""
    found = run(in_transaction(settings_of(context), exclusions))
    if json:
        print_json([one._asdict() for one in found])
        return
    rows = [(f"{one.guardian} <{one.address}>", one.target, day(one.at), one.actor, one.reason) for one in found]
    print_table("Guardian", "For", "On", "By", "Reason", rows=rows)


def _change(
    context: typer.Context, work: Callable[[Connection, Author], Outcome], *, dry_run: bool, json: bool
) -> None:
    author = Author(operator(), int(time.time()))

    def all_of_it(connection: Connection) -> tuple[Outcome, dict[str, list[str]]]:
        done = work(connection, author)
        whose = addresses_of(connection, [*done.closed, *done.opened])
        names = {
            "closed": sorted(whose[one] for one in done.closed),
            "opened": sorted(whose[one] for one in done.opened),
        }
        return done, names

    settings = settings_of(context)
    done, names = apply(settings, all_of_it, dry_run=dry_run)
    if json:
        changes = [each.to_json() for each in done.lists]
        print_json({"done": done.said, "dry_run": dry_run, **names, "changes": changes})
        return
    console.print(done.said)
    for what, people in names.items():
        for who in people:
            console.print(f"  account {what}: {who}")
    print_changes(done.lists)
    if dry_run:
        console.print("This was a rehearsal: nothing was changed.")


@app.command(epilog="Example: mailgate person outside lea.martin@ent.example.org --to lea@example.net --as copy")
def outside(
    context: typer.Context,
    guardian: Guardian,
    *,
    to: Annotated[
        str | None,
        typer.Option(help="Where this person wants to be told that a message came: an address, or “directory”."),
    ] = None,
    mode: Annotated[Mode | None, typer.Option("--as", help="What goes there: a word, or the messages.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Nowhere.")] = False,
    again: Annotated[bool, typer.Option("--resume", help="Send again where it ended as too much came back.")] = False,
    json: Json = False,
) -> None:
    """Show or change where a relative is told outside that a message came, or gets copies: as the relative asked for.

    It takes effect where a school of the children wants it too: `mailgate school set UAI outside notify`; copies go
    where all their schools allow it: `mailgate school set UAI outside copy`. `--to directory` is the address that the
    directory has of the relative: it is kept from the next import on where `mailgate school set UAI outside_directory
    true` was said, follows the imports, and is not shown.
    """
    settings = settings_of(context)

    def work(connection: Connection) -> WishView:
        if to is not None or none:
            found = choose(connection, guardian, to, mode or Mode.NOTIFICATION, settings.directory.holds)
        elif mode is not None:
            found = change_mode(connection, guardian, mode)
        else:
            found = resume(connection, guardian)
        outside = "the directory's address" if found.to == DIRECTORY else "an address outside"
        what = "nowhere" if found.to is None else f"{found.mode} to {outside}"
        record(connection, "person outside", guardian, f"{what}, again" if again else what)
        return found

    if to is not None or none or mode is not None or again:
        shown = apply(settings, work)
    else:
        shown = run(in_transaction(settings, lambda connection: chosen(connection, guardian)))
    if json:
        print_json(shown)
    else:
        known = "open" if shown.known else "the directory has no address"
        state = f"suspended since {_day(shown.suspended_at)}: too much came back" if shown.suspended_at else known
        row = (shown.person, shown.to, shown.mode, state) if shown.to else (shown.person, "nowhere", "", "")
        print_table("Person", "To", "As", "State", rows=[row])


def _day(at: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at))
