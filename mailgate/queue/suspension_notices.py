"""Who manages a list is told that nothing more is sent to the addresses outside of some of its members.

Once for each suspension, together with all that follow within an hour: what a provider that refuses everything brings
about is one letter, not hundreds. It goes to the delegates who manage a list through which came what was refused; where
none of them is staff, and for what went to no list, to the head's office of the school. Names are for staff alone: a
parent who manages a list learns how many members are concerned. Addresses outside stand in no letter.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog
from sqlalchemy import Select, and_, func, select, union, update
from sqlalchemy.sql.selectable import Subquery

from directory.list_delegates import LIST, PERSON, Role
from directory.list_schema import list_delegate
from directory.merged import current
from directory.schema import address, list_, list_member, person, school
from directory.ties import schools_of_people
from mailgate.config import Settings
from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.i18n import Language, translator
from mailgate.policy.audit import record_in
from mailgate.policy.profiles import STAFF
from mailgate.policy.schools import settings_of_all
from mailgate.queue.letters import write
from mailgate.queue.schema import queued_message
from mailgate.queue.wishes import IS_UNTOLD, outside_failure, outside_wish
from mailgate.store import MailStore, Parcel
from mailgate.store.schema import account, dispatch_copy

log = structlog.stdlib.get_logger("mailgate.queue")

HOUR: Final = 3_600
"""Seconds that the first suspension waits for others, so that they are told of together."""
_AT_ONCE: Final = 500
_MOST: Final = 20
"""Readers of one letter: a delegate may be a list of hundreds."""

_w = outside_wish.c
_OLDEST: Final = Statement(select(func.min(_w.suspended_at)).where(IS_UNTOLD))
_UNTOLD: Final = Statement(
    select(_w.person_id, person.c.display, address.c.address)
    .join(person, person.c.person_id == _w.person_id)
    .join(address, and_(address.c.person_id == _w.person_id, address.c.is_primary))
    .where(IS_UNTOLD)
    .order_by(_w.suspended_at, person.c.sn, person.c.given, _w.person_id)
    .limit(_AT_ONCE)
)
_TOLD: Final = Statement(
    update(outside_wish).where(member(_w.person_id, "people"), IS_UNTOLD).values(told_of=_w.suspended_at)
)
_LISTS: Final = Statement(
    select(outside_failure.c.person_id, list_.c.list_id, list_.c.address, list_.c.school_id)
    .join(queued_message, queued_message.c.queue_id == outside_failure.c.queue_id)
    .join(dispatch_copy, dispatch_copy.c.dispatch_id == queued_message.c.dispatch_id)
    .join(list_, list_.c.list_id == dispatch_copy.c.list_id)
    .join(
        list_member,
        and_(list_member.c.list_id == list_.c.list_id, list_member.c.person_id == outside_failure.c.person_id),
    )
    .where(member(outside_failure.c.person_id, "people"))
    .distinct()
    .order_by(list_.c.address)
)
"""The lists that posted what was refused, of which the person is a member."""
_theirs = schools_of_people(lambda column: member(column, "people")).subquery("theirs")
_SCHOOLS: Final = Statement(select(_theirs.c.person_id, _theirs.c.school_id).distinct())
_UAI: Final = Statement(select(school.c.school_id, school.c.uai).where(member(school.c.school_id, "schools")))


def _reading(who: Subquery) -> Select[Any]:
    """Those of `who`, rows of what they manage and of a person, whose accounts are open."""
    return (
        select(who.c.managed, who.c.person_id, person.c.profile, address.c.address)
        .join(person, person.c.person_id == who.c.person_id)
        .join(account, and_(account.c.account_id == who.c.person_id, account.c.state == "active"))
        .join(address, and_(address.c.person_id == who.c.person_id, address.c.is_primary))
        .order_by(who.c.managed, person.c.sn, person.c.given, who.c.person_id)
    )


_managed = list_delegate.c.list_id.label("managed")
_manages = and_(list_delegate.c.role == Role.MANAGE.value, member(list_delegate.c.list_id, "lists"))
_MANAGERS: Final = Statement(
    _reading(
        union(
            select(_managed, current(list_delegate.c.grantee_id).label("person_id")).where(
                _manages, list_delegate.c.grantee == PERSON
            ),
            select(_managed, list_member.c.person_id)
            .join(list_member, list_member.c.list_id == list_delegate.c.grantee_id)
            .where(_manages, list_delegate.c.grantee == LIST),
        ).subquery("manager")
    )
)
_DIRECTION: Final = Statement(
    _reading(
        select(list_.c.school_id.label("managed"), list_member.c.person_id)
        .join(list_member, list_member.c.list_id == list_.c.list_id)
        .where(list_.c.kind == "school", list_.c.audience == "direction", member(list_.c.school_id, "schools"))
        .subquery("direction")
    )
)


class _Person(NamedTuple):
    person_id: int
    name: str
    address: str


class _List(NamedTuple):
    list_id: int
    address: str
    school_id: int | None


class _Reader(NamedTuple):
    person_id: int
    is_staff: bool
    address: str


class _Letter(NamedTuple):
    """What is to be written: `of` is a list's address, or None for a school."""

    readers: Sequence[_Reader]
    about: Sequence[_Person]
    school_id: int | None
    of: str | None
    named: bool


@dataclass(frozen=True, slots=True)
class SuspensionNotices:
    """Writes these letters; any number of processes may do so at once."""

    database: Database
    store: MailStore
    settings: Settings
    clock: Callable[[], float] = time.time

    async def look(self) -> None:
        """Tell of what nobody was told of, once the first of it is an hour old."""
        now = int(self.clock())
        row = await self.database.read(lambda tx: tx.one(_OLDEST))
        if row is None or row[0] is None or row[0] > now - HOUR:
            return
        people, letters, schools = await self.database.read(_look)
        parcels = [
            Parcel(self._written(one, schools), frozenset(to.person_id for to in one.readers), list_id=None)
            for one in letters
        ]

        async def note(tx: Tx) -> bool:
            if await tx.run(_TOLD, people=[one.person_id for one in people]) != len(people):
                return False
            for one in letters:
                subject = one.of or schools[one.school_id or 0].uai
                detail = ", ".join(to.address for to in one.readers) + f" told of {len(one.about)} suspended"
                await record_in(tx, "outside notice", subject, detail, actor="mailgate", at=now)
            return True

        if await self.store.deliver_once(parcels, note):
            log.info("managers told of suspensions", people=len(people), letters=len(letters))

    def _written(self, letter: _Letter, schools: Mapping[int, _School]) -> bytes:
        own = schools.get(letter.school_id or 0)
        language = (None if own is None else own.language) or self.settings.gateway.language
        translate = translator(language)
        if letter.of is None:
            opening = _(
                "What these people wished to have outside came back too often from their addresses there. Nothing more "
                "is sent there for now:"
            )
        elif letter.named:
            opening = _(
                "What goes to the list {list} came back too often from the addresses outside of these members. Nothing "
                "more is sent there for now:"
            )
        else:
            opening = _(
                "What goes to the list {list} came back too often from the addresses outside of some members. Nothing "
                "more is sent there for now. How many they are: {count}"
            )
        words = [translate(opening).format(list=letter.of, count=len(letter.about))]
        if letter.named:
            words.append("\n".join(f"{one.name} <{one.address}>" for one in letter.about))
        closing = _(
            "They have all their messages in their mailboxes here, and were told so there. Once an address takes mail "
            "again, whoever runs the school’s mail can begin again."
        )
        words.append(translate(closing))
        return write(self.settings, language, _("Nothing more is sent to some addresses outside"), "\n\n".join(words))


class _School(NamedTuple):
    uai: str
    language: Language | None


async def _look(tx: Tx) -> tuple[list[_Person], list[_Letter], dict[int, _School]]:
    people = [_Person(*row) for row in await tx.all(_UNTOLD)]
    ids = [one.person_id for one in people]
    lists = defaultdict[int, list[_List]](list)
    for person_id, *row in await tx.all(_LISTS, people=ids):
        lists[person_id].append(_List(*row))
    known = sorted({one for some in lists.values() for one in some})
    managers = _readers(await tx.all(_MANAGERS, lists=[one.list_id for one in known]))
    own = defaultdict[int, list[int]](list)
    for person_id, school_id in await tx.all(_SCHOOLS, people=ids):
        own[person_id].append(school_id)
    of_list, of_school = _shared_out(people, lists, managers, own)
    direction = _readers(await tx.all(_DIRECTION, schools=sorted(of_school)))
    letters = [
        letter for one in known for letter in _letters(managers[one.list_id], of_list[one], one.school_id, one.address)
    ]
    for school_id, about in of_school.items():
        letters += _letters(direction[school_id], about, school_id, None)
    ids = sorted({one.school_id for one in letters if one.school_id is not None})
    settings = await settings_of_all(tx, ids)
    uais = await tx.all(_UAI, schools=ids)
    return people, letters, {number: _School(uai, settings[number].language) for number, uai in uais}


def _readers(rows: Iterable[Row]) -> defaultdict[int, list[_Reader]]:
    found = defaultdict[int, list[_Reader]](list)
    for managed, person_id, profile, mail in rows:
        found[managed].append(_Reader(person_id, profile in STAFF, mail))
    return found


def _shared_out(
    people: Iterable[_Person],
    lists: Mapping[int, Sequence[_List]],
    managers: Mapping[int, Sequence[_Reader]],
    own: Mapping[int, Collection[int]],
) -> tuple[defaultdict[_List, list[_Person]], defaultdict[int, list[_Person]]]:
    """Of whom is told by list, and of whom by school: those whom no staff is told of by a list."""
    of_list, of_school = defaultdict[_List, list[_Person]](list), defaultdict[int, list[_Person]](list)
    for one in people:
        theirs = lists.get(one.person_id, ())
        for each in theirs:
            of_list[each].append(one)
        if not any(to.is_staff for each in theirs for to in managers.get(each.list_id, ())):
            schools = {each.school_id for each in theirs if each.school_id is not None} or own.get(one.person_id, ())
            for school_id in sorted(schools):
                of_school[school_id].append(one)
    return of_list, of_school


def _letters(
    readers: Sequence[_Reader], about: Sequence[_Person], school_id: int | None, of: str | None
) -> list[_Letter]:
    """One with names for staff, one without for others."""
    found = []
    for named in (True, False):
        those = [to for to in readers if to.is_staff is named][:_MOST]
        if those:
            found.append(_Letter(those, about, school_id, of, named))
    return found


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
