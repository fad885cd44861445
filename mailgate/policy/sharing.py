"""With whom a person may share a mailbox by SETACL.

Closed by default, since many of the people of a school are minors: staff share with staff of a school, or a cité
scolaire, that they have in common, and with lists of such staff. Pupils and relatives neither share nor are shared
with; nothing is ever shared with everybody. An administrator (`mailgate shared`) is not bound by this.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from directory.nomenclature import Profile
from mailgate.policy.profiles import STAFF

_STAFF_AUDIENCES: Final = frozenset(
    {
        "profs",
        "pp",
        "profs-principaux",
        "personnels",
        "direction",
        "vie-scolaire",
        "administration",
        "documentation",
    }
)


class Workplace(NamedTuple):
    """A school and the cité scolaire that it is part of."""

    school_id: int | None
    cite_id: int | None


def may_share(profile: Profile) -> bool:
    """Whether people of this profile may share their mailboxes."""
    return profile in STAFF


def may_receive(profile: Profile) -> bool:
    """Whether mailboxes may be shared with people of this profile."""
    return profile in STAFF


def may_receive_as_list(audience: str) -> bool:
    """Whether mailboxes may be shared with a list of this audience: it has no members but staff."""
    return audience in _STAFF_AUDIENCES


def work_together(one: Collection[Workplace], other: Collection[Workplace]) -> bool:
    """Whether two people, or a person and a list, have a school or a cité in common."""
    schools = {place.school_id for place in one} & {place.school_id for place in other} - {None}
    cites = {place.cite_id for place in one} & {place.cite_id for place in other} - {None}
    return bool(schools or cites)
