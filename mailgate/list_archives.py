"""The archive of a list: a shared mailbox that holds what the list posted, for its members and its delegates to read.

It is an account that is nobody's own and has no address: nothing gets in but what the list posts, in the transaction
that posts it (`mailgate.delivery.copies`). It is called by the list's address, which never changes, below Shared/. Who
may read is told by ACL for the members of lists, so that it follows every change of members. Batch work.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, and_, bindparam, delete, insert, select

from directory.list_delegates import delegates
from directory.list_membership import OneList
from directory.list_schema import list_setting
from directory.list_settings import settings_of_list
from directory.queries import MEMBER_IDS
from directory.report import ImportReport, Kind
from directory.schema import Id, list_, new_id
from directory.year_schema import past_member
from mailgate.shared_mailboxes import READ, SharedMailboxError, announce_lists
from mailgate.store.access import LIST, PERSON
from mailgate.store.archives import KIND
from mailgate.store.provisioning import INBOX_ID, create_accounts
from mailgate.store.schema import acl, shared_account

Grantee = tuple[str, int]
_WERE_MEMBERS: Final = select(past_member.c.person_id).where(past_member.c.list_id == bindparam("list_id", type_=Id))
_READERS: Final = (acl.c.grantee, acl.c.grantee_id)


def follow(connection: Connection, one: OneList) -> None:
    """Bring a list's archive up to date after its settings or delegates changed: made if the list is to have one and
    has none, and open to its members and delegates alone, and for a time to its members of last school year. One that
    was switched off stays open to them.

    Raises SharedMailboxError when a shared mailbox has the name.
    """
    account_id = connection.scalar(
        select(shared_account.c.account_id).where(
            shared_account.c.kind == KIND, shared_account.c.target_id == one.list_id
        )
    )
    if account_id is None:
        if not settings_of_list(connection, one.list_id).archive:
            return
        account_id = _make(connection, one)
    inbox = and_(acl.c.account_id == account_id, acl.c.mailbox_id == INBOX_ID)
    present: set[Grantee] = {(row[0], row[1]) for row in connection.execute(select(*_READERS).where(inbox))}
    wanted: set[Grantee] = {(LIST, one.list_id)}
    wanted |= {(each.grantee, each.grantee_id) for each in delegates(connection, one.list_id)}
    wanted |= {(PERSON, number) for number in connection.scalars(_WERE_MEMBERS, {"list_id": one.list_id})}
    for kind, number in present - wanted:
        connection.execute(delete(acl).where(inbox, acl.c.grantee == kind, acl.c.grantee_id == number))
    row = {"account_id": account_id, "mailbox_id": INBOX_ID, "negative": 0, "rights": READ}
    for kind, number in wanted - present:
        connection.execute(insert(acl).values(**row, grantee=kind, grantee_id=number))
    for kind, number in present ^ wanted:
        people = [number] if kind == PERSON else connection.scalars(MEMBER_IDS, {"list_id": number})
        announce_lists(connection, account_id, *people)


def follow_all(connection: Connection, report: ImportReport) -> None:
    """The same for every list whose messages are kept; what cannot be is reported."""
    kept = select(*(list_.c[name] for name in OneList._fields)).join(
        list_setting, list_setting.c.list_id == list_.c.list_id
    )
    for row in connection.execute(kept.where(list_setting.c.archive.is_(True))).all():
        one = OneList(*row)
        try:
            follow(connection, one)
        except SharedMailboxError as error:
            report.found(Kind.TAKEN_ADDRESS, one.address, str(error), "the list has no archive")


def _make(connection: Connection, one: OneList) -> int:
    if connection.scalar(select(shared_account.c.account_id).where(shared_account.c.name == one.address)):
        raise SharedMailboxError(f"a shared mailbox is called {one.address}: rename it, the archive needs the name")
    account_id = new_id()
    create_accounts(connection, [account_id])
    row = {"account_id": account_id, "name": one.address, "kind": KIND, "target_id": one.list_id}
    connection.execute(insert(shared_account).values(**row))
    return account_id
