"""Short ways to change lists and to look at them, for the tests."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from directory import list_adjustments, list_definitions
from directory.list_definitions import Author, find
from directory.list_membership import follow
from directory.list_schema import list_adjustment, list_alias, list_delegate, list_include, list_rule, list_setting
from directory.report import ListChange
from directory.schema import list_, list_member, person

ADMIN = Author("root", 1_767_225_600)
DOMAIN = "clg-jules-ferry.ent.example.org"


def whole(name: str) -> str:
    """The address of a list of the small school."""
    return name if "@" in name else f"{name}@{DOMAIN}"


def create(connection: Connection, name: str, rule: str | None = None) -> list[ListChange]:
    """Make a list."""
    made = list_definitions.create(connection, whole(name), name.title(), ADMIN, rule=rule)
    return follow(connection, [made.list_id])


def set_rule(connection: Connection, name: str, rule: str) -> list[ListChange]:
    """Change a rule."""
    one = find(connection, whole(name))
    list_definitions.set_rule(connection, one, rule, ADMIN)
    return follow(connection, [one.list_id])


def nest(connection: Connection, name: str, *nested: str) -> list[ListChange]:
    """Put lists into a list by hand."""
    one = find(connection, whole(name))
    for each in nested:
        list_definitions.nest(connection, one, find(connection, whole(each)), ADMIN)
    return follow(connection, [one.list_id])


def unnest(connection: Connection, name: str, nested: str) -> list[ListChange]:
    """Take a list out of a list by hand."""
    one = find(connection, whole(name))
    list_definitions.unnest(connection, one, find(connection, whole(nested)))
    return follow(connection, [one.list_id])


def adjust(connection: Connection, what: str, name: str, *who: str, reason: str = "") -> list[ListChange]:
    """add, remove, exclude or include people, by address."""
    one = find(connection, whole(name))
    people = [list_adjustments.find_person(connection, each) for each in who]
    if what in ("add", "exclude"):
        getattr(list_adjustments, what)(connection, one, people, ADMIN, reason)
    else:
        getattr(list_adjustments, what)(connection, one, people)
    return follow(connection, [one.list_id])


def counts(changes: Iterable[ListChange]) -> dict[str, tuple[int, int]]:
    """Who came and who went, in numbers, by local part."""
    return {change.address.partition("@")[0]: (change.came, change.went) for change in changes}


def all_members(connection: Connection) -> dict[str, set[int]]:
    """The record numbers of the members of every list, in use or not, by local part."""
    found: dict[str, set[int]] = {text.partition("@")[0]: set() for text in connection.scalars(select(list_.c.address))}
    rows = connection.execute(
        select(list_.c.address, person.c.source_id)
        .join(list_member, list_member.c.list_id == list_.c.list_id)
        .join(person, person.c.person_id == list_member.c.person_id)
    )
    for text, source_id in rows:
        found[text.partition("@")[0]].add(int(source_id))
    return found


def decided(connection: Connection) -> list[list[tuple[object, ...]]]:
    """Every row of what people decided about lists."""
    tables = (list_rule, list_include, list_adjustment, list_alias, list_delegate, list_setting)
    return [sorted((tuple(row) for row in connection.execute(select(table))), key=repr) for table in tables]
