"""How many accounts there are, and how many of them people can use, as of now."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import Select, case, func, literal, select, true, union

from directory.nomenclature import Profile
from directory.schema import person, school
from directory.ties import schools_of_people
from mailgate.accounts.schema import app_password, chosen_password
from mailgate.database import Statement, Tx
from mailgate.statistics.counts import ACCOUNTS, ACTIVATED, ALL_SCHOOLS, Counts, Key
from mailgate.store.schema import account

_usable = union(
    select(chosen_password.c.account_id),
    select(app_password.c.account_id).where(app_password.c.last_used_at.is_not(None)),
).subquery("usable")
_theirs = schools_of_people(lambda _: true()).subquery("theirs")
_pairs = (
    select(_theirs.c.person_id, school.c.uai)
    .join(school, school.c.school_id == _theirs.c.school_id)
    .distinct()
    .subquery("pair")
)
_profile = func.coalesce(person.c.profile, Profile.OTHER.value).label("profile")
_open = (
    account.outerjoin(person, person.c.person_id == account.c.account_id)
    .outerjoin(_usable, _usable.c.account_id == account.c.account_id)
)  # fmt: skip
_numbers = (func.count(), func.count(case((_usable.c.account_id.is_not(None), 1))))
_is_open = account.c.state == "active"
_ALL: Final = Statement(
    select(literal(ALL_SCHOOLS), _profile, *_numbers).select_from(_open).where(_is_open).group_by(_profile)
)
_by_school: Select[tuple[str, str, int, int]] = (
    select(_pairs.c.uai, _profile, *_numbers)
    .select_from(_open.join(_pairs, _pairs.c.person_id == account.c.account_id))
    .where(_is_open)
    .group_by(_pairs.c.uai, _profile)
)
_BY_SCHOOL: Final = Statement(_by_school)


async def counts_now(tx: Tx, month: int) -> Counts:
    """The numbers of accounts as they are now, for this month."""
    counts: Counts = Counter()
    for statement in (_ALL, _BY_SCHOOL):
        for uai, profile, accounts, activated in await tx.all(statement):
            counts[Key(month, uai, profile, ACCOUNTS, "")] = accounts
            counts[Key(month, uai, profile, ACTIVATED, "")] = activated
    return counts
