"""How much people of each profile may send: shipped limits, and what a school changes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import Connection, delete, insert, select

from directory.nomenclature import Profile
from mailgate.policy.allowance import Hourly
from mailgate.policy.schema import school_limit
from mailgate.policy.schools import SchoolError

Limit: TypeAlias = int | None
"""A number, or None for no limit."""

MB: Final = 1_000_000
UNLIMITED: Final = "unlimited"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one person may send; None is no limit. The gateway's own limits (`[smtp]`) hold for everybody."""

    recipients_per_message: Limit
    """Addresses that one message names; a list is one."""
    messages_per_hour: Limit
    recipients_per_hour: Limit
    """Mailboxes that the messages of an hour reach; a list counts its members."""
    message_size: Limit
    """Octets of one message, attachments included (encoded, they take a third more than as files)."""

    @property
    def hourly(self) -> Hourly:
        """Those that are counted."""
        return Hourly(self.messages_per_hour, self.recipients_per_hour)

    @property
    def uncounted(self) -> bool:
        """Whether nothing needs to be counted."""
        return self.hourly == (None, None)


NAMES: Final = tuple(field.name for field in msgspec.structs.fields(Limits))


def _limits(recipients: int, messages: int, hourly: int, size: Limit) -> Limits:
    return Limits(
        recipients_per_message=recipients, messages_per_hour=messages, recipients_per_hour=hourly, message_size=size
    )


_OFFICE: Final = _limits(500, 600, 50_000, None)
DEFAULTS: Final[Mapping[str, Limits]] = {
    Profile.PUPIL: _limits(20, 30, 100, 10 * MB),
    Profile.RELATIVE: _limits(30, 30, 300, 20 * MB),
    Profile.TEACHER: _limits(200, 200, 10_000, None),
    Profile.MANAGEMENT: _OFFICE,
    Profile.SCHOOL_LIFE: _OFFICE,
    Profile.ADMINISTRATIVE: _OFFICE,
    Profile.OTHER: _limits(20, 30, 100, 10 * MB),
}
"""The shipped limits: what a busy day of such a person needs several times over, and little for who took an account."""


def effective(profile: str, schools: Iterable[Mapping[str, Limit]]) -> Limits:
    """The limits of somebody of these schools, each with what it changed for the profile: the most generous of them."""
    default = DEFAULTS.get(profile, DEFAULTS[Profile.OTHER])
    each = [msgspec.structs.replace(default, **changed) for changed in schools] or [default]
    return Limits(**{name: _most_generous(getattr(one, name) for one in each) for name in NAMES})


def _most_generous(values: Iterable[Limit]) -> Limit:
    found = list(values)
    return None if None in found else max(value for value in found if value is not None)


def parse(value: str) -> Limit:
    """A limit as a person writes it: a number, or ``unlimited``. Raises SchoolError."""
    if value == UNLIMITED:
        return None
    if value.isascii() and value.isdigit() and int(value) < 2**62:
        return int(value)
    raise SchoolError(f"{value!r} is no limit; use a number or {UNLIMITED}")


def shown(value: Limit) -> str:
    """The reverse of `parse`."""
    return UNLIMITED if value is None else str(value)


def changed_by(connection: Connection, school_id: int) -> dict[str, dict[str, Limit]]:
    """What a school changed, by profile and name."""
    found: dict[str, dict[str, Limit]] = {}
    rows = connection.execute(
        select(school_limit.c.profile, school_limit.c.name, school_limit.c.value).where(
            school_limit.c.school_id == school_id
        )
    )
    for profile, name, value in rows:
        found.setdefault(profile, {})[name] = value
    return found


def change(connection: Connection, school_id: int, profile: str, name: str, value: str | None) -> None:
    """Set one limit, or leave it (None) as shipped again. Raises SchoolError."""
    if profile not in DEFAULTS:
        raise SchoolError(f"{profile!r} is no profile that sends; use one of {', '.join(DEFAULTS)}")
    if name not in NAMES:
        raise SchoolError(f"{name!r} is no limit; use one of {', '.join(NAMES)}")
    limit = None if value is None else parse(value)
    here = (school_limit.c.school_id == school_id, school_limit.c.profile == profile, school_limit.c.name == name)
    connection.execute(delete(school_limit).where(*here))
    if value is not None:
        connection.execute(insert(school_limit).values(school_id=school_id, profile=profile, name=name, value=limit))
