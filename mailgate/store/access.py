"""Who may do what in which mailbox: asked at every access, so that a right taken away is gone at once (RFC 4314).

What the owner does costs no statement: the owner of a mailbox has every right, always.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select, union_all

from directory.merged import merged_into, stands_for
from directory.schema import address, list_member
from imap.backend import OTHER_USERS, SHARED, MailboxRef
from imap.errors import MailboxNotFound, NotPermitted
from imap.flags import SEEN
from imap.rights import Rights, parse_rights
from mailgate.database import Row, Statement, Tx
from mailgate.store.namespaces import ForeignName, compose, parse
from mailgate.store.schema import acl, mailbox, shared_account

PERSON: Final = "person"
LIST: Final = "list"
"""Kinds of grantee: a person, the present members of a list."""


class Access(NamedTuple):
    """What a person may do in a mailbox, and whose ``\\Seen`` is meant there."""

    reader_id: int
    own: bool
    rights: Rights
    base: int
    """The flags of an entry that are the mark of a reader who never set one: ``\\Seen`` in a shared account, where no
    owner reads, nothing in a person's mailbox.
    """

    def check(self, needed: Rights) -> None:
        """Raise NotPermitted, or MailboxNotFound to whom the mailbox is not listed (RFC 4314 section 6)."""
        if needed & self.rights != needed:
            if Rights.LOOKUP in self.rights:
                raise NotPermitted("You have no right to do this")
            raise MailboxNotFound("No such mailbox")


class Place(NamedTuple):
    """Where a name leads: whose mailbox, what its owner calls it, and, for others' mailboxes, the name's parts."""

    account_id: int
    name: str
    foreign: ForeignName | None


class Share(NamedTuple):
    """A mailbox that others share with a person."""

    ref: MailboxRef
    rights: Rights
    prefix: str
    owner: str


def _applies(grantee: ColumnElement[str], grantee_id: ColumnElement[int]) -> ColumnElement[bool]:
    lists = select(list_member.c.list_id).where(list_member.c.person_id == bindparam("reader_id"))
    return or_(
        and_(grantee == PERSON, stands_for(bindparam("reader_id"), grantee_id)),
        and_(grantee == LIST, grantee_id.in_(lists)),
    )


_nobodys = exists().where(shared_account.c.account_id == acl.c.account_id)
_granted = select(acl.c.negative, acl.c.rights, _nobodys).where(_applies(acl.c.grantee, acl.c.grantee_id))
_BY_ID: Final = Statement(
    _granted.where(acl.c.account_id == bindparam("account_id"), acl.c.mailbox_id == bindparam("mailbox_id"))
)
_BY_NAME: Final = Statement(
    _granted.join(
        mailbox, and_(mailbox.c.account_id == acl.c.account_id, mailbox.c.mailbox_id == acl.c.mailbox_id)
    ).where(mailbox.c.account_id == bindparam("account_id"), mailbox.c.name == bindparam("name"))
)
_SHARED_OWNER: Final = Statement(select(shared_account.c.account_id).where(shared_account.c.name == bindparam("owner")))
_PERSON_OWNER: Final = Statement(select(address.c.person_id).where(address.c.address == bindparam("owner")))


def _shares(*condition: ColumnElement[bool], through_list: bool) -> Any:  # noqa: ANN401 - a select
    columns = (acl.c.account_id, acl.c.mailbox_id, acl.c.negative, acl.c.rights)
    found = select(*columns, shared_account.c.name, address.c.address)
    source = acl.join(list_member, list_member.c.list_id == acl.c.grantee_id) if through_list else acl
    source = source.outerjoin(shared_account, shared_account.c.account_id == acl.c.account_id)
    source = source.outerjoin(address, and_(address.c.person_id == acl.c.account_id, address.c.is_primary.is_(True)))
    return found.select_from(source).where(*condition)


_SHARES: Final = Statement(
    union_all(
        _shares(acl.c.grantee == PERSON, acl.c.grantee_id == bindparam("reader_id"), through_list=False),
        _shares(acl.c.grantee == PERSON, acl.c.grantee_id.in_(merged_into(bindparam("reader_id"))), through_list=False),
        _shares(acl.c.grantee == LIST, list_member.c.person_id == bindparam("reader_id"), through_list=True),
    )
)


_of_lists = acl.join(list_member, list_member.c.list_id == acl.c.grantee_id)
HAS_SHARES: Final[ColumnElement[bool]] = or_(
    exists().where(acl.c.grantee == PERSON, acl.c.grantee_id == bindparam("reader_id")),
    exists().select_from(_of_lists).where(acl.c.grantee == LIST, list_member.c.person_id == bindparam("reader_id")),
)
"""Whether `shares` may find something: for nearly everybody it does not."""


def shown_at(place: Place, name: str) -> str:
    """How the person who named the place sees its owner's mailbox `name`."""
    return name if place.foreign is None else compose(place.foreign.prefix, place.foreign.owner, name)


async def access(tx: Tx, reader_id: int, ref: MailboxRef) -> Access:
    """What the reader may do in a mailbox."""
    if ref.account_id == reader_id:
        return owner(reader_id)
    rows = await tx.all(_BY_ID, reader_id=reader_id, account_id=ref.account_id, mailbox_id=ref.mailbox_id)
    return _access(reader_id, rows)


async def require(tx: Tx, reader_id: int, ref: MailboxRef, needed: Rights) -> Access:
    """The same, when all of `needed` is in it. Raises NotPermitted, MailboxNotFound."""
    found = await access(tx, reader_id, ref)
    found.check(needed)
    return found


async def locate(tx: Tx, reader_id: int, name: str) -> Place:
    """Where a name leads, whether or not there is such a mailbox. Raises MailboxNotFound for an unknown owner."""
    foreign = parse(name)
    if foreign is None:
        return Place(reader_id, name, None)
    statement = _SHARED_OWNER if foreign.shared else _PERSON_OWNER
    row = await tx.one(statement, owner=foreign.owner if foreign.shared else foreign.owner.lower())
    if row is None or row[0] == reader_id or foreign.name is None:
        raise MailboxNotFound("No such mailbox")
    return Place(row[0], foreign.name, foreign)


async def access_at(tx: Tx, reader_id: int, place: Place) -> Access:
    """What the reader may do in the mailbox at a place: nothing where there is none."""
    if place.foreign is None:
        return owner(reader_id)
    return _access(reader_id, await tx.all(_BY_NAME, reader_id=reader_id, account_id=place.account_id, name=place.name))


async def require_at(tx: Tx, reader_id: int, name: str, needed: Rights) -> tuple[Place, Access]:
    """The place of a name, when all of `needed` is granted there. Raises NotPermitted, MailboxNotFound."""
    place = await locate(tx, reader_id, name)
    found = await access_at(tx, reader_id, place)
    found.check(needed)
    return place, found


async def shares(tx: Tx, reader_id: int) -> dict[MailboxRef, Share]:
    """Every mailbox that others list to this person: one statement, whatever their number."""
    rows: dict[MailboxRef, list[Row]] = {}
    for row in await tx.all(_SHARES, reader_id=reader_id):
        if row[0] != reader_id:
            rows.setdefault(MailboxRef(row[0], row[1]), []).append(row)
    found: dict[MailboxRef, Share] = {}
    for ref, granted in rows.items():
        rights = _sum((row[2], row[3]) for row in granted)
        *_, name, login = granted[0]
        if Rights.LOOKUP in rights and (name or login):
            found[ref] = Share(ref, rights, SHARED if name else OTHER_USERS, name or login)
    return found


def owner(reader_id: int) -> Access:
    """What one may do in one's own mailboxes."""
    return Access(reader_id, own=True, rights=Rights.ALL, base=0)


def _access(reader_id: int, rows: list[Row]) -> Access:
    nobodys = bool(rows and rows[0][2])
    return Access(reader_id, own=False, rights=_sum((row[0], row[1]) for row in rows), base=SEEN if nobodys else 0)


def _sum(rows: Iterable[tuple[int, str]]) -> Rights:
    """All that is given less all that is taken, whoever it is given to or taken from."""
    given = taken = Rights.NONE
    for negative, letters in rows:
        if negative:
            taken |= parse_rights(letters)
        else:
            given |= parse_rights(letters)
    return given & ~taken
