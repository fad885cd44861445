"""Addresses resolved to accounts: people, lists, and what is neither. One indexed statement each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Text, and_, bindparam, func, literal, or_, select

from directory.addresses import lists_named
from directory.list_schema import list_setting
from directory.merged import stands_for
from directory.schema import address, cite, list_, list_member, person
from directory.year_schema import past_list
from imap.rights import Rights, parse_rights
from mailgate.database import Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.policy.matrix import CITE, list_key
from mailgate.policy.targets import ListTarget, PersonTarget
from mailgate.store.access import LIST, PERSON
from mailgate.store.provisioning import INBOX_ID, RECEIVES
from mailgate.store.schema import account, acl, shared_account

OF_PERSON: Final = (
    select(account.c.account_id, account.c.state, person.c.profile)
    .join(address, address.c.person_id == account.c.account_id)
    .join(person, person.c.person_id == account.c.account_id)
    .where(address.c.address == bindparam("address", type_=Text))
)
"""What `person_from` takes: who has an address."""
_PERSON: Final = Statement(OF_PERSON)
_LIST: Final = Statement(
    select(
        list_.c.list_id,
        list_.c.kind,
        list_.c.audience,
        list_.c.target_id,
        list_.c.school_id,
        list_.c.address,
        list_.c.label,
        func.coalesce(list_setting.c.hold_minutes, 0),
    )
    .outerjoin(list_setting, list_setting.c.list_id == list_.c.list_id)
    .where(list_.c.list_id.in_(lists_named(lambda column: column == bindparam("address"))), list_.c.active.is_(True))
)
_CITE: Final = Statement(select(cite.c.cite_id).where(cite.c.domain == bindparam("domain")))
_successor = list_.alias("successor")
_ENDED: Final = Statement(
    select(
        list_.c.school_id,
        list_.c.closed_at.is_not(None),
        func.coalesce(past_list.c.school_year, 0),
        func.coalesce(_successor.c.address, ""),
    )
    .outerjoin(past_list, past_list.c.list_id == list_.c.list_id)
    .outerjoin(_successor, and_(_successor.c.list_id == past_list.c.successor_id, _successor.c.active.is_(True)))
    .where(
        list_.c.list_id.in_(lists_named(lambda column: column == bindparam("address"))),
        list_.c.active.is_(False),
        or_(list_.c.closed_at.is_not(None), past_list.c.school_year.is_not(None)),
    )
)
_SIZE_LIMITS: Final = Statement(
    select(list_setting.c.list_id, list_setting.c.size_limit).where(
        member(list_setting.c.list_id, "lists"), list_setting.c.size_limit > 0
    )
)
_MAY_LEAVE: Final = Statement(select(list_setting.c.leaving).where(list_setting.c.list_id == bindparam("list_id")))
_IS_MEMBER: Final = Statement(
    select(list_member.c.person_id).where(
        list_member.c.list_id == bindparam("list_id"), list_member.c.person_id == bindparam("person_id")
    )
)
SENDERS: Final = (
    select(
        address.c.address,
        address.c.person_id.label("account_id"),
        literal(0, BigInteger).label("negative"),
        literal("", Text).label("rights"),
    )
    .where(address.c.person_id == bindparam("account_id"))
    .union_all(
        select(address.c.address, acl.c.account_id, acl.c.negative, acl.c.rights)
        .join(address, address.c.person_id == acl.c.account_id)
        .where(
            acl.c.mailbox_id == INBOX_ID,
            or_(
                and_(acl.c.grantee == PERSON, stands_for(bindparam("account_id"), acl.c.grantee_id)),
                and_(
                    acl.c.grantee == LIST,
                    acl.c.grantee_id.in_(
                        select(list_member.c.list_id).where(list_member.c.person_id == bindparam("account_id"))
                    ),
                ),
            ),
        )
    )
)
"""What `senders_from` takes: the addresses that an account may send from."""
_SENDERS: Final = Statement(SENDERS)
_SHARED: Final = Statement(
    select(shared_account.c.account_id)
    .join(address, address.c.person_id == shared_account.c.account_id)
    .where(address.c.address == bindparam("address"))
)

_ACTIVE: Final = Statement(
    select(account.c.account_id).where(member(account.c.account_id, "accounts"), account.c.state.in_(sorted(RECEIVES)))
)
_MEMBERS: Final = Statement(
    select(list_member.c.list_id, account.c.account_id)
    .join(account, account.c.account_id == list_member.c.person_id)
    .where(member(list_member.c.list_id, "lists"), account.c.state == "active")
)


@dataclass(frozen=True, slots=True)
class PersonRecipient:
    """One person's mailbox; closed when the person has left."""

    account_id: int
    open: bool
    target: PersonTarget
    may_want_outside: bool = True
    """Whether it is to be looked up if something of a message goes to an address of theirs outside."""


@dataclass(frozen=True, slots=True)
class ListRecipient:
    """A distribution list that has members."""

    list_id: int
    target: ListTarget
    address: str
    label: str
    hold_minutes: int = 0
    """How long a message waits so that its writer can take it back."""


@dataclass(frozen=True, slots=True)
class Moderated:
    """A recipient whose copy somebody is to approve, by the rule of a school or a stop (`reason`)."""

    found: PersonRecipient | ListRecipient
    address: str
    school_id: int | None
    reason: str


def number_of(found: PersonRecipient | ListRecipient | Moderated) -> int:
    """The list, or the account, that a recipient is."""
    one = found.found if isinstance(found, Moderated) else found
    return one.list_id if isinstance(one, ListRecipient) else one.account_id


@dataclass(frozen=True, slots=True)
class EndedList:
    """A list that takes no messages any more, of no school for a cité: somebody closed it, or it went with a school
    year (its first calendar year); `successor` is the address of the one in its place, or empty.
    """

    school_id: int | None
    closed: bool
    school_year: int = 0
    successor: str = ""


def fold(text: str) -> str:
    """An address as it is kept and compared: addresses here are lower case."""
    return text.strip().lower()


async def resolve(tx: Tx, text: str) -> PersonRecipient | ListRecipient | None:
    """What an address stands for here, or None."""
    if row := await tx.one(_PERSON, address=fold(text)):
        return person_from(row)
    return await resolve_list(tx, text)


def person_from(row: Row, *, may_want_outside: bool = True) -> PersonRecipient:
    """The recipient that `OF_PERSON` found."""
    return PersonRecipient(row[0], row[1] in RECEIVES, PersonTarget(row[0], row[2]), may_want_outside)


async def resolve_list(tx: Tx, text: str) -> ListRecipient | None:
    """The list of this address, or None."""
    if row := await tx.one(_LIST, address=fold(text)):
        list_id, kind, audience, target_id, school_id, name, label, hold_minutes = row
        key = list_key(kind, audience, of_cite=school_id is None)
        if school_id is None and kind != CITE and (its := await tx.one(_CITE, domain=name.rpartition("@")[2])):
            kind, target_id = CITE, its[0]
        target = ListTarget(kind, target_id, school_id, key, list_id)
        return ListRecipient(list_id, target, name, label, hold_minutes)
    return None


async def ended_list(tx: Tx, text: str) -> EndedList | None:
    """The list of this address that somebody closed, or that went with the last school year, or None."""
    row = await tx.one(_ENDED, address=fold(text))
    return EndedList(row[0], bool(row[1]), row[2], row[3]) if row else None


async def may_leave(tx: Tx, list_id: int) -> bool:
    """Whether members of a list may leave it by themselves."""
    row = await tx.one(_MAY_LEAVE, list_id=list_id)
    return row is not None and bool(row[0])


async def is_member(tx: Tx, list_id: int, person_id: int) -> bool:
    """Whether somebody is on a list."""
    return await tx.one(_IS_MEMBER, list_id=list_id, person_id=person_id) is not None


async def size_limits(tx: Tx, lists: Sequence[int]) -> dict[int, int]:
    """How many octets a message to these lists may have, by list, for those that say so."""
    return dict(map(tuple, await tx.all(_SIZE_LIMITS, lists=lists))) if lists else {}


async def reached(tx: Tx, accounts: Sequence[int], lists: Sequence[int]) -> dict[int, frozenset[int]]:
    """The active accounts behind people (under 0) and lists, by list in this order; nobody stands there twice."""
    found: dict[int, set[int]] = {0: {row[0] for row in await tx.all(_ACTIVE, accounts=accounts)}}
    members = defaultdict[int, set[int]](set)
    for list_id, account_id in await tx.all(_MEMBERS, lists=lists) if lists else ():
        members[list_id].add(account_id)
    seen = set(found[0])
    for list_id in lists:
        found[list_id] = members[list_id] - seen
        seen |= members[list_id]
    return {list_id: frozenset(people) for list_id, people in found.items()}


async def sending_addresses(tx: Tx, account_id: int) -> dict[str, int]:
    """Every address that this person may send from, with the account of each: the own ones, and those of others who
    gave the right to send as they (``0``).
    """
    return senders_from(await tx.all(_SENDERS, account_id=account_id), account_id)


def senders_from(rows: Iterable[Row], account_id: int) -> dict[str, int]:
    """What the rows of `SENDERS` say."""
    own = set[str]()
    given: dict[str, tuple[int, Rights]] = {}
    taken: dict[str, Rights] = {}
    for text, owner, negative, letters in rows:
        rights = parse_rights(letters)
        if owner == account_id:
            own.add(text)
        elif negative:
            taken[text] = taken.get(text, Rights.NONE) | rights
        else:
            given[text] = owner, given.get(text, (owner, Rights.NONE))[1] | rights
    lent = {
        text: owner
        for text, (owner, rights) in given.items()
        if Rights.SEND_AS in rights & ~taken.get(text, Rights.NONE)
    }
    return lent | dict.fromkeys(own, account_id)


async def is_shared(tx: Tx, text: str) -> bool:
    """Whether an address is that of a shared mailbox."""
    return await tx.one(_SHARED, address=fold(text)) is not None
