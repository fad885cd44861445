"""`mailgate list check`: before somebody writes to a list."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from directory.list_settings import DEFAULTS
from mailgate.cli.context import Json, console, in_transaction, print_json, print_table, run, settings_of
from mailgate.cli.lists.common import Address
from mailgate.delivery import reach
from mailgate.delivery.reach import Lack, Reach


def check(
    context: typer.Context,
    address: Address,
    *,
    members: Annotated[bool, typer.Option("--members", help="Name the members with whom something is amiss.")] = False,
    json: Json = False,
) -> None:
    """Say whom a list reaches, whom it misses, and who may post to it."""
    found = run(in_transaction(settings_of(context), lambda connection: reach.check(connection, address)))
    if json:
        print_json(_as_json(found, members=members))
    else:
        _print(found, members=members)


def _as_json(found: Reach, *, members: bool) -> dict[str, object]:
    shown: dict[str, object] = {
        "address": found.address,
        "name": found.label,
        "closed": found.closed,
        "members": len(found.members),
        "reached": found.reached,
        "families": found.families,
        "excluded": found.excluded,
        **{lack.name.lower(): found.lacking(lack) for lack in Lack},
        "may_post": [asdict(row) for row in found.may_post],
        "settings": asdict(found.settings),
    }
    if members:
        shown["people"] = [asdict(member) for member in found.members]
    return shown


def _print(found: Reach, *, members: bool) -> None:
    state = "closed, it takes no messages" if found.closed else f"reaches {found.reached} of {len(found.members)}"
    console.print(f"{found.label} <{found.address}>: {state}; {found.families} families")
    counts = [(lack.value, found.lacking(lack)) for lack in Lack] + [("excluded", found.excluded)]
    if told := [(what, str(count)) for what, count in counts if count]:
        console.print()
        print_table("Of these", "People", rows=told)
    console.print()
    rows = [(row.who, row.scope or "–", row.verdict.value) for row in found.may_post]
    print_table("May post", "Scope", "How", rows=rows or [("nobody", "–", "refuse")])
    for name, value in asdict(found.settings).items():
        if value != getattr(DEFAULTS, name):
            console.print(f"{name} = {value}")
    if members:
        console.print()
        lacking = [member for member in found.members if member.lacks]
        print_table(
            "Name", "Profile", "Address", "Amiss",
            rows=[(one.name, one.profile, one.address, ", ".join(one.lacks)) for one in lacking],
        )  # fmt: skip
