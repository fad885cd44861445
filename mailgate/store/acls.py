"""The access control list of a mailbox, read and changed by who may administer it (RFC 4314 section 3).

Identifiers are addresses: any address of a person, or a list's. An unknown one and one that the policy refuses are
answered alike.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final, NamedTuple

from sqlalchemy import and_, bindparam, delete, func, select

from directory.addresses import lists_named
from directory.merged import current, stands_for
from directory.nomenclature import Profile
from directory.queries import MEMBER_IDS, WORKPLACES_OF_PERSON
from directory.schema import ACTIVE, address, list_, person, school
from imap.backend import OTHER_USERS, AclChange, AclEntry, Grantable, MailboxRef
from imap.errors import BadCommand, CommandRefused, MailboxNotFound, NotPermitted
from imap.rights import Rights, letters, parse_rights, tells_rights
from mailgate.accounts.prepare import prepare_username
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert
from mailgate.policy.sharing import Workplace, may_receive, may_receive_as_list, may_share, work_together
from mailgate.store.access import LIST, PERSON, Place, access_at, locate, require_at
from mailgate.store.feed import MAILBOX_LIST, announce
from mailgate.store.mailboxes import mailbox_status
from mailgate.store.schema import acl

MAX_ENTRIES: Final = 200
"""Identifiers in the list of one mailbox."""

_REFUSED: Final = "This mailbox cannot be shared with them"

_of_mailbox = (acl.c.account_id == bindparam("account_id"), acl.c.mailbox_id == bindparam("mailbox_id"))
_theirs = address.c.person_id == current(acl.c.grantee_id)
_READ: Final = Statement(
    select(func.coalesce(address.c.address, list_.c.address), acl.c.negative, acl.c.rights)
    .select_from(
        acl.outerjoin(
            address,
            and_(
                acl.c.grantee == PERSON,
                address.c.person_id == current(acl.c.grantee_id),
                address.c.is_primary.is_(True),
            ),
        ).outerjoin(list_, and_(acl.c.grantee == LIST, list_.c.list_id == acl.c.grantee_id))
    )
    .where(*_of_mailbox)
)
_OF_OWNER: Final = Statement(
    select(address.c.address).where(address.c.person_id == bindparam("account_id"), address.c.is_primary.is_(True))
)
_entry = (
    *_of_mailbox,
    acl.c.grantee == bindparam("kind"),
    stands_for(bindparam("id"), acl.c.grantee_id),
    acl.c.negative == bindparam("minus"),
)
_HELD: Final = Statement(select(acl.c.rights).where(*_entry))
_COUNT: Final = Statement(select(func.count()).select_from(acl).where(*_of_mailbox))
_insert = insert(acl).values(
    account_id=bindparam("account_id"),
    mailbox_id=bindparam("mailbox_id"),
    grantee=bindparam("kind"),
    grantee_id=bindparam("id"),
    negative=bindparam("minus"),
    rights=bindparam("rights"),
)
_SET: Final = Statement(
    _insert.on_conflict_do_update(
        index_elements=list(acl.primary_key.columns), set_={"rights": _insert.excluded.rights}
    )
)
_REMOVE: Final = Statement(delete(acl).where(*_entry))
_PERSON: Final = Statement(
    select(person.c.person_id, person.c.profile, person.c.state)
    .join(address, address.c.person_id == person.c.person_id)
    .where(address.c.address == bindparam("address"))
)
_PROFILE: Final = Statement(select(person.c.profile).where(person.c.person_id == bindparam("person_id")))
_LIST: Final = Statement(
    select(list_.c.list_id, list_.c.audience, list_.c.kind, list_.c.target_id, list_.c.school_id, school.c.cite_id)
    .outerjoin(school, school.c.school_id == list_.c.school_id)
    .where(list_.c.list_id.in_(lists_named(lambda column: column == bindparam("address"))))
)
_WORKPLACES: Final = Statement(WORKPLACES_OF_PERSON)
_MEMBERS: Final = Statement(MEMBER_IDS)


class _Grantee(NamedTuple):
    """Whom an identifier means; `welcome` tells whether the policy lets anything be granted."""

    kind: str
    grantee_id: int
    welcome: bool


async def my_rights(tx: Tx, reader_id: int, name: str) -> Rights:
    """What the person may do in a mailbox. Raises MailboxNotFound."""
    place = await locate(tx, reader_id, name)
    access = await access_at(tx, reader_id, place)
    if not tells_rights(access.rights):
        raise MailboxNotFound("No such mailbox")
    if access.own:
        await mailbox_status(tx, place.account_id, place.name)
    return access.rights


async def read(tx: Tx, reader_id: int, name: str) -> list[AclEntry]:
    """The list, the owner first, who has every right whatever the list says. Raises MailboxNotFound, NotPermitted."""
    place, ref = await _administered(tx, reader_id, name)
    owner = await tx.one(_OF_OWNER, account_id=place.account_id) if _has_owner(place) else None
    rows = await tx.all(_READ, account_id=ref.account_id, mailbox_id=ref.mailbox_id)
    found: defaultdict[str, Rights] = defaultdict(lambda: Rights.NONE)
    for identifier, negative, rights in rows:
        if identifier:
            found[f"-{identifier}" if negative else identifier] |= parse_rights(rights)
    entries = [AclEntry(identifier, rights) for identifier, rights in found.items()]
    return [*([AclEntry(owner[0], Rights.ALL)] if owner else []), *sorted(entries)]


async def change(tx: Tx, reader_id: int, name: str, identifier: str, how: AclChange, rights: Rights) -> None:
    """Grant or take back. Raises MailboxNotFound, NotPermitted, BadCommand, CommandRefused when the list is full."""
    place, ref = await _administered(tx, reader_id, name)
    negative, text = _prepare(identifier)
    grantee = await _find(tx, reader_id, text)
    if grantee is None or (grantee.kind, grantee.grantee_id) == (PERSON, place.account_id):
        raise NotPermitted(_REFUSED)
    key = _key(ref, grantee, minus=negative)
    rows = await tx.all(_HELD, **key)
    held = Rights.NONE
    for row in rows:
        held |= parse_rights(row[0])
    wanted = {AclChange.REPLACE: rights, AclChange.ADD: held | rights, AclChange.REMOVE: held & ~rights}[how]
    if wanted & ~held and not grantee.welcome:
        raise NotPermitted(_REFUSED)
    if not wanted:
        await tx.run(_REMOVE, **key)
    else:
        if rows:  # also what was given to a person who was merged into this one since: what is granted now stands alone
            await tx.run(_REMOVE, **key)
        count = await tx.one(_COUNT, account_id=ref.account_id, mailbox_id=ref.mailbox_id)
        if not rows and count is not None and count[0] >= MAX_ENTRIES:
            raise CommandRefused(
                "A mailbox is shared with {here} people and lists at most", here=MAX_ENTRIES, code="LIMIT"
            )
        await tx.run(_SET, **key, rights=letters(wanted))
    await _announce(tx, ref, grantee)


async def remove(tx: Tx, reader_id: int, name: str, identifier: str) -> None:
    """Take an identifier off the list, if it is there. Raises MailboxNotFound, NotPermitted, BadCommand."""
    _, ref = await _administered(tx, reader_id, name)
    negative, text = _prepare(identifier)
    grantee = await _find(tx, reader_id, text)
    if grantee is not None and await tx.run(_REMOVE, **_key(ref, grantee, minus=negative)):
        await _announce(tx, ref, grantee)


async def grantable(tx: Tx, reader_id: int, name: str, identifier: str) -> Grantable:
    """What may be granted: every right, or none. Raises MailboxNotFound, NotPermitted, BadCommand."""
    place, _ = await _administered(tx, reader_id, name)
    _, text = _prepare(identifier)
    grantee = await _find(tx, reader_id, text)
    if grantee is not None and (grantee.kind, grantee.grantee_id) == (PERSON, place.account_id):
        return Grantable(Rights.ALL, Rights.NONE)
    return Grantable(Rights.NONE, Rights.ALL if grantee is not None and grantee.welcome else Rights.NONE)


async def _administered(tx: Tx, reader_id: int, name: str) -> tuple[Place, MailboxRef]:
    place, _ = await require_at(tx, reader_id, name, Rights.ADMINISTER)
    return place, (await mailbox_status(tx, place.account_id, place.name)).ref


def _has_owner(place: Place) -> bool:
    return place.foreign is None or place.foreign.prefix == OTHER_USERS


def _prepare(identifier: str) -> tuple[bool, str]:
    """Whether rights are taken away, and the address (RFC 4314 section 3, with the profile of RFC 8265)."""
    negative = identifier.startswith("-")
    try:
        return negative, prepare_username(identifier.removeprefix("-"))
    except ValueError as error:
        raise BadCommand("No such identifier can be") from error


async def _find(tx: Tx, sharer_id: int, text: str) -> _Grantee | None:
    """Whom an address means; None for nobody, and for ``anyone``."""
    if row := await tx.one(_PERSON, address=text):
        person_id, profile, state = row
        welcome = state == ACTIVE and may_receive(Profile(profile))
        if welcome:
            welcome = await _may(tx, sharer_id, await _workplaces(tx, person_id))
        return _Grantee(PERSON, person_id, welcome)
    if row := await tx.one(_LIST, address=text):
        list_id, audience, kind, target_id, school_id, cite_id = row
        place = Workplace(None, target_id) if kind == "cite" else Workplace(school_id, cite_id)
        return _Grantee(LIST, list_id, may_receive_as_list(audience) and await _may(tx, sharer_id, [place]))
    return None


async def _may(tx: Tx, sharer_id: int, places: list[Workplace]) -> bool:
    row = await tx.one(_PROFILE, person_id=sharer_id)
    if row is None or not may_share(Profile(row[0])):
        return False
    return work_together(await _workplaces(tx, sharer_id), places)


async def _workplaces(tx: Tx, person_id: int) -> list[Workplace]:
    return [Workplace(*row) for row in await tx.all(_WORKPLACES, person_id=person_id)]


def _key(ref: MailboxRef, grantee: _Grantee, *, minus: bool) -> dict[str, object]:
    return {
        "account_id": ref.account_id,
        "mailbox_id": ref.mailbox_id,
        "kind": grantee.kind,
        "id": grantee.grantee_id,
        "minus": int(minus),
    }


async def _announce(tx: Tx, ref: MailboxRef, grantee: _Grantee) -> None:
    """Sessions that have the mailbox selected look at their rights; the grantees' at the list of mailboxes."""
    people: list[int] = [grantee.grantee_id]
    if grantee.kind == LIST:
        people = [row[0] for row in await tx.all(_MEMBERS, list_id=grantee.grantee_id)]
    await announce(tx, [ref, *((one, MAILBOX_LIST) for one in (ref.account_id, *people))])
