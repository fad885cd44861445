"""`mailgate purge` and `mailgate recall`: a message out of the mailboxes of those who got it, with a report."""

from __future__ import annotations

import csv
import datetime
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from sqlalchemy import select

from directory.queries import LIST_BY_ADDRESS
from directory.schema import address
from mailgate.cli.context import (
    CommandFailed,
    DryRun,
    ExitCode,
    Json,
    console,
    database,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.cli.progress import bar
from mailgate.config import Settings
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import member
from mailgate.delivery.recipients import fold
from mailgate.delivery.waiting import held_of
from mailgate.delivery.whereabouts import Sought, State, Trace, seek
from mailgate.delivery.withdrawing import Order, report, take_back, tally
from mailgate.moderation.deciding import Moderation
from mailgate.moderation.held import OPEN, HeldMessage
from mailgate.moderation.held import State as HeldState
from mailgate.moderation.links import service_of
from mailgate.moderation.wording import Writer
from mailgate.policy.audit import operator
from mailgate.store import Dispatch, MailStore, dispatches
from mailgate.store.withdrawals import Kind

_LIST: Final = Statement(LIST_BY_ADDRESS)
_PERSON: Final = Statement(select(address.c.person_id).where(member(address.c.address, "addresses")))
_HEAD: Final = ("Address", "Mailbox", "How", "Arrived", "Opened", "State", "Taken")
_FORMULA: Final = ("=", "+", "-", "@", "\t")

Message = Annotated[
    str | None, typer.Argument(metavar="[MESSAGE]", help="Its Message-ID, or the id in the reply to the sender.")
]
From = Annotated[str | None, typer.Option("--from", help="Address of the sender; alone: list what was sent.")]
Hours = Annotated[float, typer.Option(min=0.01, help="How far back to list, with --from alone.")]
List = Annotated[str | None, typer.Option("--list", help="Only what went to the members of this list.")]
Reason = Annotated[str, typer.Option(help="For the audit log.")]
Report = Annotated[Path | None, typer.Option("--report", help="CSV file to write the report to.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_DAY_HOURS: Final = 24.0


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which copies are meant."""

    message: str | None
    sender: str | None
    hours: float
    list_: str | None
    sent: bool
    reason: str
    report_file: Path | None


class _Report(NamedTuple):
    """What is known of a message: its copies, and what of it waits or waited."""

    traces: list[Trace]
    held: list[HeldMessage]

    @property
    def left(self) -> bool:
        """Whether anybody has it still, or may get it."""
        return any(one.state is State.THERE for one in self.traces) or any(one.state in OPEN for one in self.held)


class _Way(NamedTuple):
    """How the command goes about it."""

    yes: bool
    dry_run: bool
    json: bool


def purge(  # noqa: PLR0913 - the options of the command
    context: typer.Context,
    message: Message = None,
    *,
    sender: From = None,
    hours: Hours = _DAY_HOURS,
    list_: List = None,
    sent: Annotated[bool, typer.Option("--sent", help="The sender's own copies in Sent too.")] = False,
    reason: Reason = "",
    report_file: Report = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Remove a message from every mailbox that has it, and say who had it and who had opened it.

    What of it waits for a moderator, or for the minutes of its list, is cancelled for good. It may be stopped and begun
    again: the report is whole all the same.
    """
    asked = _Asked(message, sender, hours, list_, sent, reason, report_file)
    run(_take_out("purge", settings_of(context), asked, _Way(yes, dry_run, json)))


def recall(  # noqa: PLR0913 - the options of the command
    context: typer.Context,
    message: Message = None,
    *,
    sender: From = None,
    hours: Hours = _DAY_HOURS,
    list_: List = None,
    reason: Reason = "",
    report_file: Report = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Remove a message where nobody has opened it yet, however long ago it was sent."""
    asked = _Asked(message, sender, hours, list_, sent=False, reason=reason, report_file=report_file)
    run(_take_out("recall", settings_of(context), asked, _Way(yes, dry_run, json)))


async def _take_out(kind: Kind, settings: Settings, asked: _Asked, way: _Way) -> None:
    async with database(settings) as opened:
        if asked.message is None:
            _list(await _sent_by(opened, asked), json=way.json)
            return
        sought = await opened.read(lambda tx: _sought(tx, asked, asked.message or ""))
        found = await _report(opened, sought)
        if not (way.dry_run or way.yes):
            _confirm(kind, found)
        if not way.dry_run:
            desk = Moderation(opened, MailStore(opened), service_of(settings))
            name = Writer(settings.gateway.language).translate(_("An administrator"))
            order = Order(kind, operator(), asked.reason, name)
            with bar() as progress:
                sought = [
                    await take_back(opened, desk, one, order, lambda done, _: progress("Removed", done))
                    for one in sought
                ]
            found = await _report(opened, sought)
    if asked.report_file is not None:
        _write(asked.report_file, found)
    _show(sought, found, way)
    if kind == "purge" and not way.dry_run and found.left:
        raise typer.Exit(ExitCode.FAILED)


def _confirm(kind: Kind, found: _Report) -> None:
    there = [trace for trace in found.traces if trace.state is State.THERE]
    what = "Remove" if kind == "purge" else "Remove, where nobody opened it,"
    mailboxes = len({(trace.account_id, trace.mailbox) for trace in there})
    waits = sum(one.state in OPEN for one in found.held)
    more = f", and cancel what waits for {waits} recipients" if waits else ""
    typer.confirm(f"{what} {len(there)} copies from {mailboxes} mailboxes{more}?", abort=True, err=True)


async def _report(opened: Database, sought: Sequence[Sought]) -> _Report:
    now = int(time.time())
    held = [
        waits.as_of(now)
        for one in sought
        for waits in await opened.read(partial(held_of, dispatch_id=one.dispatch.dispatch_id, list_id=one.list_id))
    ]
    return _Report([trace for one in sought for trace in await report(opened, one)], held)


async def _sought(tx: Tx, asked: _Asked, message: str) -> list[Sought]:
    found = await dispatches.find(tx, message)
    if asked.sender is not None:
        account_id = await _account(tx, asked.sender)
        found = [one for one in found if account_id in {one.sender_id, one.author_id}]
    if not found:
        raise CommandFailed(f"no message {message} was sent, or it was too long ago to be known")
    if len({one.author_id or one.author for one in found}) > 1:
        several = ", ".join(f"{one.dispatch_id} from {one.author}" for one in found)
        raise CommandFailed(f"several people sent a message with this Message-ID; name one by its id: {several}")
    list_id = None
    if asked.list_ is not None:
        row = await tx.one(_LIST, address=fold(asked.list_))
        if row is None:
            raise CommandFailed(f"no list has the address {asked.list_}")
        list_id = row[0]
    sought = [await seek(tx, one, list_id=list_id, sent=asked.sent) for one in found]
    if not any(one.copies for one in sought) and not [
        waits for one in found for waits in await held_of(tx, one.dispatch_id, list_id=list_id)
    ]:
        raise CommandFailed(f"this message did not go to {asked.list_ or 'anybody'}")
    return sought


async def _sent_by(opened: Database, asked: _Asked) -> list[Dispatch]:
    sender = asked.sender
    if sender is None:
        raise CommandFailed("say which message, or --from to list what somebody sent")
    until = int(time.time())
    since = until - int(asked.hours * 3600)

    async def work(tx: Tx) -> list[Dispatch]:
        return await dispatches.sent_by(tx, await _account(tx, sender), since, until)

    return await opened.read(work)


async def _account(tx: Tx, text: str) -> int:
    row = await tx.one(_PERSON, addresses=[fold(text)])
    if row is None:
        raise CommandFailed(f"nobody has the address {text}")
    account_id: int = row[0]
    return account_id


def _list(found: Sequence[Dispatch], *, json: bool) -> None:
    if json:
        print_json([_of(one) for one in found])
    else:
        rows = [(one.dispatch_id, _time(one.at), one.author, one.internet_id) for one in found]
        print_table("Id", "Sent", "From", "Message-ID", rows=rows)


def _show(sought: Sequence[Sought], found: _Report, way: _Way) -> None:
    counted = tally(found.traces)
    if way.json:
        copies = [{key: value for key, value in asdict(trace).items() if key != "account_id"} for trace in found.traces]
        held = [
            {"to": one.target, "state": one.state, "reach": one.reach, "decided_by": one.decided_by}
            for one in found.held
        ]
        shown = {"messages": [_of(one.dispatch) for one in sought], "copies": copies, "held": held}
        print_json({**shown, "summary": asdict(counted), "dry_run": way.dry_run})
        return
    print_table(*_HEAD, rows=_rows(found))
    console.print(
        f"{counted.copies} copies taken out; nothing left with {counted.withdrawn}, {counted.kept} still have it, "
        f"{counted.gone} had it no more; {counted.opened} had opened it."
    )
    if found.held:
        ended = sum(one.state is HeldState.CANCELLED for one in found.held)
        waits = sum(one.state in OPEN for one in found.held)
        console.print(f"Of what had to wait, {ended} cancelled for good, {waits} still wait.")


def _of(sent: Dispatch) -> dict[str, Any]:
    return {"id": sent.dispatch_id, "message_id": sent.internet_id, "from": sent.author, "at": sent.at}


def _rows(found: _Report) -> list[tuple[str, ...]]:
    waits = [
        (one.target, "", "held", _time(one.created_at), "", one.state.value, _time(one.decided_at or 0))
        for one in found.held
    ]
    return [_row(trace) for trace in found.traces] + waits


def _row(trace: Trace) -> tuple[str, ...]:
    opened = ", ".join(["yes"] * trace.opened + list(trace.opened_by)) or "no"
    at, taken = _time(trace.arrived_at), _time(trace.withdrawn_at)
    return trace.address, trace.mailbox, trace.how, at, "" if trace.state is State.GONE else opened, trace.state, taken


def _time(at: int) -> str:
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def _write(path: Path, found: _Report) -> None:
    """A table for any program; a mailbox name that a spreadsheet would compute is quoted."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(_HEAD)
        for row in _rows(found):
            table.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in row])


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
