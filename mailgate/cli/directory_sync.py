"""`mailgate directory sync`: look at the sources on LDAP servers now, or at how they are followed."""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from mailgate.cli.context import (
    CommandFailed,
    DryRun,
    Json,
    console,
    in_transaction,
    print_json,
    print_table,
    run,
    settings_of,
)
from mailgate.config import Settings
from mailgate.following.states import Live, live_sources, next_comparison, state_of


def sync(
    context: typer.Context,
    *,
    source: Annotated[str | None, typer.Option("--source", help="Name of the one source; default: all.")] = None,
    complete: Annotated[bool, typer.Option("--complete", help="Compare everything, not only what changed.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Only show how the sources are followed.")] = False,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Accept that many people leave.")] = False,
    json: Json = False,
) -> None:
    """Take in what changed on LDAP servers, as a running gateway does by itself; all of a look or nothing."""
    settings = settings_of(context)
    found = [one for one in live_sources(settings.directory) if source in (None, one.source.name)]
    if not found:
        raise CommandFailed(f"the settings have no source {source or 'on an LDAP server'} that could be followed")
    if status:
        _show(_states(settings, found), json=json)
        return
    from mailgate.following.syncing import sync_source  # noqa: PLC0415 - ldap3 costs 0.2 s

    done = [run(sync_source(settings, one, complete=complete, force=force, dry_run=dry_run)) for one in found]
    if json:
        print_json([one.to_json() for one in done])
        return
    for one in done:
        if one.report is None:
            console.print(f"{one.name}: nothing has changed")
        else:
            console.print(f"{one.name}: everything was compared: {one.why}" if one.complete else f"{one.name}: changes")
            console.print(one.report.to_text())


def _states(settings: Settings, found: list[Live]) -> list[dict[str, Any]]:
    academy = settings.directory.academy

    def work(connection: Connection) -> list[dict[str, Any]]:
        return [_described(connection, academy, one) for one in found]

    return run(in_transaction(settings, work))


def _described(connection: Connection, academy: str, one: Live) -> dict[str, Any]:
    state = state_of(connection, academy, one.source.name)
    followed = bool(one.server.every)
    return {
        "name": one.source.name,
        "server": one.server.url,
        "followed": followed,
        "by": state.way,
        "last_look": _time(state.looked_at),
        "last_change": _time(state.changed_at),
        "last_comparison": _time(state.compared_at),
        "next_look": _time(state.next_look) if followed else None,
        "next_comparison": next_comparison(state, one.server.compare_hour).isoformat() if state.compared_at else None,
        "failures": state.failures,
        "last_failure": _time(state.failed_at),
        "error": state.error,
    }


def _time(seconds: int) -> str | None:
    return datetime.datetime.fromtimestamp(seconds).astimezone().isoformat() if seconds else None


def _show(found: list[dict[str, Any]], *, json: bool) -> None:
    if json:
        print_json(found)
        return
    columns = ("name", "by", "last_look", "last_change", "last_comparison", "next_comparison", "failures")
    rows = [tuple("never" if one[column] is None else str(one[column]) for column in columns) for one in found]
    print_table(*(column.replace("_", " ").capitalize() for column in columns), rows=rows)
    for one in found:
        if one["error"]:
            console.print(f"{one['name']}: since {one['last_failure']}: {one['error']}")
