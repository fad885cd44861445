"""`mailgate retention`: what becomes of the mail of those who have left, with proof."""

from __future__ import annotations

import datetime
import time
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from mailgate.cli.context import (
    CommandFailed,
    DryRun,
    ExitCode,
    Json,
    apply,
    console,
    database,
    fail,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.cli.mail import account_id
from mailgate.cli.progress import bar
from mailgate.config import Settings
from mailgate.retention import holds, proofs
from mailgate.retention.due import Due, all_leavers, to_purge
from mailgate.retention.lease import LeaseLostError
from mailgate.retention.leavers import DAY
from mailgate.retention.purging import count
from mailgate.retention.running import Outcome, Runner
from mailgate.store import MailStore

app = typer.Typer(help="Leavers: what becomes of their mail, and when; proof.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="Any address of the person.")]


@app.command(epilog="Example: mailgate retention due --days 30")
def due(
    context: typer.Context,
    *,
    days: Annotated[int, typer.Option(min=0, max=36_500, help="How far to look ahead.")] = 30,
    json: Json = False,
) -> None:
    """List the leavers whose account will be suspended, or whose mail will be purged, and who is held."""
    settings = settings_of(context)
    now = int(time.time())
    found = run(in_transaction(settings, lambda connection: all_leavers(connection, settings.retention)))
    soon = [one for one in found if one.next(now)[1] <= now + days * DAY]
    if json:
        print_json([_shown(one, now) for one in soon])
        return
    rows = [
        (one.address, one.profile, one.next(now)[0], _day(one.next(now)[1]), "" if one.hold is None else one.hold)
        for one in soon
    ]
    print_table("Address", "Profile", "Next", "When", "Legal hold", rows=rows)


@app.command("run", epilog="Example: mailgate retention run --dry-run")
def run_(context: typer.Context, *, dry_run: DryRun = False, json: Json = False) -> None:
    """Do now what is due: suspend whose grace is over, archive and purge whose time is over. A gateway does so each
    night.
    """
    settings = settings_of(context)
    if dry_run:
        _rehearse(settings, json=json)
        return
    try:
        with bar() as progress:
            done = run(_run(settings, progress))
    except LeaseLostError as error:
        raise CommandFailed(str(error)) from error
    if json:
        print_json(done)
    else:
        console.print(f"{done.suspended} accounts suspended, {len(done.purged)} purged.")
        for one in done.purged:
            console.print(f"  {one.address}: {one.counts.messages} messages {one.archive}".rstrip())
    for address, reason in done.failed:
        fail(f"{address}: {reason}")
    if done.failed:
        raise typer.Exit(ExitCode.FAILED)


async def _run(settings: Settings, progress: Any) -> Outcome:  # noqa: ANN401 - of the progress bar
    async with database(settings) as opened:
        return await Runner(settings, MailStore(opened)).run(progress)


def _rehearse(settings: Settings, *, json: bool) -> None:
    now = int(time.time())

    def work(connection: Connection) -> list[dict[str, Any]]:
        return [
            {**_shown(one, now), **asdict(count(connection, number))}
            for one in to_purge(all_leavers(connection, settings.retention), now)
            for number in one.accounts
        ]

    found = run(in_transaction(settings, work))
    if json:
        print_json(found)
    else:
        print_table(
            "Would be purged", "Messages", "Octets", "Rule",
            rows=[(one["address"], str(one["messages"]), str(one["octets"]), one["rule"]) for one in found],
        )  # fmt: skip


@app.command(epilog="Example: mailgate retention hold theo.david@ent.example.org --reason 'Procédure 2026-14'")
def hold(
    context: typer.Context, address: Address, reason: Annotated[str, typer.Option(help="Why, for the records.")]
) -> None:
    """Keep the mail of somebody, whatever the rules say, until `retention release`."""
    apply(
        settings_of(context),
        lambda connection: holds.hold(connection, account_id(connection, address), address, reason),
    )
    console.print(f"{address.lower()} is held: nothing of it is purged.")


@app.command(epilog="Example: mailgate retention release theo.david@ent.example.org")
def release(context: typer.Context, address: Address) -> None:
    """End a legal hold: the rules are for this person again."""

    def work(connection: Connection) -> bool:
        return holds.release(connection, account_id(connection, address), address)

    if not apply(settings_of(context), work):
        raise CommandFailed(f"{address} is not held")
    console.print(f"{address.lower()} is held no more.")


@app.command(
    epilog="Examples: mailgate retention proof theo.david@ent.example.org; mailgate retention proof --month 2027-10"
)
def proof(
    context: typer.Context,
    address: Annotated[str | None, typer.Argument(help="Any address that the person had.")] = None,
    *,
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="All that was purged in a month (UTC).")] = "",
    json: Json = False,
) -> None:
    """Show what was purged: when, by which rule, how much, and the digest of its archive; nothing of its content."""
    if (address is None) == (not month):
        raise CommandFailed("give an address, or --month")
    span = _month(month) if month else None
    found = run(in_transaction(settings_of(context), lambda connection: proofs.find(connection, address, span)))
    if json:
        print_json([asdict(one) for one in found])
        return
    print_table(
        "Addresses", "Left", "Purged", "Messages", "Octets", "Rule", "Archive", "SHA-256 of its SHA256SUMS",
        rows=[
            (one.addresses, _day(one.left_at), _day(one.purged_at), str(one.messages), str(one.octets), one.rule,
             one.archive or "none", one.digest)
            for one in found
        ],
    )  # fmt: skip


def _month(text: str) -> tuple[int, int]:
    try:
        first = datetime.datetime.strptime(text, "%Y-%m").replace(tzinfo=datetime.UTC)
    except ValueError as error:
        raise CommandFailed(f"{text!r} is no month: write it as 2027-10") from error
    after = (first + datetime.timedelta(days=31)).replace(day=1)
    return int(first.timestamp()), int(after.timestamp())


def _shown(one: Due, now: int) -> dict[str, Any]:
    step, at = one.next(now)
    return {
        "address": one.address, "account": one.account_id, "profile": one.profile, "left": _day(one.left_at),
        "next": step, "when": _day(at), "reads_until": _day(one.reads_until), "kept_until": _day(one.kept_until),
        "rule": one.rule, "hold": one.hold,
    }  # fmt: skip


def _day(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).date().isoformat()
