"""`mailgate activation`: codes with which people choose their first password."""

from __future__ import annotations

import datetime
import time
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import Connection

from mailgate.accounts import activation_making as making
from mailgate.accounts.rolls import CodeState, Member, Roll, rolls, somebody
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
from mailgate.config import Settings

app = typer.Typer(help="Codes with which people choose their first password.", no_args_is_help=True)

Target = Annotated[str, typer.Argument(metavar="WHO", help="An address, a class by its name, or a school by its UAI.")]
InSchool = Annotated[str | None, typer.Option("--school", help="UAI, where several schools have a class of that name.")]
Again = Annotated[bool, typer.Option("--again", help="Also for who has a password: one who has forgotten it.")]


@app.command(epilog="Example: mailgate activation new theo.david@ent.example.org")
def new(
    context: typer.Context,
    who: Target,
    school: InSchool = None,
    *,
    again: Again = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make codes and show them, for the only time; codes that these people had before are over.

    `mailgate letters` makes them too, each in a letter.
    """
    settings = settings_of(context)
    now = int(time.time())

    found = run(in_transaction(settings, lambda connection: _found(connection, who, school, now)))
    people = _members(found)
    days = settings.accounts.activation_days
    fresh = making.prepare(people, now=now, days=days, again=again, for_show=dry_run)
    if not dry_run:
        apply(settings, lambda connection: making.keep(connection, fresh, "activation new"))
    codes = [(one, "" if dry_run else fresh.codes[one.account_id]) for one in fresh.people.values()]
    has_password = len(people) - len(codes)
    if json:
        shown = [{"address": one.address, "name": one.display, "code": code or None} for one, code in codes]
        rest = {"expires_at": fresh.expires_at, "replaced": fresh.replaced, "activated": has_password}
        print_json({"codes": shown, **rest})
        return
    if dry_run:
        console.print(f"{len(codes)} codes would be made.")
    elif codes:
        rows = [(one.address, one.display, code) for one, code in codes]
        print_table("Address", "Name", "Code, shown only now", rows=rows)
        console.print(f"Good until {_day(settings, fresh.expires_at)}, once each.")
    say_replaced(fresh.replaced, dry_run=dry_run)
    say_activated(has_password)


@app.command("list", epilog="Example: mailgate activation list 0131001T")
def list_(context: typer.Context, who: Target, school: InSchool = None, *, json: Json = False) -> None:
    """Who has chosen a password: numbers for each class of a school; each person of a class."""
    settings = settings_of(context)
    now = int(time.time())
    found = run(in_transaction(settings, lambda connection: _found(connection, who, school, now)))
    if json:
        print_json([_json(one) for one in found])
    elif len(found) == 1:
        rows = [_row(settings, one) for one in found[0].members]
        print_table("Address", "Name", "Profile", "Password", "Code", "Until", rows=rows)
    else:
        print_table("Class", "People", "Activated", "Code waits", "Code expired", "No code", rows=_counted(found))


@app.command(epilog="Example: mailgate activation revoke theo.david@ent.example.org")
def revoke(
    context: typer.Context, who: Target, school: InSchool = None, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """End codes that wait: a letter was lost, or went to somebody else."""
    now = int(time.time())

    def work(connection: Connection) -> list[Member]:
        return making.revoke(connection, _members(_found(connection, who, school, now)), now=now)

    ended = apply(settings_of(context), work, dry_run=dry_run)
    if json:
        print_json([one.address for one in ended])
    else:
        console.print(f"{len(ended)} codes {'would be' if dry_run else 'are'} over.")


def say_replaced(count: int, *, dry_run: bool) -> None:
    """Which letters are paper now."""
    if count:
        console.print(f"{count} of these people had a code that waited: it {'would be' if dry_run else 'is'} over.")


def say_activated(count: int) -> None:
    """Who needs no code."""
    if count:
        console.print(f"{count} have a password already, and get no code; --again makes one.")


def _found(connection: Connection, who: str, school: str | None, now: int) -> list[Roll]:
    if "@" not in who:
        return rolls(connection, who, school, now)
    return [Roll(0, "", "", "", pupils=(somebody(connection, who, now),))]


def _members(found: Sequence[Roll]) -> list[Member]:
    return [one for roll in found for one in roll.members]


def _counted(found: Sequence[Roll]) -> list[tuple[str, ...]]:
    """A row for each roll, and their sum."""
    counts = [_counts(one.members) for one in found]
    names = [*map(label, found), "All"]
    sums = tuple(map(sum, zip(*counts, strict=True)))
    return [(name, *map(str, row)) for name, row in zip(names, [*counts, sums], strict=True)]


def label(roll: Roll) -> str:
    """What a roll is called in a table."""
    return roll.name or ("(staff)" if roll.staff else "(no class)")


def _counts(members: Sequence[Member]) -> tuple[int, int, int, int, int]:
    """People, activated; of the others: with a code that waits, that expired, with none that counts."""
    states = Counter(one.code for one in members if not one.activated)
    waiting, expired = states[CodeState.WAITING], states[CodeState.EXPIRED]
    activated = sum(one.activated for one in members)
    return len(members), activated, waiting, expired, len(members) - activated - waiting - expired


def _row(settings: Settings, one: Member) -> tuple[str, ...]:
    until = _day(settings, one.expires_at) if one.code is CodeState.WAITING else ""
    return one.address, one.display, one.profile, "chosen" if one.activated else "", one.code.value, until


def _json(roll: Roll) -> dict[str, object]:
    people, activated, waiting, expired, without = _counts(roll.members)
    return {
        "school": roll.uai, "class": roll.name, "people": people, "activated": activated, "waiting": waiting,
        "expired": expired, "without_code": without,
        "members": [
            {"address": one.address, "name": one.display, "profile": one.profile, "activated": one.activated,
             "code": one.code, "expires_at": one.expires_at or None} for one in roll.members
        ],
    }  # fmt: skip


def _day(settings: Settings, at: int) -> str:
    return datetime.datetime.fromtimestamp(at, settings.gateway.zone()).strftime("%Y-%m-%d")
