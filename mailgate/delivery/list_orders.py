"""What a manager of a list may do with it: bounded to the list's own school or cité, whoever manages it.

A delegate reads of a person whom he or she may not add no more than that: whether somebody left, was excluded, or never
was, is the school's affair. Batch work over a plain connection, in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sqlalchemy import Connection, exists, literal, select

from directory import list_adjustments, list_definitions
from directory.list_adjustments import Person
from directory.list_decisions import decisions
from directory.list_definitions import Author
from directory.list_delegates import HAS_ROLE, Role
from directory.list_graph import ListError
from directory.list_membership import OneList, follow
from directory.nomenclature import Profile
from directory.queries import MEMBERS, PERSON_BY_ADDRESS
from directory.schema import ACTIVE, Id, cite, list_member, person, school
from directory.ties import schools_of
from mailgate.policy.audit import record
from mailgate.policy.profiles import STAFF


class Action(Enum):
    """What a manager does; the values stand in the audit."""

    ADD = "list members add"
    REMOVE = "list members remove"
    MEMBERS = "list members"
    CLOSE = "list close"
    REOPEN = "list reopen"


ON_PEOPLE: Final = frozenset({Action.ADD, Action.REMOVE})
REASON: Final = "by a manager of the list"


@dataclass(frozen=True, slots=True)
class Members:
    """How many members a list has, and who they are where the manager may know."""

    count: int
    named: Sequence[str] = ()


class NotTheirsError(Exception):
    """The person does not manage the list any more."""


class WhoError(Exception):
    """Somebody who cannot be added, or who is not there to be removed: `address` says whom."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def carry_out(connection: Connection, one: OneList, action: Action, people: Sequence[str], author: Author) -> Members:
    """Do what a manager wants, `author` being the manager by an address, with its audit row; give the members after it.

    Raises:
        NotTheirsError: this person may not.
        WhoError: it cannot be done for somebody; the caller must roll back.
        ListError: the list is closed already, or is not.
    """
    manager = list_adjustments.find_person(connection, author.actor)
    asked = {"list_id": one.list_id, "person_id": manager.person_id, "role": Role.MANAGE.value}
    if not connection.scalar(HAS_ROLE, asked):
        raise NotTheirsError(author.actor)
    match action:
        case Action.ADD:
            _add(connection, one, people, author)
        case Action.REMOVE:
            _remove(connection, one, people, author)
        case Action.CLOSE:
            list_definitions.close(connection, one, author)
        case Action.REOPEN:
            list_definitions.reopen(connection, one)
    if action is not Action.MEMBERS:
        record(connection, action.value, one.address, ", ".join(people), **author._asdict())
    return _members(connection, one, manager)


def _add(connection: Connection, one: OneList, people: Iterable[str], author: Author) -> None:
    for text in people:
        who = _insider(connection, one, text)
        try:
            list_adjustments.add(connection, one, [who], author, REASON)
        except ListError as error:
            raise WhoError(text) from error
    follow(connection, [one.list_id], names=False)


def _insider(connection: Connection, one: OneList, text: str) -> Person:
    """Somebody of the list's school or cité who was not excluded. Raises WhoError."""
    row = connection.execute(PERSON_BY_ADDRESS, {"address": text}).first()
    if row is None or row.state != ACTIVE or row.profile == Profile.SHARED:
        raise WhoError(text)
    its_cite = select(cite.c.cite_id).where(cite.c.domain == one.address.rpartition("@")[2])
    of_list = school.c.school_id == one.school_id if one.school_id is not None else school.c.cite_id.in_(its_cite)
    own = schools_of(literal(row.person_id, Id)).subquery("own")
    decided = decisions().subquery("decided").c
    excluded = exists().where(decided.list_id == one.list_id, decided.person_id == row.person_id, decided.excluded)
    here = select(exists().where(school.c.school_id.in_(select(own.c.school_id)), of_list), excluded)
    belongs, is_excluded = connection.execute(here).one()
    if not belongs or is_excluded:
        raise WhoError(text)
    return Person(row.person_id, text, active=True)


def _remove(connection: Connection, one: OneList, people: Iterable[str], author: Author) -> None:
    """An addition is taken back; who is a member for another reason, too, is excluded."""
    for text in people:
        try:
            who = list_adjustments.find_person(connection, text)
            if not _is_member(connection, one, who):
                raise WhoError(text)
            if any(each.person_id == who.person_id for each in list_adjustments.adjustments(connection, one.list_id)):
                list_adjustments.remove(connection, one, [who])
                follow(connection, [one.list_id], names=False)
            if _is_member(connection, one, who):
                list_adjustments.exclude(connection, one, [who], author, REASON)
                follow(connection, [one.list_id], names=False)
        except ListError as error:
            raise WhoError(text) from error


def _is_member(connection: Connection, one: OneList, who: Person) -> bool:
    there = exists().where(list_member.c.list_id == one.list_id, list_member.c.person_id == who.person_id)
    return bool(connection.scalar(select(there)))


def _members(connection: Connection, one: OneList, manager: Person) -> Members:
    rows = connection.execute(MEMBERS, {"list_id": one.list_id}).all()
    profile = connection.scalar(select(person.c.profile).where(person.c.person_id == manager.person_id))
    return Members(len(rows), [f"{row.display} <{row.address}>" for row in rows] if profile in STAFF else ())
