"""An account ends: all that is its own is deleted in one transaction, with a row that proves it; the address stays
taken. Contents that nobody else has are freed by the collector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, or_, select

from directory.list_schema import list_delegate, list_welcome
from directory.queries import ADDRESSES_OF_PERSON
from directory.schema import LEFT, former_school, new_id, person
from mailgate.accounts.schema import activation_code, app_password, chosen_password
from mailgate.moderation.schema import held_moderator
from mailgate.policy.audit import record
from mailgate.policy.schema import sending
from mailgate.queue.wishes import outside_failure, outside_wish
from mailgate.retention.archiving import Archived
from mailgate.retention.due import Due, is_held
from mailgate.retention.schema import leaver, purge_proof
from mailgate.statistics.schema import account_month
from mailgate.store import schema as store
from mailgate.store.access import PERSON
from mailgate.store.released import let_go
from mailgate.transfer.schema import transfer_source, transferred


class ChangedError(Exception):
    """Something has changed since it was decided: the account stays as it is until the next run."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much an account holds."""

    mailboxes: int
    messages: int
    octets: int


def _rows_of(account_id: int) -> list[tuple[Table, ColumnElement[bool]]]:
    """Everything that is deleted, in this order."""
    own = (
        store.entry, store.tombstone, store.flag_change, store.subscription, store.unsubscription, store.mailbox,
        activation_code, app_password, chosen_password, transferred, transfer_source, sending, held_moderator,
        account_month,
    )  # fmt: skip
    read = (store.annotation, store.seen_by, store.reader)
    of_person = (outside_failure, list_welcome, former_school)
    acl, delegate, wish = store.acl.c, list_delegate.c, outside_wish.c
    return [
        *((table, table.c.account_id == account_id) for table in own),
        *((table, or_(table.c.account_id == account_id, table.c.reader_id == account_id)) for table in read),
        *((table, table.c.person_id == account_id) for table in of_person),
        (outside_wish, or_(wish.person_id == account_id, wish.owner_id == account_id)),
        (store.acl, or_(acl.account_id == account_id, and_(acl.grantee == PERSON, acl.grantee_id == account_id))),
        (list_delegate, and_(delegate.grantee == PERSON, delegate.grantee_id == account_id)),
        (store.account, store.account.c.account_id == account_id),
        (leaver, leaver.c.account_id == account_id),
    ]


PURGED: Final = frozenset(table.name for table, _ in _rows_of(0))
"""Tables in which nothing is left of somebody."""


def count(connection: Connection, account_id: int) -> Counts:
    """How much an account holds now."""
    boxes = select(func.count()).where(store.mailbox.c.account_id == account_id)
    entries = select(func.count(), func.coalesce(func.sum(store.entry.c.size), 0))
    messages, octets = connection.execute(entries.where(store.entry.c.account_id == account_id)).one()
    return Counts(connection.scalar(boxes) or 0, messages, int(octets))


def purge(connection: Connection, one: Due, account_id: int, archived: Archived | None, now: int) -> Counts:
    """Delete an account of `one`, and prove it, in the caller's transaction; no other writer gets in between.

    Raises:
        ChangedError: the person is back, a hold came, or the account holds something else than its archive.
    """
    left = select(leaver.c.reads_until).where(leaver.c.account_id == one.account_id).with_for_update()
    reads_until = connection.scalar(left)  # locked before the account, as by who gives everything back
    rows = store.account.c.account_id == account_id
    if connection.scalar(select(store.account.c.account_id).where(rows).with_for_update()) is None:
        raise ChangedError("there is no such account any more")
    gone = connection.scalar(select(person.c.state).where(person.c.person_id == one.account_id)) == LEFT
    if reads_until != one.reads_until or not gone:
        raise ChangedError("the person is back")
    if is_held(connection, one.accounts):
        raise ChangedError("a legal hold keeps it")
    boxes = select(store.mailbox.c.mailbox_id).where(store.mailbox.c.account_id == account_id)
    connection.execute(boxes.with_for_update()).all()
    counts = count(connection, account_id)
    if archived is not None and archived.messages != counts.messages:
        raise ChangedError("it holds something else than its archive")
    addresses = [row.address for row in connection.execute(ADDRESSES_OF_PERSON, {"person_id": one.account_id})]
    connection.execute(let_go(store.entry.c.account_id == account_id), {"now": now})
    for table, condition in _rows_of(account_id):
        connection.execute(delete(table).where(condition))
    connection.execute(
        insert(purge_proof).values(
            proof_id=new_id(), account_id=account_id, addresses=" ".join(addresses), profile=one.profile,
            left_at=one.left_at, reads_until=one.reads_until, rule=one.rule, mailboxes=counts.mailboxes,
            messages=counts.messages, octets=counts.octets, archive="" if archived is None else archived.path,
            digest="" if archived is None else archived.digest, purged_at=now,
        )
    )  # fmt: skip
    detail = f"{counts.messages} messages; {one.rule}"
    record(connection, "retention purge", one.address, detail, actor="mailgate", at=now)
    return counts
