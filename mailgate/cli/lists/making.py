"""`mailgate list create`, `rule`, `nest`, `rename`, `close`, `reopen`, `refresh`."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy import Connection

from directory import list_definitions
from directory.list_changes import Limits
from directory.list_definitions import Author, find
from directory.list_refresh import refresh as refresh_all
from directory.report import ImportReport
from mailgate.cli.context import (
    DryRun,
    Json,
    apply,
    console,
    print_json,
    settings_of,
)
from mailgate.cli.lists.common import Address, Done, change, print_changes, several
from mailgate.policy.audit import record

Rule = Annotated[
    str, typer.Argument(metavar="RULE", help="Lists with | (either), & (both), - (without) and parentheses.")
]
Nested = Annotated[list[str], typer.Argument(metavar="NESTED...", help="Addresses of lists.")]


def create(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="In the domain of the school or cité; nobody ever had it.")],
    label: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    rule: Annotated[str | None, typer.Option("--rule", help="Make a list by rule, of other lists.")] = None,
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make a list: by hand, empty until `members add` and `nest`, or by rule."""

    def work(connection: Connection, author: Author) -> Done:
        made = list_definitions.create(connection, address, label, author, rule=rule)
        detail = f"{made.label}: {rule}" if rule is not None else made.label
        said = f"{made.label} <{made.address}> is there."
        return Done(made.address, detail, said, (made.list_id,), {"name": made.label})

    change(context, "list create", work, dry_run=dry_run, json=json)


def rule(
    context: typer.Context, address: Address, expression: Rule, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Give a list by rule another rule."""

    def work(connection: Connection, author: Author) -> Done:
        one = find(connection, address)
        kept = list_definitions.set_rule(connection, one, expression, author)
        return Done(one.address, kept, f"{one.address} is {kept}.", (one.list_id,), {"rule": kept})

    change(context, "list rule", work, dry_run=dry_run, json=json)


def nest(
    context: typer.Context, address: Address, nested: Nested, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Let a list by hand contain other lists: their members, today's and later ones, are its members."""

    def work(connection: Connection, author: Author) -> Done:
        one = find(connection, address)
        for each in nested:
            list_definitions.nest(connection, one, find(connection, each), author)
        return Done(one.address, several(nested), f"{one.address} contains {several(nested)}.", (one.list_id,))

    change(context, "list nest", work, dry_run=dry_run, json=json)


def unnest(
    context: typer.Context, address: Address, nested: Nested, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Take lists out of a list by hand."""

    def work(connection: Connection, _author: Author) -> Done:
        one = find(connection, address)
        for each in nested:
            list_definitions.unnest(connection, one, find(connection, each))
        return Done(one.address, several(nested), f"{one.address} no more contains {several(nested)}.", (one.list_id,))

    change(context, "list unnest", work, dry_run=dry_run, json=json)


def rename(
    context: typer.Context,
    address: Address,
    label: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Give a list by hand or by rule another name. Its address never changes: `alias add` gives a further one."""

    def work(connection: Connection, _author: Author) -> Done:
        one = find(connection, address)
        name = list_definitions.rename(connection, one, label)
        return Done(one.address, f"{one.label}, now {name}", f"{name} <{one.address}>", (), {"name": name})

    change(context, "list rename", work, dry_run=dry_run, json=json)


def close(context: typer.Context, address: Address, *, dry_run: DryRun = False, json: Json = False) -> None:
    """Let nobody write to a list any more. It is kept with its members, and its address is never given again."""

    def work(connection: Connection, author: Author) -> Done:
        one = find(connection, address)
        list_definitions.close(connection, one, author)
        return Done(one.address, "", f"{one.address} is closed.")

    change(context, "list close", work, dry_run=dry_run, json=json)


def reopen(context: typer.Context, address: Address, *, dry_run: DryRun = False, json: Json = False) -> None:
    """Open a closed list again."""

    def work(connection: Connection, _author: Author) -> Done:
        one = find(connection, address)
        list_definitions.reopen(connection, one)
        return Done(one.address, "", f"{one.address} is open.")

    change(context, "list reopen", work, dry_run=dry_run, json=json)


def refresh(
    context: typer.Context,
    *,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Accept that many members leave lists.")] = False,
    json: Json = False,
) -> None:
    """Compute every list anew, as an import does; refused when too many members would leave."""
    settings = settings_of(context)
    directory = settings.directory
    limits = None if force else Limits(directory.max_list_departures, directory.max_list_departures_new_year)

    def work(connection: Connection) -> ImportReport:
        report = refresh_all(connection, limits, dry_run=dry_run)
        if not dry_run:
            counts = f"+{report.lists.members_added} -{report.lists.members_removed} memberships"
            record(connection, "list refresh", "", counts)
        return report

    done = apply(settings, work, dry_run=dry_run)
    if json:
        print_json(
            {
                "dry_run": dry_run,
                "added": done.lists.members_added,
                "removed": done.lists.members_removed,
                "changes": [each.to_json() for each in done.list_changes],
            }
        )
        return
    lists = len(done.list_changes)
    would = "would change" if dry_run else "changed"
    console.print(f"{lists} lists {would}: +{done.lists.members_added} -{done.lists.members_removed} memberships.")
    print_changes(done.list_changes)
