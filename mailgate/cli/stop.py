"""`mailgate stop`: the graded emergency stop."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from sqlalchemy import Connection

from mailgate.cli.context import (
    CommandFailed,
    DryRun,
    Json,
    apply,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.config import Gateway
from mailgate.policy import stops
from mailgate.policy.audit import record
from mailgate.policy.matrix import Verdict
from mailgate.policy.stops import StopView, Wanted

app = typer.Typer(
    help="Emergency stop: sending ends at once, for as few as need be; reading stays open.", no_args_is_help=True
)

_HOURS = 24.0
_MOST_HOURS = 24 * 366.0


@app.command(
    epilog="Example: mailgate stop add --profile pupil --school 0135678H --hours 4 --reason-fr 'Incident en cours'"
)
def add(  # noqa: PLR0913 - the options of the command
    context: typer.Context,
    *,
    everybody: Annotated[bool, typer.Option("--everybody", help="All sending, of everybody.")] = False,
    profile: Annotated[
        list[str] | None, typer.Option(help="People of this profile; several make several stops.")
    ] = None,
    school: Annotated[str | None, typer.Option(help="UAI: who belongs to the school, and its lists.")] = None,
    list_: Annotated[str | None, typer.Option("--list", help="Messages to this list.")] = None,
    account: Annotated[str | None, typer.Option(help="Address of the person who is not to send.")] = None,
    moderate: Annotated[bool, typer.Option("--moderate", help="A moderator approves, instead of a refusal.")] = False,
    hours: Annotated[
        float, typer.Option(min=0.01, max=_MOST_HOURS, help="The stop ends by itself after so long.")
    ] = _HOURS,
    reason_fr: Annotated[str, typer.Option(help="What senders read, in French.")] = "",
    reason_en: Annotated[str, typer.Option(help="What senders read, in English.")] = "",
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Stop sending. Several options together concern what meets all of them."""
    if everybody == any((profile, school, list_, account)):
        raise CommandFailed("say whom: --everybody, or any of --profile, --school, --list and --account")

    def work(connection: Connection) -> list[StopView]:
        stops.begin(connection)
        wanted = Wanted(
            verdict=Verdict.MODERATE if moderate else Verdict.REFUSE,
            ends_at=stops.now() + round(hours * 3600),
            school=school,
            list_=list_,
            account=account,
            reason_fr=reason_fr,
            reason_en=reason_en,
        )
        each = [msgspec.structs.replace(wanted, profile=one) for one in profile] if profile else [wanted]
        made = [stops.add(connection, one) for one in each]
        for one in made:
            record(connection, "stop add", one.subject, _detail(one))
        return made

    settings = settings_of(context)
    _show(apply(settings, work, dry_run=dry_run), settings.gateway, json=json)


@app.command("list", epilog="Example: mailgate stop list --all")
def list_(
    context: typer.Context,
    *,
    past: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    json: Json = False,
) -> None:
    """Show the stops that hold."""
    settings = settings_of(context)
    found = run(in_transaction(settings, lambda connection: stops.all_stops(connection, past=past)))
    _show(found, settings.gateway, json=json)


@app.command(epilog="Example: mailgate stop lift --all")
def lift(
    context: typer.Context,
    stop_id: Annotated[str | None, typer.Argument(metavar="ID", help="As `mailgate stop list` shows it.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every stop that holds.")] = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """End a stop now: sending is open again."""
    if every == (stop_id is not None):
        raise CommandFailed("say which: the id of a stop, or --all")

    def work(connection: Connection) -> list[StopView]:
        stops.begin(connection)
        lifted = stops.lift(connection, stop_id)
        for one in lifted:
            record(connection, "stop lift", one.subject, _detail(one))
        return lifted

    settings = settings_of(context)
    _show(apply(settings, work, dry_run=dry_run), settings.gateway, json=json)


def _detail(one: StopView) -> str:
    until = datetime.datetime.fromtimestamp(one.ends_at, datetime.UTC).isoformat()
    return f"{one.id}: {one.effect} until {until}"


def _show(found: Sequence[StopView], gateway: Gateway, *, json: bool) -> None:
    if json:
        print_json(found)
        return
    rows = [
        (
            one.id,
            one.effect.value,
            one.subject,
            datetime.datetime.fromtimestamp(one.ends_at, gateway.zone()).strftime("%Y-%m-%d %H:%M"),
            one.reason_fr or one.reason_en,
        )
        for one in found
    ]
    print_table("Id", "Effect", "Whom", "Until", "Reason", rows=rows)
