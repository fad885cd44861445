"""`mailgate list alias`, `delegate` and `settings`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Connection

from directory import list_aliases, list_delegates
from directory.list_definitions import Author, find
from directory.list_delegates import Role
from directory.list_settings import NAMES, set_settings, settings_of_list
from mailgate import list_archives
from mailgate.cli.context import DryRun, Json, in_transaction, print_json, print_table, run, settings_of
from mailgate.cli.lists.common import Address, Done, change

aliases = typer.Typer(help="Further addresses of a list.", no_args_is_help=True)
delegates = typer.Typer(help="Who manages a list, and who moderates it.", no_args_is_help=True)
settings = typer.Typer(help="How a list treats messages.", no_args_is_help=True)

Alias = Annotated[str, typer.Argument(metavar="ADDRESS", help="The further address.")]
Whom = Annotated[str, typer.Argument(metavar="WHOM", help="Address of a person, or of a list for its members.")]
Wanted = Annotated[Role, typer.Option("--role", help="Who manages a list may moderate it too.")]


@aliases.command(
    "add", epilog="Example: mailgate list alias add ape@clg-a.ent.example.org parents-elus@clg-a.ent.example.org"
)
def add_alias(
    context: typer.Context, address: Address, alias: Alias, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Give a list a further address. It is this list's for ever."""

    def work(connection: Connection, author: Author) -> Done:
        one = find(connection, address)
        given = list_aliases.add(connection, one, alias, author)
        return Done(one.address, given, f"{given} reaches {one.address}.", (), {"alias": given})

    change(context, "list alias add", work, dry_run=dry_run, json=json)


@aliases.command(
    "remove", epilog="Example: mailgate list alias remove ape@clg-a.ent.example.org elus@clg-a.ent.example.org"
)
def remove_alias(
    context: typer.Context, address: Address, alias: Alias, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Take a further address out of use. Nobody else ever gets it; the list may have it back."""

    def work(connection: Connection, author: Author) -> Done:
        one = find(connection, address)
        taken = list_aliases.remove(connection, one, alias, author)
        return Done(one.address, taken, f"{taken} reaches nobody any more.", (), {"alias": taken})

    change(context, "list alias remove", work, dry_run=dry_run, json=json)


@delegates.command(
    "add", epilog="Example: mailgate list delegate add ape@clg-a.ent.example.org direction@clg-a.ent.example.org"
)
def add_delegate(
    context: typer.Context,
    address: Address,
    whom: Whom,
    role: Wanted = Role.MANAGE,
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let a person, or the present and future members of a list, manage or moderate a list."""

    def work(connection: Connection, author: Author) -> Done:
        one = find(connection, address)
        who = list_delegates.add(connection, one, whom, role, author)
        list_archives.follow(connection, one)
        return Done(one.address, f"{role} {who}", f"{who} may {role} {one.address}.", (), {"who": who, "role": role})

    change(context, "list delegate add", work, dry_run=dry_run, json=json)


@delegates.command(
    "remove", epilog="Example: mailgate list delegate remove ape@clg-a.ent.example.org eva.roy@ent.example.org"
)
def remove_delegate(
    context: typer.Context,
    address: Address,
    whom: Whom,
    role: Wanted = Role.MANAGE,
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take a right on a list back."""

    def work(connection: Connection, _author: Author) -> Done:
        one = find(connection, address)
        who = list_delegates.remove(connection, one, whom, role)
        list_archives.follow(connection, one)
        said = f"{who} may no more {role} {one.address}."
        return Done(one.address, f"{role} {who}", said, (), {"who": who, "role": role})

    change(context, "list delegate remove", work, dry_run=dry_run, json=json)


@settings.command("show", epilog="Example: mailgate list settings show ape@clg-a.ent.example.org")
def show_settings(context: typer.Context, address: Address, *, json: Json = False) -> None:
    """Show the settings of a list, defaults included."""

    def work(connection: Connection) -> dict[str, object]:
        return asdict(settings_of_list(connection, find(connection, address).list_id))

    found = run(in_transaction(settings_of(context), work))
    if json:
        print_json(found)
    else:
        print_table("Setting", "Value", rows=[(name, _shown(value)) for name, value in found.items()])


@settings.command("set", epilog="Example: mailgate list settings set ape@clg-a.ent.example.org posting=members tag=APE")
def set_settings_(
    context: typer.Context,
    address: Address,
    values: Annotated[
        list[str], typer.Argument(metavar="NAME=VALUE...", help=f"{', '.join(NAMES)}; =default undoes one.")
    ],
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Set how a list treats messages."""
    texts = dict(_pair(value) for value in values)

    def work(connection: Connection, author: Author) -> Done:
        one = find(connection, address)
        before, after = set_settings(connection, one.list_id, texts, **author._asdict())
        list_archives.follow(connection, one)
        old, new = asdict(before), asdict(after)
        changed = ", ".join(
            f"{name}: {_shown(old[name])} → {_shown(new[name])}" for name in new if new[name] != old[name]
        )
        said = f"{one.address}: {changed or 'nothing changes'}"
        return Done(one.address, changed, said, (), {"settings": new})

    change(context, "list settings set", work, dry_run=dry_run, json=json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name.strip().replace("-", "_"), value


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).replace("\n", " ") if value != "" else "–"
