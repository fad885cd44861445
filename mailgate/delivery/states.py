"""What became of a message that was sent, for each recipient and each family: worked out when somebody asks.

Nothing is written for it when a message is delivered: it is known who got which content (`mailgate.store.dispatches`),
who has it now and who opened it (`mailgate.store.withdrawals`), and who was left out of a list is told by its members.
A look costs two statements for each 500 recipients and a few more.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import and_, exists, func, or_, select

from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import address, guardian, list_, list_member, person
from mailgate.accounts.schema import app_password, chosen_password
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.delivery.kinship import families
from mailgate.moderation.held import of_dispatch
from mailgate.policy.schools import settings_of, settings_of_person
from mailgate.queue.outcome import State
from mailgate.queue.withdrawing import outside_of
from mailgate.store import Dispatch, withdrawals
from mailgate.store.dispatches import copies_of
from mailgate.store.schema import account

_PIECE: Final = 500


class Delivery(StrEnum):
    """What became of a message for one recipient, the best first: of several copies the best counts."""

    OPENED = "opened"
    DELIVERED = "delivered"
    SENT = "sent"
    """To an address outside: its server took it."""
    QUEUED = "queued"
    """To an address outside: it waits, and is tried again."""
    FAILED = "failed"
    """To an address outside: its writer was told."""
    TAKEN_BACK = "taken back"
    PURGED = "purged"
    HELD = "held"
    """Waits for a moderator."""
    WAITING = "waiting"
    """Waits for the minutes of its list."""
    REFUSED = "refused"
    NO_ACCOUNT = "no account"
    """On the list, with an account that is closed or that there is not: nothing was delivered."""


_RANK: Final = {state: rank for rank, state in enumerate(Delivery)}


@dataclass(frozen=True, slots=True)
class ListSent:
    """A list that a message went to; `opened_shown` says whether its school lets writers know who opened it."""

    list_id: int
    address: str
    label: str
    opened_shown: bool


@dataclass(frozen=True, slots=True)
class RecipientState:
    """Somebody who was to get the message; `list_id` is 0 for who was named."""

    account_id: int
    name: str
    address: str
    profile: str
    list_id: int
    state: Delivery
    activated: bool
    """Whether this person ever signed in."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A recipient, person or list, whose copy waits or was not let pass; or an address outside."""

    address: str
    state: Delivery
    until: int
    """When it goes by itself, or nobody can approve it any more; or when that was decided."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one message."""

    dispatch: Dispatch
    lists: tuple[ListSent, ...]
    recipients: tuple[RecipientState, ...]
    waiting: tuple[Waiting, ...]
    families: tuple[Delivery, ...]
    """One for each family that recipients are of: the best state of its people."""

    def count(self, list_id: int) -> Counter[Delivery]:
        """How many recipients of a list (0: people named) are in which state."""
        return Counter(one.state for one in self.recipients if one.list_id == list_id)


_PEOPLE: Final = Statement(
    select(
        person.c.person_id,
        person.c.display,
        address.c.address,
        person.c.profile,
        or_(
            exists().where(chosen_password.c.account_id == person.c.person_id),
            exists().where(app_password.c.account_id == person.c.person_id, app_password.c.last_used_at.is_not(None)),
        ),
    )
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary.is_(True)))
    .where(member(person.c.person_id, "people"))
)
_LISTS: Final = Statement(
    select(list_.c.list_id, list_.c.address, list_.c.label, list_.c.school_id).where(member(list_.c.list_id, "lists"))
)
_LEFT_OUT: Final = Statement(
    select(list_member.c.list_id, list_member.c.person_id)
    .outerjoin(account, account.c.account_id == list_member.c.person_id)
    .where(member(list_member.c.list_id, "lists"), func.coalesce(account.c.state, "none") != "active")
)
_TIES: Final = Statement(
    select(guardian.c.pupil_id, guardian.c.person_id).where(
        guardian.c.legal == LEGAL_GUARDIAN,
        or_(member(guardian.c.person_id, "people"), member(guardian.c.pupil_id, "people")),
    )
)
_WAITING: Final = {
    "held": Delivery.HELD,
    "waiting": Delivery.WAITING,
    "refused": Delivery.REFUSED,
    "expired": Delivery.REFUSED,
    "cancelled": Delivery.TAKEN_BACK,
}

_OUTSIDE: Final = {
    State.WAITING: Delivery.QUEUED,
    State.HELD: Delivery.QUEUED,
    State.SENT: Delivery.SENT,
    State.FAILED: Delivery.FAILED,
    State.DELETED: Delivery.TAKEN_BACK,
}


async def report(tx: Tx, dispatch: Dispatch) -> Report:
    """What became of a message, as its writer may know it."""
    copies = await copies_of(tx, dispatch.dispatch_id)
    lists = await _lists(tx, {copy.list_id for copy in copies} - {0})
    shown = {one.list_id: one.opened_shown for one in lists}
    shown[0] = await _shown_to(tx, dispatch.author_id)
    states: dict[int, tuple[int, Delivery]] = {}
    opened = await _openers(tx, [copy.content_id for copy in copies if shown.get(copy.list_id)])
    for copy in copies:
        for number in copy.account_ids:
            better = number in opened and shown.get(copy.list_id, False)
            states[number] = copy.list_id, Delivery.OPENED if better else Delivery.DELIVERED
    for number, state in (await _withdrawn(tx, dispatch)).items():
        if number in states:
            states[number] = states[number][0], state
    for list_id, number in await tx.all(_LEFT_OUT, lists=list(shown)) if lists else ():
        states.setdefault(number, (list_id, Delivery.NO_ACCOUNT))
    people = await _named(tx, states)
    held = [one.as_of(int(time.time())) for one in await of_dispatch(tx, dispatch.dispatch_id)]
    waiting = [
        Waiting(one.target, _WAITING[one.state], one.decided_at or one.expires_at)
        for one in held
        if one.state in _WAITING
    ]
    waiting += [Waiting(one.address, _OUTSIDE[one.state], one.at) for one in await outside_of(tx, dispatch.dispatch_id)]
    return Report(dispatch, tuple(lists), tuple(people), tuple(waiting), tuple(await _families(tx, states)))


async def left_out(tx: Tx, list_id: int) -> list[str]:
    """The names of members of a list who have no account, or a closed one."""
    found = [row[1] for row in await tx.all(_LEFT_OUT, lists=[list_id])]
    return sorted(row[1] for row in await tx.all(_PEOPLE, people=found)) if found else []


async def _lists(tx: Tx, list_ids: Collection[int]) -> list[ListSent]:
    rows = await tx.all(_LISTS, lists=sorted(list_ids)) if list_ids else []
    found = []
    for list_id, text, label, school_id in rows:
        found.append(ListSent(list_id, text, label, (await settings_of(tx, school_id)).opened_shown))
    return found


async def _shown_to(tx: Tx, author: int) -> bool:
    """Whether all schools of an author show who opened messages."""
    schools = await settings_of_person(tx, author)
    return bool(schools) and all(school.opened_shown for school in schools)


async def _openers(tx: Tx, contents: Sequence[bytes]) -> set[int]:
    copies = await withdrawals.holders(tx, contents) if contents else []
    opened = set()
    for start in range(0, len(copies), _PIECE):
        kept = await withdrawals.describe(tx, copies[start : start + _PIECE])
        opened |= {one.copy.account_id for one in kept if one.read}
    return opened


async def _withdrawn(tx: Tx, dispatch: Dispatch) -> dict[int, Delivery]:
    kinds = {"purge": Delivery.PURGED, "recall": Delivery.TAKEN_BACK}
    return {one.kept.copy.account_id: kinds[one.kind] for one in await withdrawals.withdrawn(tx, dispatch.dispatch_id)}


async def _named(tx: Tx, states: dict[int, tuple[int, Delivery]]) -> list[RecipientState]:
    rows = await tx.all(_PEOPLE, people=sorted(states)) if states else []
    found = [
        RecipientState(number, name, text, profile, *states[number], bool(activated))
        for number, name, text, profile, activated in rows
    ]
    return sorted(found, key=lambda one: (one.list_id, one.name, one.address))


async def _families(tx: Tx, states: dict[int, tuple[int, Delivery]]) -> list[Delivery]:
    """The best state of each family."""
    rows = await tx.all(_TIES, people=sorted(states)) if states else []
    found: defaultdict[int, list[Delivery]] = defaultdict(list)
    for number, family in families([(row[0], row[1]) for row in rows]).items():
        if number in states:
            found[family].append(states[number][1])
    return [min(each, key=_RANK.__getitem__) for each in found.values()]
