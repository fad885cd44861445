"""What of a person counts: profile and schools."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Final, NamedTuple

from sqlalchemy import select

from directory.nomenclature import Profile
from directory.schema import person, school
from directory.ties import schools_of_people
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.policy.matrix import OUTSIDE as OUTSIDE_PROFILE
from mailgate.policy.targets import OUTSIDE_WRITER

_PIECE: Final = 500


class Standing(NamedTuple):
    """A person as statistics know one."""

    profile: str
    schools: tuple[str, ...] = ()
    """UAI codes."""


NOBODY: Final = Standing(Profile.OTHER.value)
"""An account that the directory does not know."""
STRANGER: Final = Standing(OUTSIDE_PROFILE)
_PROFILES: Final = Statement(select(person.c.person_id, person.c.profile).where(member(person.c.person_id, "people")))
_theirs = schools_of_people(lambda column: member(column, "people")).subquery("theirs")
_SCHOOLS: Final = Statement(
    select(_theirs.c.person_id, school.c.uai).join(school, school.c.school_id == _theirs.c.school_id).distinct()
)


async def standings(tx: Tx, account_ids: Collection[int]) -> dict[int, Standing]:
    """What there is to know of these accounts: two statements for each 500."""
    found = {OUTSIDE_WRITER: STRANGER}
    wanted = sorted(set(account_ids) - {OUTSIDE_WRITER})
    for start in range(0, len(wanted), _PIECE):
        people = wanted[start : start + _PIECE]
        schools: defaultdict[int, list[str]] = defaultdict(list)
        for number, uai in await tx.all(_SCHOOLS, people=people):
            schools[number].append(uai)
        profiles = dict(map(tuple, await tx.all(_PROFILES, people=people)))
        for number in people:
            found[number] = Standing(profiles.get(number, NOBODY.profile), tuple(sorted(schools[number])))
    return found
