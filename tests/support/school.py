"""A school for people whom no directory brought, so that they may write to one another."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select, update

from directory.nomenclature import Profile
from directory.schema import address, attachment, new_id, person, school


def make_colleagues(connection: Connection, addresses: Iterable[str]) -> None:
    """Make these people teachers of one school."""
    school_id = new_id()
    connection.execute(
        insert(school).values(
            school_id=school_id, source="test", academy="", uai="0000001A", siren="", name="École", kind="COLLEGE",
            school_year=2026, active=True,
        )
    )  # fmt: skip
    found = connection.scalars(select(address.c.person_id).where(address.c.address.in_(list(addresses)))).all()
    connection.execute(update(person).where(person.c.person_id.in_(found)).values(profile=Profile.TEACHER))
    connection.execute(insert(attachment), [{"person_id": one, "school_id": school_id} for one in found])
