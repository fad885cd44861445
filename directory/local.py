"""People who are in no academy file: a printer, an application, a functional address. Imports never touch them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from sqlalchemy import Connection, insert, select

from directory import reserved
from directory.addresses import check_free, givable
from directory.names import CONTROL
from directory.nomenclature import Profile
from directory.schema import ACTIVE, LOCAL, address, attachment, new_id, person, school


def add_person(
    connection: Connection,
    *,
    given: str,
    sn: str,
    address: str,
    profile: str = Profile.OTHER,
    school: str | None = None,
    today: date | None = None,
) -> int:
    """Add a person with an address of his or her own, and give its number. `school` is a UAI.

    Raises:
        TakenAddressError: a person or a list has, or had, this address.
        ReservedAddressError: mail itself or the gateway needs it.
        ValueError: a malformed address or name, an unknown profile or school.
    """
    wanted = givable(address)
    display = f"{given} {sn}".strip()
    if not display or CONTROL.search(display):
        raise ValueError("the name is empty or holds a control character")
    if profile not in list(Profile):
        raise ValueError(f"{profile!r} is not a profile; use one of {', '.join(Profile)}")
    reserved.check(wanted, office=profile == Profile.SHARED)
    check_free(connection, wanted)
    school_id = _school_id(connection, school) if school else None
    person_id = new_id()
    connection.execute(
        insert(person).values(
            person_id=person_id,
            source=LOCAL,
            academy="",
            source_id=str(person_id),
            profile=profile,
            sdet="",
            sn=sn,
            given=given,
            title="",
            display=display,
            state=ACTIVE,
            said_by=LOCAL,
        )
    )
    _give(connection, person_id, wanted, today or datetime.now(UTC).date())
    if school_id is not None:
        connection.execute(insert(attachment).values(person_id=person_id, school_id=school_id))
    return person_id


def school_named(connection: Connection, text: str) -> str:
    """The UAI of the school of this UAI, or of this name, case and spaces aside. Raises ValueError."""
    wanted = " ".join(text.split()).casefold()
    rows = connection.execute(select(school.c.uai, school.c.name)).all()
    found: list[str] = [uai for uai, name in rows if wanted in {uai.casefold(), " ".join(name.split()).casefold()}]
    if len(found) > 1:
        raise ValueError(f"several schools are called {text}: use the UAI, one of {', '.join(sorted(found))}")
    if not found:
        raise ValueError(f"no school has the UAI or the name {text}")
    return found[0]


def _school_id(connection: Connection, uai: str) -> int:
    found: int | None = connection.scalar(select(school.c.school_id).where(school.c.uai == uai.upper()))
    if found is None:
        raise ValueError(f"no school has the code {uai}")
    return found


def _give(connection: Connection, person_id: int, wanted: str, given_at: date) -> None:
    connection.execute(
        insert(address).values(
            address=wanted, person_id=person_id, is_primary=True, given_at=given_at, base=wanted, number=1
        )
    )
