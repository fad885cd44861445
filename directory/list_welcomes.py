"""Who is to be told that he or she is on a list now: noted as members come, in the same transaction.

A list says in its settings what text new members get, and whether those alone who were added by name, or everybody,
whom an import, a rule or a nested list brings, too. Whoever sends the text takes the note away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Select, exists, or_, select

from directory.addresses import batches
from directory.list_decisions import decisions
from directory.list_schema import list_setting, list_welcome
from directory.list_settings import WelcomeTo
from directory.schema import list_member
from directory.sql import insert_ignoring

_BATCH = 500
_ANY = select(exists().where(list_setting.c.welcome != ""))
"""Most installations have no list with a text, and an import has many rows."""


def note(connection: Connection, list_id: int, came: Iterable[int]) -> None:
    """Note those new members of one list who are to be welcomed."""
    members = select(list_member.c.list_id, list_member.c.person_id).where(list_member.c.list_id == list_id)
    for some in batches(came, _BATCH):
        note_all(connection, members.where(list_member.c.person_id.in_(some)))


def note_all(connection: Connection, fresh: Select[Any]) -> None:
    """Note of these rows ``list_id, person_id`` those who are to be welcomed."""
    if not connection.scalar(_ANY):
        return
    new, decided = fresh.subquery("fresh"), decisions().subquery("decided")
    added = exists().where(
        decided.c.list_id == new.c.list_id, decided.c.person_id == new.c.person_id, ~decided.c.excluded
    )
    connection.execute(
        insert_ignoring(connection, list_welcome).from_select(
            ["list_id", "person_id"],
            select(new.c.list_id, new.c.person_id)
            .join(list_setting, list_setting.c.list_id == new.c.list_id)
            .where(list_setting.c.welcome != "", or_(list_setting.c.welcome_to == WelcomeTo.EVERYONE.value, added)),
        )
    )
