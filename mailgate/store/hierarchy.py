"""CREATE, DELETE and RENAME (RFC 9051 sections 6.3.4 to 6.3.6): every level of a name is a mailbox of its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import BigInteger, bindparam, delete, func, or_, select, update

from imap.backend import HIERARCHY_DELIMITER, MailboxRef
from imap.errors import (
    CommandRefused,
    InvalidMailboxName,
    MailboxExists,
    MailboxHasChildren,
    MailboxIsPermanent,
    MailboxNotFound,
    NotPermitted,
)
from imap.rights import Rights
from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.store import annotating, copies
from mailgate.store.access import Place, access_at, locate, require_at, shown_at
from mailgate.store.counters import lock_account, lock_mailbox
from mailgate.store.feed import MAILBOX_LIST, announce
from mailgate.store.mailboxes import MAX_MAILBOXES, SUBSCRIBE, subscriptions
from mailgate.store.names import INBOX, ancestors, check_name, is_below
from mailgate.store.namespaces import check_own
from mailgate.store.provisioning import INBOX_ID, SENT_ID, SPECIAL_USES
from mailgate.store.released import let_go
from mailgate.store.schema import (
    account,
    acl,
    annotation,
    entry,
    flag_change,
    mailbox,
    names,
    reader,
    seen_by,
    tombstone,
)

_NAMES: Final = Statement(
    select(mailbox.c.name, mailbox.c.mailbox_id).where(mailbox.c.account_id == bindparam("account_id"))
)
_USE: Final = Statement(
    select(mailbox.c.name).where(
        mailbox.c.account_id == bindparam("account_id"), mailbox.c.special_use == bindparam("special_use")
    )
)
_USE_OF: Final = Statement(
    select(mailbox.c.special_use).where(
        mailbox.c.account_id == bindparam("account_id"), mailbox.c.mailbox_id == bindparam("mailbox_id")
    )
)
_INSERT: Final = Statement(
    insert(mailbox).values(
        {
            "account_id": bindparam("account_id"),
            "mailbox_id": bindparam("mailbox_id"),
            "name": bindparam("name"),
            "special_use": bindparam("special_use"),
            "uidvalidity": bindparam("uidvalidity"),
            "uidnext": 1,
            "highestmodseq": 1,
            "log_floor": 0,
            "messages": 0,
            "unseen": 0,
            "deleted": 0,
            "size": 0,
            "recent_from": 1,
            "keywords": "",
        }
    )
)
_SET_COUNTERS: Final = Statement(
    update(account)
    .where(account.c.account_id == bindparam("account"))
    .values(next_mailbox_id=bindparam("next_id"), last_uidvalidity=bindparam("last"))
)
_LOCK: Final = Statement(
    select(mailbox.c.mailbox_id)
    .where(mailbox.c.account_id == bindparam("account_id"), member(mailbox.c.mailbox_id, "ids"))
    .order_by(mailbox.c.mailbox_id)
    .with_for_update()
)
_RENAME: Final = Statement(
    update(mailbox)
    .where(
        mailbox.c.account_id == bindparam("account"),
        or_(
            mailbox.c.name == bindparam("old"),
            func.substr(mailbox.c.name, 1, bindparam("prefix_length")) == bindparam("prefix"),
        ),
    )
    .values(name=bindparam("new").concat(func.substr(mailbox.c.name, bindparam("rest_from"))))
)
_fresh = rows("fresh", mailbox_id=BigInteger)
_INHERIT: Final = Statement(
    insert(acl).from_select(
        names(acl),
        select(
            acl.c.account_id, _fresh.c.mailbox_id, acl.c.grantee, acl.c.grantee_id, acl.c.negative, acl.c.rights
        ).where(acl.c.account_id == bindparam("account_id"), acl.c.mailbox_id == bindparam("parent_id")),
    )
)
_RELEASE: Final = Statement(
    let_go(entry.c.account_id == bindparam("account_id"), entry.c.mailbox_id == bindparam("mailbox_id"))
)
_DELETE: Final = tuple(
    Statement(
        delete(table).where(
            table.c.account_id == bindparam("account_id"), table.c.mailbox_id == bindparam("mailbox_id")
        )
    )
    for table in (entry, flag_change, tombstone, annotation, acl, seen_by, reader, mailbox)
)


async def create(tx: Tx, reader_id: int, name: str, special_use: str | None, now: int) -> None:
    """Create and subscribe a mailbox and the missing levels above it, with the rights of the nearest level that exists.

    A use is given to one mailbox at a time, and only to the person's own (RFC 6154 sections 2 and 3).

    Raises InvalidMailboxName, MailboxExists, NotPermitted, CommandRefused: no mailbox can have this use, or another has
    it, or the account is full of mailboxes.
    """
    place = await _place_to_create(tx, reader_id, name)
    taken = await _lock_names(tx, place.account_id)
    await _check_parent(tx, reader_id, place, taken)
    if special_use is not None:
        if special_use not in SPECIAL_USES or place.account_id != reader_id:
            raise CommandRefused("No mailbox has this special use here", code="USEATTR")
        if await tx.one(_USE, account_id=reader_id, special_use=special_use) is not None:
            raise CommandRefused("Another mailbox has this special use", code="USEATTR")
    await _create(tx, reader_id, place, taken, now, special_use=special_use)


async def remove(tx: Tx, reader_id: int, name: str, now: int) -> None:
    """Delete a mailbox and let go of its messages; its name stays subscribed (RFC 9051 section 6.3.7).

    INBOX and the Sent from the start stay: the gateway itself files into them.

    Raises MailboxNotFound, MailboxIsPermanent, MailboxHasChildren, NotPermitted.
    """
    place, _ = await require_at(tx, reader_id, name, Rights.DELETE_MAILBOX)
    account_id = place.account_id
    taken = await _lock_names(tx, account_id)
    mailbox_id = _existing(taken, place.name)
    if mailbox_id in {INBOX_ID, SENT_ID}:
        raise MailboxIsPermanent("This mailbox is always there")
    if any(is_below(other, place.name) for other in taken):
        raise MailboxHasChildren("Delete the mailboxes below this one first")
    await lock_mailbox(tx, account_id, mailbox_id)
    await tx.run(_RELEASE, account_id=account_id, mailbox_id=mailbox_id, now=now)
    for statement in _DELETE:
        await tx.run(statement, account_id=account_id, mailbox_id=mailbox_id)
    await announce(tx, [(account_id, MAILBOX_LIST), (account_id, mailbox_id)])


async def rename(tx: Tx, reader_id: int, old: str, new: str, now: int) -> None:
    """Rename a mailbox and all below it; of INBOX, the messages move and the annotations are copied (RFC 5464 4.1).

    The new names of subscribed mailboxes are subscribed; the old ones are not taken off the list, which only the
    client may do (RFC 9051 section 6.3.7). Rights stay as they are (RFC 4314 section 4).

    A mailbox with a special use keeps its name, under which programs look for it.

    Raises MailboxNotFound, MailboxExists, MailboxIsPermanent, InvalidMailboxName, NotPermitted, CommandRefused.
    """
    place, _ = await require_at(tx, reader_id, old, Rights.DELETE_MAILBOX)
    target = await _place_to_create(tx, reader_id, new)
    account_id = place.account_id
    if target.account_id != account_id:
        raise CommandRefused("A mailbox stays with its owner: please move its messages", code="CANNOT")
    taken = await _lock_names(tx, account_id)
    await _check_parent(tx, reader_id, target, taken)
    if place.name == INBOX and place.foreign is None:
        await _create(tx, reader_id, target, taken, now)
        inbox = MailboxRef(account_id, INBOX_ID)
        moved_to = (await copies.move(tx, account_id, inbox, None, new, now)).mailbox
        await annotating.copy(tx, account_id, INBOX_ID, moved_to.mailbox_id)
        return
    mailbox_id = _existing(taken, place.name)
    use = await tx.one(_USE_OF, account_id=account_id, mailbox_id=mailbox_id)
    if mailbox_id == INBOX_ID or (use is not None and use[0] is not None):
        raise MailboxIsPermanent("A mailbox with a special use keeps its name")
    moved = _moves(taken, place.name, target.name)
    parents = [name for name in ancestors(target.name) if name not in taken]
    if parents:
        await _create(tx, reader_id, target._replace(name=parents[-1]), taken, now)
    await tx.all(_LOCK, account_id=account_id, ids=[taken[name] for name in moved])
    await tx.run(
        _RENAME,
        account=account_id,
        old=place.name,
        prefix=place.name + HIERARCHY_DELIMITER,
        prefix_length=len(place.name) + 1,
        new=target.name,
        rest_from=len(place.name) + 1,
    )
    subscribed = await subscriptions(tx, reader_id)
    for before, after in moved.items():
        if shown_at(place, before) in subscribed:
            await tx.run(SUBSCRIBE, account_id=reader_id, name=shown_at(place, after))
    await announce(tx, [(account_id, MAILBOX_LIST), *((account_id, taken[name]) for name in moved)])


def _moves(taken: Collection[str], old: str, new: str) -> dict[str, str]:
    """The new name of the mailbox and of each below it. Raises InvalidMailboxName, MailboxExists."""
    if is_below(new, old):
        raise InvalidMailboxName("A mailbox cannot move below itself")
    if new in taken:
        raise MailboxExists("A mailbox of this name is already there")
    moved = {name: new + name[len(old) :] for name in taken if name == old or is_below(name, old)}
    for name in moved.values():
        check_name(name)
    return moved


async def _place_to_create(tx: Tx, reader_id: int, name: str) -> Place:
    """Where a new mailbox would be. Raises InvalidMailboxName, NotPermitted for an owner unknown or not."""
    check_name(name)
    check_own(name)
    try:
        place = await locate(tx, reader_id, name)
    except MailboxNotFound as error:
        raise NotPermitted("You may not create a mailbox there") from error
    check_name(place.name)
    return place


async def _check_parent(tx: Tx, reader_id: int, place: Place, taken: Collection[str]) -> None:
    """Raise NotPermitted without the right to create below the nearest mailbox that exists (RFC 4314 section 4)."""
    if place.foreign is None:
        return
    parent = _parent(place, taken)
    access = await access_at(tx, reader_id, place._replace(name=parent)) if parent else None
    if access is None or Rights.CREATE not in access.rights:
        raise NotPermitted("You may not create a mailbox there")


def _parent(place: Place, taken: Collection[str]) -> str | None:
    """The nearest level above that exists; the INBOX of a shared account is above all the others (`namespaces`)."""
    above = [level for level in ancestors(place.name) if level in taken]
    if above:
        return above[-1]
    return INBOX if place.foreign is not None and place.foreign.shared else None


async def _lock_names(tx: Tx, account_id: int) -> dict[str, int]:
    """The ids of all mailboxes by name; none comes, goes or is renamed before this transaction ends."""
    await lock_account(tx, account_id)
    return dict(map(tuple, await tx.all(_NAMES, account_id=account_id)))


def _existing(taken: dict[str, int], name: str) -> int:
    """The id of a mailbox. Raises MailboxNotFound."""
    mailbox_id = taken.get(name)
    if mailbox_id is None:
        raise MailboxNotFound("No such mailbox")
    return mailbox_id


async def _create(
    tx: Tx, reader_id: int, place: Place, taken: dict[str, int], now: int, *, special_use: str | None = None
) -> None:
    account_id = place.account_id
    if place.name in taken:
        raise MailboxExists("A mailbox of this name is already there")
    fresh = [level for level in (*ancestors(place.name), place.name) if level not in taken]
    if len(taken) + len(fresh) > MAX_MAILBOXES:
        raise CommandRefused("An account has {most} mailboxes at most", most=MAX_MAILBOXES, code="LIMIT")
    counters = await lock_account(tx, account_id)
    uidvalidity = max(now, counters.last_uidvalidity + 1)
    ids = range(counters.next_mailbox_id, counters.next_mailbox_id + len(fresh))
    await tx.run_many(
        _INSERT,
        [
            {
                "account_id": account_id,
                "mailbox_id": mailbox_id,
                "name": level,
                "special_use": special_use if level == place.name else None,
                "uidvalidity": uidvalidity + index,
            }
            for index, (mailbox_id, level) in enumerate(zip(ids, fresh, strict=True))
        ],
    )
    parent = _parent(place, taken)
    if parent is not None:
        await tx.run(_INHERIT, account_id=account_id, parent_id=taken[parent], fresh=[(one,) for one in ids])
    await tx.run_many(SUBSCRIBE, [{"account_id": reader_id, "name": shown_at(place, level)} for level in fresh])
    await tx.run(
        _SET_COUNTERS,
        account=account_id,
        next_id=counters.next_mailbox_id + len(fresh),
        last=uidvalidity + len(fresh) - 1,
    )
    await announce(tx, [(account_id, MAILBOX_LIST)])
