"""`mailgate list show` and `mailgate list describe`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, func, select

from directory.list_adjustments import adjustments, day
from directory.list_aliases import aliases
from directory.list_definitions import find
from directory.list_delegates import delegates
from directory.list_schema import list_include, list_rule
from directory.list_settings import DEFAULTS, settings_of_list
from directory.queries import ALL_LISTS, LISTS
from directory.schema import list_, list_member
from mailgate.cli.context import Json, console, in_transaction, print_json, print_table, run, settings_of
from mailgate.cli.lists.common import Address


def show(
    context: typer.Context,
    search: Annotated[str, typer.Argument(help="Part of the address; without it, every list.")] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also closed lists, and those without members.")] = False,
    year: Annotated[
        int | None, typer.Option("--year", help="Who was on the list of this address in a school year that is over.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the lists, and how many people each reaches."""
    if year is not None:
        _show_past(context, search, year, json=json)
        return
    asked = ALL_LISTS if everything else LISTS
    rows = run(in_transaction(settings_of(context), lambda connection: connection.execute(asked).all()))
    found = [row for row in rows if search.lower() in row.address]
    if json:
        print_json([row._asdict() for row in found])
    else:
        print_table(
            "Address", "List", "Members", rows=[(row.address, f"{row.label}", str(row.members)) for row in found]
        )


def _show_past(context: typer.Context, address: str, year: int, *, json: bool) -> None:
    from mailgate.school_year.past import members  # noqa: PLC0415 - most showings need nothing of it

    found = run(in_transaction(settings_of(context), lambda connection: members(connection, year, address)))
    if json:
        print_json([one._asdict() for one in found])
    else:
        print_table("Name", "Address", "Profile", rows=[(one.name, one.address, one.profile) for one in found])


def describe(context: typer.Context, address: Address, *, json: Json = False) -> None:
    """Show what a list is made of, and everything that somebody decided about it."""
    shown = run(in_transaction(settings_of(context), lambda connection: _described(connection, address)))
    if json:
        print_json(shown)
        return
    state = f"closed on {shown['closed']}" if shown["closed"] else f"{shown['members']} members"
    console.print(f"{shown['name']} <{shown['address']}>: {shown['kind']}, {state}")
    for title, key in (("Further addresses", "aliases"), ("Rule", "rule"), ("Contains", "contains")):
        if shown[key]:
            console.print(f"{title}: {shown[key] if isinstance(shown[key], str) else ', '.join(shown[key])}")
    for title, rows in (("Added", shown["added"]), ("Excluded", shown["excluded"])):
        for row in rows:
            told = f" by {row['by']} on {row['on']}" + (f": {row['reason']}" if row["reason"] else "")
            gone = "" if row["state"] == "active" else " (has left)"
            console.print(f"{title}: {row['name']} <{row['address']}>{gone}{told}")
    for row in shown["delegates"]:
        console.print(f"May {row['role']}: {row['who']}")
    for name, value in shown["settings"].items():
        if value != getattr(DEFAULTS, name):
            console.print(f"{name} = {value}")


def _described(connection: Connection, address: str) -> dict[str, Any]:
    one = find(connection, address)
    adjusted = adjustments(connection, one.list_id)
    contains = (
        select(list_.c.address)
        .join(list_include, list_include.c.nested_id == list_.c.list_id)
        .where(list_include.c.list_id == one.list_id)
        .order_by(list_.c.address)
    )
    return {
        "address": one.address,
        "name": one.label,
        "kind": one.kind,
        "members": connection.scalar(select(func.count()).where(list_member.c.list_id == one.list_id)),
        "closed": day(one.closed_at) if one.closed_at is not None else None,
        "aliases": aliases(connection, one.list_id),
        "rule": connection.scalar(select(list_rule.c.expression).where(list_rule.c.list_id == one.list_id)),
        "contains": list(connection.scalars(contains)),
        "added": _adjusted([each for each in adjusted if not each.excluded]),
        "excluded": _adjusted([each for each in adjusted if each.excluded]),
        "delegates": [
            {"who": each.who, "kind": each.grantee, "role": each.role} for each in delegates(connection, one.list_id)
        ],
        "settings": asdict(settings_of_list(connection, one.list_id)),
    }


def _adjusted(some: Sequence[Any]) -> list[dict[str, str]]:
    return [
        {
            "name": each.person,
            "address": each.address,
            "state": each.state,
            "by": each.actor,
            "on": day(each.at),
            "reason": each.reason,
        }
        for each in some
    ]
