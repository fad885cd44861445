"""`mailgate sent`: what became of messages after they were sent."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

import typer

from mailgate.cli.context import CommandFailed, Json, console, database, print_json, print_table, run, settings_of
from mailgate.config import Settings
from mailgate.database import Tx
from mailgate.delivery import recipients, states
from mailgate.delivery.recipients import PersonRecipient
from mailgate.delivery.states import Delivery, Report, Waiting
from mailgate.store import Dispatch, dispatches

_DAY = 24 * 3600

app = typer.Typer(help="What became of messages after they were sent.", no_args_is_help=True)


@app.command(epilog="Example: mailgate sent show 5f0c2a9d1b7e4c33")
def show(
    context: typer.Context,
    message: Annotated[str, typer.Argument(metavar="MESSAGE-ID|ID", help="Its Message-ID, or the id of `sent list`.")],
    *,
    people: Annotated[bool, typer.Option("--people", help="Name every recipient.")] = False,
    json: Json = False,
) -> None:
    """Show who got a message, and for whom there was no account."""
    found = run(_reports(settings_of(context), message))
    if json:
        print_json([_as_json(one, people=people) for one in found])
        return
    for one in found:
        _print(one, people=people)


@app.command("list", epilog="Example: mailgate sent list theo.david@ent.example.org --days 3")
def list_(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Address of the writer, or of a shared mailbox.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=400, help="Of how many days.")] = 30,
    json: Json = False,
) -> None:
    """Show what somebody sent."""
    found = run(_sent(settings_of(context), address, days))
    if json:
        print_json([_dispatch_as_json(one) for one in found])
    else:
        print_table("Sent", "Id", "From", "Message-ID", rows=[_row(one) for one in found])


async def _reports(settings: Settings, name: str) -> list[Report]:
    async def work(tx: Tx) -> list[Report]:
        found = await dispatches.find(tx, name)
        if not found:
            raise CommandFailed(f"no message {name} was sent; `mailgate sent list ADDRESS` shows what somebody sent")
        return [await states.report(tx, one) for one in found]

    async with database(settings) as opened:
        return await opened.read(work)


async def _sent(settings: Settings, address: str, days: int) -> list[Dispatch]:
    async def work(tx: Tx) -> list[Dispatch]:
        writer = await recipients.resolve(tx, address)
        if not isinstance(writer, PersonRecipient):
            raise CommandFailed(f"nobody has the address {address}")
        now = int(time.time())
        return await dispatches.sent_by(tx, writer.account_id, now - days * _DAY, now)

    async with database(settings) as opened:
        return await opened.read(work)


def _when(at: int) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")


def _row(one: Dispatch) -> tuple[str, ...]:
    return _when(one.at), one.dispatch_id, one.author, one.internet_id


def _dispatch_as_json(one: Dispatch) -> dict[str, object]:
    return {"id": one.dispatch_id, "message_id": one.internet_id, "from": one.author, "at": one.at}


def _groups(report: Report) -> list[tuple[int, str]]:
    named = [(0, "people named")] if any(one.list_id == 0 for one in report.recipients) else []
    return named + [(one.list_id, one.address) for one in report.lists]


def _as_json(report: Report, *, people: bool) -> dict[str, object]:
    shown: dict[str, object] = _dispatch_as_json(report.dispatch)
    shown["to"] = [
        {"to": to, **{state.value: count for state, count in report.count(list_id).items()}}
        for list_id, to in _groups(report)
    ]
    shown["families"] = {state.value: report.families.count(state) for state in Delivery if state in report.families}
    shown["waiting"] = [{"to": one.address, "state": one.state, "until": one.until} for one in report.waiting]
    if people:
        lists = dict(_groups(report))
        shown["people"] = [
            {
                "name": one.name,
                "address": one.address,
                "profile": one.profile,
                "to": lists.get(one.list_id, ""),
                "state": one.state,
                "signed_in_ever": one.activated,
            }
            for one in report.recipients
        ]
    return shown


def _waits(one: Waiting) -> str:
    match one.state:
        case Delivery.HELD:
            return f"waits for a moderator until {_when(one.until)}"
        case Delivery.WAITING:
            return f"goes at {_when(one.until)}, unless it is taken back"
        case state:
            return f"{state.value} at {_when(one.until)}"


def _print(report: Report, *, people: bool) -> None:
    console.print(f"{report.dispatch.internet_id} from {report.dispatch.author}, {_when(report.dispatch.at)}")
    rows = [
        (to, state.value, str(report.count(list_id)[state]))
        for list_id, to in _groups(report)
        for state in Delivery
        if report.count(list_id)[state]
    ]
    rows += [(one.address, _waits(one), "–") for one in report.waiting]
    rows += [
        ("families", state.value, str(report.families.count(state))) for state in Delivery if state in report.families
    ]
    print_table("To", "State", "Number", rows=rows)
    never = sum(not one.activated for one in report.recipients)
    console.print(f"{never} of {len(report.recipients)} people have never signed in.")
    if people:
        print_table(
            "Name",
            "Profile",
            "Address",
            "State",
            rows=[(one.name, one.profile, one.address, one.state.value) for one in report.recipients],
        )
