"""The head's office of a school is told which lists are without somebody who managed or moderated them, and has left.

One letter for each school and look, whatever the number of people and lists; each departure is told once, noted in the
transaction that delivers. A list of a cité is an affair of the schools that the person was of. Roles stay: who comes
back has them again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import structlog
from sqlalchemy import and_, func, or_, select, update

from directory.list_delegates import PERSON, Role
from directory.list_schema import list_delegate
from directory.merged import current
from directory.schema import LEFT, address, former_school, list_, list_member, person, school
from mailgate.config import Settings
from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.i18n import Language, translator
from mailgate.policy.audit import record_in
from mailgate.policy.schools import settings_of_all
from mailgate.queue.letters import write
from mailgate.retention.schema import leaver
from mailgate.store import MailStore, Parcel
from mailgate.store.schema import account

log = structlog.stdlib.get_logger("mailgate.retention")

_MOST: Final = 20
"""Readers of one letter."""

_untold = and_(leaver.c.schools_told == 0, leaver.c.account_id == current(list_delegate.c.grantee_id))
_ROLES: Final = Statement(
    select(
        func.coalesce(list_.c.school_id, former_school.c.school_id),
        leaver.c.account_id, person.c.display, address.c.address, list_delegate.c.role, list_.c.address,
    )
    .select_from(list_delegate)
    .join(leaver, _untold)
    .join(list_, and_(list_.c.list_id == list_delegate.c.list_id, list_.c.active))
    .join(person, and_(person.c.person_id == leaver.c.account_id, person.c.state == LEFT))
    .join(address, and_(address.c.person_id == leaver.c.account_id, address.c.is_primary))
    .outerjoin(
        former_school, and_(list_.c.school_id.is_(None), former_school.c.person_id == leaver.c.account_id)
    )
    .where(list_delegate.c.grantee == PERSON, or_(*(list_delegate.c.role == one.value for one in Role)))
    .distinct()
    .order_by(list_.c.address, person.c.display, list_delegate.c.role)
)  # fmt: skip
_TOLD: Final = Statement(
    update(leaver).where(member(leaver.c.account_id, "accounts"), leaver.c.schools_told == 0).values(schools_told=1)
)
_DIRECTION: Final = Statement(
    select(list_.c.school_id, account.c.account_id, address.c.address)
    .join(list_member, list_member.c.list_id == list_.c.list_id)
    .join(account, and_(account.c.account_id == list_member.c.person_id, account.c.state == "active"))
    .join(address, and_(address.c.person_id == account.c.account_id, address.c.is_primary))
    .where(list_.c.kind == "school", list_.c.audience == "direction", member(list_.c.school_id, "schools"))
    .order_by(list_.c.school_id, address.c.address)
)
_UAI: Final = Statement(select(school.c.school_id, school.c.uai).where(member(school.c.school_id, "schools")))


class _RoleLeft(NamedTuple):
    """Somebody who has left, and what he or she did for a list."""

    account_id: int
    name: str
    address: str
    role: str
    of: str


@dataclass(frozen=True, slots=True)
class _School:
    uai: str
    language: Language | None
    readers: Mapping[int, str]
    """Accounts of its head's office, with their addresses."""
    roles: Sequence[_RoleLeft]


@dataclass(frozen=True, slots=True)
class ManagersLeft:
    """Writes these letters; any number of nodes may do so at once."""

    database: Database
    store: MailStore
    settings: Settings
    clock: Callable[[], float] = time.time

    async def look(self) -> int:
        """Tell of those of whom nobody was told; give the number of schools."""
        people, schools = await self.database.read(_look)
        if not people:
            return 0
        now = int(self.clock())
        parcels = [Parcel(self._letter(one), frozenset(one.readers), list_id=None) for one in schools if one.readers]
        if not await self.store.deliver_once(parcels, partial(_note, people=people, schools=schools, now=now)):
            return 0
        log.info("schools told of lists whose managers left", people=len(people), schools=len(schools))
        return len(schools)

    def _letter(self, one: _School) -> bytes:
        language = one.language or self.settings.gateway.language
        translate = translator(language)
        did = {"manage": translate(_("{name} managed it")), "moderate": translate(_("{name} approved its messages"))}
        of_list = defaultdict[str, list[str]](list)
        for role in one.roles:
            of_list[role.of].append("  " + did[role.role].format(name=f"{role.name} <{role.address}>"))
        said = [
            translate(_("People who managed lists, or approved what is written to them, have left:")),
            *("\n".join([name, *lines]) for name, lines in of_list.items()),
            translate(
                _(
                    "What waits for approval goes to those who are left, or else to the head’s office. Please say who "
                    "is to look after these lists from now on."
                )
            ),
        ]
        return write(self.settings, language, _("Lists whose managers have left"), "\n\n".join(said))


async def _look(tx: Tx) -> tuple[set[int], list[_School]]:
    rows = await tx.all(_ROLES)
    roles = defaultdict[int, list[_RoleLeft]](list)
    for school_id, *role in rows:
        if school_id is not None:
            roles[school_id].append(_RoleLeft(*role))
    ids = sorted(roles)
    readers = _readers(await tx.all(_DIRECTION, schools=ids))
    settings = await settings_of_all(tx, ids)
    uais = dict(map(tuple, await tx.all(_UAI, schools=ids)))
    schools = [_School(uais[one], settings[one].language, readers.get(one, {}), roles[one]) for one in ids]
    return {row[1] for row in rows}, schools


def _readers(rows: Iterable[Row]) -> dict[int, dict[int, str]]:
    found: dict[int, dict[int, str]] = {}
    for school_id, account_id, mail in rows:
        some = found.setdefault(school_id, {})
        if len(some) < _MOST:
            some[account_id] = mail
    return found


async def _note(tx: Tx, people: Collection[int], schools: Iterable[_School], now: int) -> bool:
    """False when another node was there first, or somebody is back."""
    if await tx.run(_TOLD, accounts=sorted(people)) != len(people):
        return False
    for one in schools:
        lists = ", ".join(sorted({role.of for role in one.roles}))
        to = ", ".join(one.readers.values()) or "nobody, as the head’s office has no member"
        await record_in(tx, "retention managers", one.uai, f"{to} told of {lists}", actor="mailgate", at=now)
    return True


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
