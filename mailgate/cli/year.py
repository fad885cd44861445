"""`mailgate year`: the school year turns over."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Annotated, Any, Final

import typer
from sqlalchemy import Connection

from directory.school_year import year_label
from directory.sources import NOW, held_sources
from directory.years import current_year, held_years
from mailgate.cli.context import (
    DryRun,
    Json,
    apply,
    console,
    in_transaction,
    print_json,
    rehearse,
    run,
    settings_of,
)
from mailgate.config import Settings
from mailgate.school_year.changes import ListTurn, PersonTurn
from mailgate.school_year.planning import cancel, carry_out, plan, planned
from mailgate.school_year.switching import Means, Turn
from mailgate.school_year.switching import preview as look
from mailgate.school_year.switching import switch as turn_to
from mailgate.school_year.switching import undo as turn_back

app = typer.Typer(help="The school year: look at the next one, switch to it, undo the switch.", no_args_is_help=True)

Year = Annotated[int, typer.Argument(metavar="YEAR", help="First calendar year of the school year.")]
School = Annotated[str, typer.Option("--school", help="UAI: show what concerns this school alone.")]
_EXAMPLES: Final = 10
_TIMES: Final = ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"]
_MOMENTS: Final = {"planned for": "due_at", "made": "done_at", "undone": "undone_at"}


def _means(settings: Settings) -> Means:
    return Means.of(settings, datetime.datetime.now().astimezone())


@app.command(epilog="Example: mailgate year preview 2026 --school 0131001T")
def preview(context: typer.Context, year: Year, *, school: School = "", json: Json = False) -> None:
    """Show what the switch to a prepared school year would do: September's lists, who comes, leaves, changes class."""
    settings = settings_of(context)
    turn = run(rehearse(settings, lambda connection: look(connection, _means(settings), year)))
    _show(turn, school.upper(), json=json)


@app.command(epilog="Example: mailgate year switch 2026 --dry-run")
def switch(
    context: typer.Context,
    year: Year,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Accept what the preview doubts, and that many people leave.")
    ] = False,
    at: Annotated[
        datetime.datetime | None,
        typer.Option("--at", formats=_TIMES, help="When, in local time: a gateway makes the switch then."),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Switch to a prepared school year, all or nothing. For a day `mailgate year undo` takes it back."""
    settings = settings_of(context)
    if at is not None:
        when = at.astimezone()
        apply(settings, lambda connection: plan(connection, _means(settings), year, when, force=force), dry_run=dry_run)
        if json:
            print_json({"school_year": year, "due_at": when.isoformat()})
        else:
            console.print(f"The switch to {year_label(year)} {'would be' if dry_run else 'is'} planned for {when:%c}")
        return

    def work(connection: Connection) -> Turn:
        return turn_to(connection, _means(settings), year, force=force)

    _show(apply(settings, work, dry_run=dry_run), "", json=json)


@app.command(epilog="Example: mailgate year undo --dry-run")
def undo(context: typer.Context, *, dry_run: DryRun = False, json: Json = False) -> None:
    """Go back to the directory of before the switch, within a day. Who came is suspended; no mail is lost."""
    settings = settings_of(context)
    turn = apply(settings, lambda connection: turn_back(connection, _means(settings)), dry_run=dry_run)
    _show(turn, "", json=json)


@app.command("cancel", epilog="Example: mailgate year cancel 2026")
def cancel_(context: typer.Context, year: Year) -> None:
    """Take a planned switch back."""
    settings = settings_of(context)
    apply(settings, lambda connection: cancel(connection, _means(settings), year))


@app.command("run-due", epilog="Example: mailgate year run-due")
def run_due(context: typer.Context) -> None:
    """Make the switches whose time has come, where no gateway runs that does; for cron."""
    for line in run(carry_out(settings_of(context), datetime.datetime.now().astimezone())):
        console.print(line)


@app.command(epilog="Example: mailgate year show")
def show(context: typer.Context, *, json: Json = False) -> None:
    """Show the school year of the directory, what is held for others, switches planned and made."""
    settings = settings_of(context)
    shown = run(in_transaction(settings, lambda connection: _state(connection, settings.directory.academy)))
    if json:
        print_json(shown)
        return
    console.print(f"School year: {year_label(shown['current']) if shown['current'] else 'none yet'}")
    for year, names in shown["held"].items():
        console.print(f"Held for {year_label(year)}: {', '.join(names)}")
    for one in shown["switches"]:
        told = [f"{name} {one[key]}" for name, key in _MOMENTS.items() if one[key]]
        refused = f", refused: {one['refusal']}" if one["refusal"] else ""
        console.print(f"Switch to {year_label(one['school_year'])}: {', '.join(told)} by {one['actor']}{refused}")


def _state(connection: Connection, academy: str) -> dict[str, Any]:
    current = current_year(connection, academy)
    years = {one for one in held_years(connection, academy) if one != NOW}
    return {
        "current": current,
        "held": {year: [one.source.name for one in held_sources(connection, academy, year)] for year in sorted(years)},
        "switches": [
            {**one._asdict(), **{key: _moment(getattr(one, key)) for key in _MOMENTS.values()}}
            for one in planned(connection, academy)
        ],
    }


def _moment(at: int | None) -> str | None:
    return None if at is None else datetime.datetime.fromtimestamp(at).astimezone().isoformat(timespec="minutes")


def _show(turn: Turn, uai: str, *, json: bool) -> None:
    if json:
        print_json(turn.to_json(uai))
        return
    changes = turn.changes.of(uai) if uai else turn.changes
    console.print(f"From {year_label(turn.before)} to {year_label(turn.after)}" + (f", {uai}" if uai else ""))
    for school, (before, after) in changes.enrolled.items():
        console.print(f"{school}: {before} pupils before, {after} after")
    for title, people in (("Arrivals", changes.arrivals), ("Leavers", changes.leavers)):
        profiles = ", ".join(f"{count} {name}" for name, count in Counter(one.profile for one in people).most_common())
        console.print(f"{title}: {len(people)}" + (f" ({profiles})" if profiles else ""))
    console.print(f"Class changes: {len(changes.moves)}")
    _some([f"{one.name} <{one.address}>: {_move(one)}" for one in changes.moves])
    console.print(f"Address changes: {len(changes.addresses) or 'none'}")
    _some(changes.addresses)
    for state in ("new", "gone", "changed"):
        lists = [one for one in changes.lists if one.state == state]
        console.print(f"Lists {state}: {len(lists)}")
        _some([_list(one) for one in sorted(lists, key=lambda one: (-one.went, -one.came, one.address))])
    for title, lines in (("Warnings", turn.warnings), ("Refused without --force", turn.doubts)):
        if lines:
            console.print(f"{title}:")
            _some(lines)


def _some(lines: list[str]) -> None:
    for line in lines[:_EXAMPLES]:
        console.print(f"  {line}")
    if len(lines) > _EXAMPLES:
        console.print(f"  … and {len(lines) - _EXAMPLES} more (--json has all)")


def _move(one: PersonTurn) -> str:
    return f"{', '.join(one.left) or 'no class'} → {', '.join(one.joined) or 'no class'}"


def _list(one: ListTurn) -> str:
    return f"{one.address}: +{one.came} -{one.went} ({one.before} before, {one.after} after)"
