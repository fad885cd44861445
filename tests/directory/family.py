"""Decisions about parents of the small school, with what follows from them in the directory."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, select

from directory import exclusions, merging
from directory.family import follow_families, pupils_of
from directory.list_definitions import Author
from directory.model import Record
from directory.report import ImportReport
from directory.schema import address, person
from tests.directory.academy import SETTINGS, guardian_of, pupil, relative, small, take

AUTHOR = Author("root", 1_760_000_000)
SCHOOL = "0131001T"
PARENTS = "parents@clg-jules-ferry.ent.example.org"
OF_6A = "6a.parents@clg-jules-ferry.ent.example.org"
OF_6B = "6b.parents@clg-jules-ferry.ent.example.org"
CHILDREN = (
    pupil(1, "A Roy", links=(guardian_of(11),)),
    pupil(2, "B Roy", in_class="6B", links=(guardian_of(12),)),
)
FAMILY = (*CHILDREN, relative(11, "Éva Roy"), relative(12, "Éva Roy"))


def imported(connection: Connection, *people: Record) -> ImportReport:
    """Import a set of the small school."""
    return take(connection, small(*people), replace(SETTINGS, force=True))


def main_address(connection: Connection, number: int) -> str:
    """The primary address of the person of a record."""
    of = select(address.c.address).join(person, person.c.person_id == address.c.person_id)
    found: str = connection.execute(of.where(person.c.source_id == str(number), address.c.is_primary)).scalar_one()
    return found


def holder(connection: Connection, text: str) -> int:
    """The own record of the person whom an address reaches."""
    of = select(person.c.source_id).join(address, address.c.person_id == person.c.person_id)
    return int(connection.execute(of.where(address.c.address == text)).scalar_one())


def exclude(connection: Connection, whom: str, target: str, reason: str = "jugement") -> None:
    """Exclude somebody."""
    who, for_whom = exclusions.find_parent(connection, whom), exclusions.find_target(connection, target)
    exclusions.exclude(connection, who, for_whom, AUTHOR, reason)
    follow_families(connection, [who.person_id], exclusions.concerned(connection, who, for_whom))


def lift(connection: Connection, whom: str, target: str) -> None:
    """Take it back."""
    who, for_whom = exclusions.find_parent(connection, whom), exclusions.find_target(connection, target)
    exclusions.lift(connection, who, for_whom)
    follow_families(connection, [who.person_id], exclusions.concerned(connection, who, for_whom))


def merge(connection: Connection, keep: str, drop: str) -> None:
    """Merge two people."""
    kept, dropped = exclusions.find_parent(connection, keep), exclusions.find_parent(connection, drop)
    people = [kept.person_id, dropped.person_id]
    pupils = pupils_of(connection, people)
    merging.merge(connection, kept, dropped, AUTHOR, SETTINGS.today)
    follow_families(connection, people, pupils)


def split(connection: Connection, what: str) -> str:
    """Undo a merge; give the address of who is a person again."""
    undone = merging.split(connection, what, AUTHOR, SETTINGS.today)
    people = [undone.kept_id, undone.other_id]
    follow_families(connection, people, pupils_of(connection, people))
    return undone.address
