"""What a school sets for itself, by name; what it does not set is as the settings file or the default has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Annotated, Any, Final, Literal

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, delete, insert, select

from directory.schema import school
from directory.ties import schools_concerned
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.i18n import Language
from mailgate.policy import attachment_types
from mailgate.policy.schema import school_setting


class SchoolError(ValueError):
    """A school or a setting that does not exist, or a value that it cannot have."""


class SchoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one school."""

    language: Language | None = None
    """In which refusals and notices are written; None: the gateway's."""
    opened_shown: bool = False
    """Whether who writes to this school's people and lists may know who opened a message."""
    dmarc: Literal["respect", "junk", "report"] = "respect"
    """What becomes of mail from outside that the domain of its author disowns (RFC 7489): refused or taken for junk, as
    the domain wants; always taken for junk; or delivered, and only said so in its header.
    """
    outside: Literal["none", "notify", "copy"] = "none"
    """Whether relatives of its pupils who want it are told at an address outside that a message came, or may
    have a copy of it there.
    """
    outside_directory: bool = False
    """Whether relatives of its pupils may name as that address the one that the directory has of them; it is kept only
    then.
    """
    attachments: str = attachment_types.DEFAULT_WORD
    """The types of attachments that nobody of this school gets or sends, as words of
    `mailgate.policy.attachment_types`; empty: none.
    """
    contact: Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """Whom letters tell people to ask, in words: an office, a telephone number; empty: the school's office."""
    recall_minutes: Annotated[int, msgspec.Meta(ge=0, le=10_080)] = 10
    """For how long a sender may take back a message where it is unread; 0: not at all."""


_LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
NAMES: Final = tuple(field.name for field in msgspec.structs.fields(SchoolSettings))
_SETTINGS: Final = Statement(
    select(school_setting.c.name, school_setting.c.value).where(
        school_setting.c.school_id == bindparam("school", type_=BigInteger)
    )
)
_SETTINGS_OF_ALL: Final = Statement(
    select(school_setting.c.school_id, school_setting.c.name, school_setting.c.value).where(
        member(school_setting.c.school_id, "schools")
    )
)

_own = schools_concerned(bindparam("person", type_=BigInteger)).subquery("own_school")
_SETTINGS_OF_PERSON: Final = Statement(
    select(_own.c.school_id, school_setting.c.name, school_setting.c.value).outerjoin(
        school_setting, school_setting.c.school_id == _own.c.school_id
    )
)


async def settings_of(tx: Tx, school_id: int | None) -> SchoolSettings:
    """The settings of a school; the defaults for none."""
    if school_id is None:
        return SchoolSettings()
    return _decoded(dict(map(tuple, await tx.all(_SETTINGS, school=school_id))))


async def settings_of_all(tx: Tx, schools: Collection[int]) -> dict[int, SchoolSettings]:
    """The settings of each of these schools."""
    values: dict[int, dict[str, str]] = {school_id: {} for school_id in schools}
    for school_id, name, value in await tx.all(_SETTINGS_OF_ALL, schools=schools):
        values[school_id][name] = value
    return {school_id: _decoded(found) for school_id, found in values.items()}


async def language_of_school(tx: Tx, school_id: int | None, otherwise: Language) -> Language:
    """The language of a school; that of the gateway for none, and for one that has set none."""
    return (await settings_of(tx, school_id)).language or otherwise


async def settings_of_person(tx: Tx, person_id: int) -> list[SchoolSettings]:
    """The settings of each school of a person, in no order."""
    values = defaultdict[int, dict[str, str]](dict)
    for school_id, name, value in await tx.all(_SETTINGS_OF_PERSON, person=person_id):
        values[school_id].update({name: value} if name is not None else {})
    return [_decoded(found) for found in values.values()]


async def language_of_person(tx: Tx, person_id: int) -> Language | None:
    """The language of a person's schools: French where one of them says so; None where none says anything."""
    said = {one.language for one in await settings_of_person(tx, person_id)}
    return next((one for one in _LANGUAGES if one in said), None)


def read(connection: Connection, school_id: int) -> SchoolSettings:
    """The same in batch work."""
    rows = connection.execute(
        select(school_setting.c.name, school_setting.c.value).where(school_setting.c.school_id == school_id)
    )
    return _decoded({row.name: row.value for row in rows})


def change(connection: Connection, school_id: int, name: str, value: str | None) -> None:
    """Set one setting, or leave it to the default again. Raises SchoolError."""
    if name not in NAMES:
        raise SchoolError(f"{name!r} is no setting of a school; use one of {', '.join(NAMES)}")
    if value is not None:
        try:
            attachment_types.parse(_decoded({name: value}).attachments.split())
        except (msgspec.ValidationError, attachment_types.TypeWordError) as error:
            raise SchoolError(f"{name}: {error}") from error
    here = (school_setting.c.school_id == school_id, school_setting.c.name == name)
    connection.execute(delete(school_setting).where(*here))
    if value is not None:
        connection.execute(insert(school_setting).values(school_id=school_id, name=name, value=value))


def that_want(connection: Connection, name: str) -> list[str]:
    """The codes of the schools that have said yes to a setting."""
    rows = connection.execute(
        select(school.c.uai, school_setting.c.value)
        .join(school, school.c.school_id == school_setting.c.school_id)
        .where(school_setting.c.name == name)
        .order_by(school.c.uai)
    )
    return [uai for uai, value in rows if getattr(_decoded({name: value}), name) is True]


def school_id_of(connection: Connection, uai: str) -> int:
    """A school by its code. Raises SchoolError."""
    found: int | None = connection.scalar(select(school.c.school_id).where(school.c.uai == uai.strip().upper()))
    if found is None:
        raise SchoolError(f"no school has the code {uai}; look at the addresses of `mailgate list show --json`")
    return found


def _decoded(values: dict[str, Any]) -> SchoolSettings:
    return msgspec.convert(values, SchoolSettings, strict=False)
