"""`mailgate list members add|remove`, `exclude`, `include`: who is in a list whatever the directory says."""

from __future__ import annotations

import typer
from sqlalchemy import Connection

from directory import list_adjustments
from directory.list_adjustments import Person, find_person
from directory.list_definitions import Author, find
from directory.list_membership import OneList
from mailgate.cli.context import DryRun, Json
from mailgate.cli.lists.common import Address, Done, People, Reason, change, several


def add(
    context: typer.Context,
    address: Address,
    people: People,
    reason: Reason = "",
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Make people members of any list; no import takes them out, as long as they have not left."""

    def work(connection: Connection, author: Author) -> Done:
        one, who = _found(connection, address, people)
        list_adjustments.add(connection, one, who, author, reason)
        return _done(one, who, "added to", reason)

    change(context, "list members add", work, dry_run=dry_run, json=json)


def remove(
    context: typer.Context, address: Address, people: People, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Take additions back. Who is a member for another reason stays: `exclude` takes such members out."""

    def work(connection: Connection, _author: Author) -> Done:
        one, who = _found(connection, address, people)
        list_adjustments.remove(connection, one, who)
        return _done(one, who, "no more added to")

    change(context, "list members remove", work, dry_run=dry_run, json=json)


def exclude(
    context: typer.Context,
    address: Address,
    people: People,
    reason: Reason = "",
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Keep people out of any list, whatever the directory, a rule or a nested list says; no import brings them back."""

    def work(connection: Connection, author: Author) -> Done:
        one, who = _found(connection, address, people)
        list_adjustments.exclude(connection, one, who, author, reason)
        return _done(one, who, "excluded from", reason)

    change(context, "list exclude", work, dry_run=dry_run, json=json)


def include(
    context: typer.Context, address: Address, people: People, *, dry_run: DryRun = False, json: Json = False
) -> None:
    """Take exclusions back: the directory, the rule or a nested list decides again."""

    def work(connection: Connection, _author: Author) -> Done:
        one, who = _found(connection, address, people)
        list_adjustments.include(connection, one, who)
        return _done(one, who, "no more excluded from")

    change(context, "list include", work, dry_run=dry_run, json=json)


def _found(connection: Connection, address: str, people: list[str]) -> tuple[OneList, list[Person]]:
    return find(connection, address), [find_person(connection, each) for each in dict.fromkeys(people)]


def _done(one: OneList, who: list[Person], what: str, reason: str = "") -> Done:
    names = several([each.address for each in who])
    return Done(
        one.address,
        f"{names}: {reason}" if reason else names,
        f"{names} {'is' if len(who) == 1 else 'are'} {what} {one.address}.",
        (one.list_id,),
        {"people": [each.address for each in who]},
    )
