"""The people of a school as letters are handed to them: class by class, pupils and then their legal guardians; staff.

A guardian with children in several classes of the school stands in the first of them, so that one letter is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, select

from directory.names import slug
from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import (
    ACTIVE,
    Id,
    address,
    class_,
    class_member,
    enrolment,
    guardian,
    person,
    school,
)
from directory.schools import in_words
from directory.ties import people_of, schools_of_people
from mailgate.accounts.errors import UnknownPeople
from mailgate.accounts.schema import activation_code, chosen_password
from mailgate.policy.profiles import STAFF
from mailgate.store.schema import account


class CodeState(StrEnum):
    """What became of the last code of somebody."""

    NONE = "none"
    WAITING = "waiting"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Member(NamedTuple):
    """Somebody of a roll."""

    account_id: int
    display: str
    address: str
    profile: str
    activated: bool
    """Whether there is a password that the person chose."""
    code: CodeState
    expires_at: int
    """When the last code ends or ended; 0 where there was none."""
    children: tuple[str, ...] = ()
    """Of a guardian: the pupils of the class by whom he or she stands in it."""
    elsewhere: tuple[str, ...] = ()
    """Other schools of the same person, who may get a letter from them, too."""


@dataclass(frozen=True, slots=True)
class Roll:
    """A class with its people, or (`name` is empty) the pupils that are in none, or the staff."""

    school_id: int
    uai: str
    school: str
    name: str
    pupils: tuple[Member, ...] = ()
    relatives: tuple[Member, ...] = ()
    staff: tuple[Member, ...] = ()

    @property
    def members(self) -> tuple[Member, ...]:
        """Everybody, in the order of their letters."""
        return self.pupils + self.relatives + self.staff


class School(NamedTuple):
    """A school with its number."""

    school_id: int
    uai: str
    name: str


_SCHOOL: Final = bindparam("school_id", type_=Id)
_c = activation_code.c
_COLUMNS: Final = (
    person.c.person_id, person.c.display, address.c.address, person.c.profile,
    chosen_password.c.account_id.is_not(None).label("activated"),
    _c.expires_at, _c.used_at, _c.revoked_at,
)  # fmt: skip
_WHOLE: Final = len(_COLUMNS)
_AT_ONCE: Final = 500


def _people(*more: ColumnElement[Any]) -> Select[Any]:
    """Who has an account in use, with what became of the last code."""
    return (
        select(*_COLUMNS, *more)
        .select_from(person)
        .join(account, and_(account.c.account_id == person.c.person_id, account.c.state == "active"))
        .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary))
        .outerjoin(chosen_password, chosen_password.c.account_id == person.c.person_id)
        .outerjoin(activation_code, _c.account_id == person.c.person_id)
        .where(person.c.state == ACTIVE)
        .order_by(person.c.sn, person.c.given, person.c.person_id)
    )


_in_class = (
    select(class_member.c.person_id, class_.c.name)
    .join(class_, class_.c.class_id == class_member.c.class_id)
    .where(class_.c.school_id == _SCHOOL, class_.c.active)
    .subquery("in_class")
)
_PUPILS: Final = (
    _people(_in_class.c.name)
    .join(enrolment, and_(enrolment.c.person_id == person.c.person_id, enrolment.c.school_id == _SCHOOL))
    .outerjoin(_in_class, _in_class.c.person_id == person.c.person_id)
)
_RELATIVES: Final = (
    _people(guardian.c.pupil_id)
    .join(guardian, and_(guardian.c.person_id == person.c.person_id, guardian.c.legal == LEGAL_GUARDIAN))
    .where(guardian.c.pupil_id.in_(select(enrolment.c.person_id).where(enrolment.c.school_id == _SCHOOL)))
)
_STAFF: Final = _people().where(
    person.c.person_id.in_(people_of(_SCHOOL).subquery().select()), person.c.profile.in_(sorted(STAFF))
)
_ONE: Final = _people().where(
    person.c.person_id == select(address.c.person_id).where(address.c.address == bindparam("address")).scalar_subquery()
)
_BY_WORD: Final = "a class by its name, a school by its UAI"


def rolls(connection: Connection, target: str, uai: str | None, now: float) -> list[Roll]:
    """Those of a school (`target` is its UAI), or that of a class (its name; `uai`: of the school, if several have it).

    Raises:
        UnknownPeople: there is no such class or school, or several classes have that name.
    """
    word = target.strip()
    for one in _schools(connection):
        if one.uai == word.upper():
            return _elsewhere(connection, of_school(connection, one, now))
    return _elsewhere(connection, [_class(connection, word, uai, now)])


def of_school(connection: Connection, of: School, now: float) -> list[Roll]:
    """The classes by name, then who is in none, then staff; without those that have nobody."""
    here = {"school_id": of.school_id}
    pupils = [(_member(row, now), row[_WHOLE] or "") for row in connection.execute(_PUPILS, here)]
    guardians: dict[int, list[Member]] = {}
    for row in connection.execute(_RELATIVES, here):
        guardians.setdefault(row[_WHOLE], []).append(_member(row, now))
    staff = tuple(_member(row, now) for row in connection.execute(_STAFF, here))
    names = sorted({name for _, name in pupils}, key=lambda name: (not name, name))
    found = [_roll(of, name, tuple(one for one, of_class in pupils if of_class == name), guardians) for name in names]
    return [*_each_once(found), *([Roll(*of, name="", staff=staff)] if staff else [])]


def somebody(connection: Connection, text: str, now: float) -> Member:
    """One person by any address. Raises UnknownPeople for an address of nobody who may sign in."""
    row = connection.execute(_ONE, {"address": text.strip().lower()}).first()
    if row is None or row.profile == "shared":
        raise UnknownPeople(f"{text} is no address of somebody who may sign in")
    return _member(row, now)


def _class(connection: Connection, word: str, uai: str | None, now: float) -> Roll:
    """One class with all guardians of its pupils."""
    rows = connection.execute(
        select(class_.c.name, school.c.school_id, school.c.uai, school.c.kind, school.c.name.label("school"))
        .join(school, school.c.school_id == class_.c.school_id)
        .where(class_.c.active)
    )
    found = [
        row
        for row in rows
        if (row.name.casefold() == word.casefold() or slug(row.name) == word.casefold())
        and (uai is None or row.uai == uai.strip().upper())
    ]
    if not found:
        raise UnknownPeople(f"there is no class or school {word}: name {_BY_WORD}")
    if len(found) > 1:
        schools = ", ".join(sorted(row.uai for row in found))
        raise UnknownPeople(f"several schools have a class {word}: say which with --school, one of {schools}")
    [row] = found
    of = School(row.school_id, row.uai, _titled(row.kind, row.school))
    here = {"school_id": of.school_id}
    pupils = [_member(one, now) for one in connection.execute(_PUPILS.where(_in_class.c.name == row.name), here)]
    ids = {one.account_id for one in pupils}
    guardians: dict[int, list[Member]] = {}
    for one in connection.execute(_RELATIVES, here):
        if one[_WHOLE] in ids:
            guardians.setdefault(one[_WHOLE], []).append(_member(one, now))
    return _roll(of, row.name, tuple(pupils), guardians)


def _elsewhere(connection: Connection, found: Sequence[Roll]) -> list[Roll]:
    """The same with the other schools of everybody."""
    schools = {one.school_id: one.name for one in _schools(connection)}
    ids = sorted({one.account_id for roll in found for one in roll.members})
    names: dict[int, set[int]] = {}
    for start in range(0, len(ids), _AT_ONCE):
        theirs = schools_of_people(partial(_among, ids=ids[start : start + _AT_ONCE]))
        for person_id, school_id in connection.execute(theirs):
            names.setdefault(person_id, set()).add(school_id)

    def told(members: Iterable[Member], here: int) -> tuple[Member, ...]:
        others = {one.account_id: names.get(one.account_id, set()) - {here} for one in members}
        return tuple(
            one._replace(elsewhere=tuple(sorted(schools[each] for each in others[one.account_id]))) for one in members
        )

    return [
        replace(
            one,
            pupils=told(one.pupils, one.school_id),
            relatives=told(one.relatives, one.school_id),
            staff=told(one.staff, one.school_id),
        )
        for one in found
    ]


def _among(column: ColumnElement[int], ids: Sequence[int]) -> ColumnElement[bool]:
    return column.in_(ids)


def _roll(of: School, name: str, pupils: tuple[Member, ...], guardians: dict[int, list[Member]]) -> Roll:
    """A class; guardians in the order of their children, as letters are handed out."""
    children: dict[int, list[str]] = {}
    found: dict[int, Member] = {}
    for pupil in pupils:
        for one in guardians.get(pupil.account_id, ()):
            found[one.account_id] = one
            children.setdefault(one.account_id, []).append(pupil.display)
    relatives = tuple(one._replace(children=tuple(children[one.account_id])) for one in found.values())
    return Roll(*of, name=name, pupils=pupils, relatives=relatives)


def _each_once(found: Sequence[Roll]) -> list[Roll]:
    """A guardian, and a pupil who is in two classes, stays in the first."""
    seen: set[int] = set()

    def fresh(members: Iterable[Member]) -> tuple[Member, ...]:
        kept = tuple(one for one in members if one.account_id not in seen)
        seen.update(one.account_id for one in kept)
        return kept

    return [
        Roll(one.school_id, one.uai, one.school, one.name, fresh(one.pupils), fresh(one.relatives)) for one in found
    ]


def school_by(connection: Connection, uai: str) -> School:
    """A school by its UAI. Raises UnknownPeople."""
    for one in _schools(connection):
        if one.uai == uai.strip().upper():
            return one
    raise UnknownPeople(f"there is no school {uai}: the directory brings schools")


def _schools(connection: Connection) -> list[School]:
    rows = connection.execute(select(school.c.school_id, school.c.uai, school.c.kind, school.c.name))
    return [School(row.school_id, row.uai, _titled(row.kind, row.name)) for row in rows]


def _titled(kind: str, name: str) -> str:
    text = in_words(kind, name)
    return text[:1].upper() + text[1:]


def _member(row: Row[Any], now: float) -> Member:
    state = _state(row, now)
    return Member(row.person_id, row.display, row.address, row.profile, row.activated, state, row.expires_at or 0)


def _state(row: Row[Any], now: float) -> CodeState:
    if row.expires_at is None:
        return CodeState.NONE
    if row.used_at is not None:
        return CodeState.USED
    if row.revoked_at is not None:
        return CodeState.REVOKED
    return CodeState.WAITING if row.expires_at > now else CodeState.EXPIRED
