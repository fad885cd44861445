"""Addresses resolved to accounts: people, lists, and what is neither. One indexed statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select, union

from directory.nomenclature import Profile
from directory.schema import address, list_, list_member, person
from mailgate.database import Statement, Tx
from mailgate.database.statement import member
from mailgate.store.schema import account

_PERSON: Final = Statement(
    select(account.c.account_id, account.c.state)
    .join(address, address.c.person_id == account.c.account_id)
    .where(address.c.address == bindparam("address"))
)
_LIST: Final = Statement(
    select(list_.c.list_id).where(list_.c.address == bindparam("address"), list_.c.active.is_(True))
)
_OWN: Final = Statement(select(address.c.address).where(address.c.person_id == bindparam("account_id")))
_PROFILE: Final = Statement(select(person.c.profile).where(person.c.person_id == bindparam("account_id")))

_reached = union(
    select(address.c.person_id).where(member(address.c.address, "addresses")),
    select(list_member.c.person_id)
    .join(list_, list_.c.list_id == list_member.c.list_id)
    .where(member(list_.c.address, "addresses"), list_.c.active.is_(True)),
).subquery("reached")
_REACHED: Final = Statement(
    select(account.c.account_id)
    .join(_reached, _reached.c.person_id == account.c.account_id)
    .where(account.c.state == "active")
)


@dataclass(frozen=True, slots=True)
class PersonRecipient:
    """One person's mailbox; closed when the person has left."""

    account_id: int
    open: bool


@dataclass(frozen=True, slots=True)
class ListRecipient:
    """A distribution list that has members."""

    list_id: int


def fold(text: str) -> str:
    """An address as it is kept and compared: addresses here are lower case."""
    return text.strip().lower()


async def resolve(tx: Tx, text: str) -> PersonRecipient | ListRecipient | None:
    """What an address stands for here, or None."""
    folded = fold(text)
    if row := await tx.one(_PERSON, address=folded):
        return PersonRecipient(row[0], row[1] == "active")
    if row := await tx.one(_LIST, address=folded):
        return ListRecipient(row[0])
    return None


async def accounts_reached(tx: Tx, addresses: Sequence[str]) -> frozenset[int]:
    """The active accounts behind people and lists, each once however many addresses lead to it."""
    return frozenset(row[0] for row in await tx.all(_REACHED, addresses=[fold(text) for text in addresses]))


async def own_addresses(tx: Tx, account_id: int) -> frozenset[str]:
    """Every address that this person may write from."""
    return frozenset(row[0] for row in await tx.all(_OWN, account_id=account_id))


async def profile_of(tx: Tx, account_id: int) -> Profile:
    """The person's profile. Raises LookupError when there is no such person."""
    row = await tx.one(_PROFILE, account_id=account_id)
    if row is None:
        raise LookupError(f"no person {account_id}")
    return Profile(row[0])
