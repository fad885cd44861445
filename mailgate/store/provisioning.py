"""Accounts and the mailboxes that each has from the start, made in sets.

The functions over a plain SQLAlchemy connection serve the directory's import, in its own transaction.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Final, Literal

import sqlalchemy
from sqlalchemy import BigInteger, Text, bindparam, literal, select, true, union_all, update

from mailgate.database import Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.store.names import INBOX
from mailgate.store.schema import account, mailbox, names, number, subscription

State = Literal["active", "leaving", "reading", "suspended"]
"""Who has left goes on reading for a grace: `leaving` gets what is sent to the person, `reading` gets no new mail."""
SIGNS_IN: Final = frozenset({"active", "leaving", "reading"})
RECEIVES: Final = frozenset({"active", "leaving"})
"""States in which mail to the person comes in; what goes to lists is for active members alone."""

INBOX_ID: Final = 1
SENT_ID: Final = 2
SPECIAL: Final = (
    (INBOX_ID, INBOX, None),
    (SENT_ID, "Sent", "\\Sent"),
    (3, "Drafts", "\\Drafts"),
    (4, "Trash", "\\Trash"),
    (5, "Junk", "\\Junk"),
    (6, "Archive", "\\Archive"),
)
"""Id, name and attribute (RFC 6154) of the mailboxes that an account has from the start; the first two stay."""
SPECIAL_USES: Final = frozenset(use for _, _, use in SPECIAL if use is not None)
"""Attributes that a mailbox may be created with while no other has them."""
FIRST_FREE_ID: Final = len(SPECIAL) + 1

_FIRST_MODSEQ: Final = 1
_AT_ONCE: Final = 2_000
"""Accounts of one statement, so that memory does not grow with the academy."""

_special = union_all(
    *(
        select(
            literal(mailbox_id, BigInteger).label("mailbox_id"),
            literal(name, Text).label("name"),
            literal(use, Text).label("special_use"),
        )
        for mailbox_id, name, use in SPECIAL
    )
).subquery("special")

_without = (
    ~select(mailbox.c.account_id)
    .where(mailbox.c.account_id == account.c.account_id, mailbox.c.mailbox_id == INBOX_ID)
    .exists()
)
_everyone = account.join(_special, true())
_made = account.c.account_id.between(bindparam("first"), bindparam("last"))

_INSERT_SUBSCRIPTIONS = (
    insert(subscription)
    .from_select(
        names(subscription), select(account.c.account_id, _special.c.name).select_from(_everyone).where(_made, _without)
    )
    .on_conflict_do_nothing()
)
"""Before the mailboxes, whose absence tells which accounts are new."""

_INSERT_MAILBOXES = (
    insert(mailbox)
    .from_select(
        names(mailbox),
        select(
            account.c.account_id,
            _special.c.mailbox_id,
            _special.c.name,
            _special.c.special_use,
            account.c.created_at + _special.c.mailbox_id,
            *(literal(value, BigInteger) for value in (1, _FIRST_MODSEQ, 0, 0, 0, 0, 0, 1)),
            literal("", Text),
            *[literal(0, BigInteger)] * 4,
        )
        .select_from(_everyone)
        .where(_made, _without),
    )
    .on_conflict_do_nothing()
)

_new = rows("new", account_id=BigInteger, quota_limit=BigInteger)
_INSERT_ROWS: Final = Statement(
    insert(account)
    .from_select(
        names(account),
        select(
            _new.c.account_id,
            literal("active", Text),
            _new.c.quota_limit,
            literal(FIRST_FREE_ID, BigInteger),
            number("now") + len(SPECIAL),
            number("now"),
            literal(0, BigInteger),
        ),
    )
    .on_conflict_do_nothing()
)
_SUBSCRIBE_NEW: Final = Statement(_INSERT_SUBSCRIPTIONS)
_MAKE_MAILBOXES: Final = Statement(_INSERT_MAILBOXES)


async def insert_accounts(tx: Tx, accounts: Sequence[tuple[int, int]], now: int) -> None:
    """Make these accounts, each (id, quota limit in octets or 0), and their mailboxes; those that exist stay."""
    if not accounts:
        return
    ordered = sorted(accounts)
    span = {"first": ordered[0][0], "last": ordered[-1][0]}
    await tx.run(_INSERT_ROWS, new=ordered, now=now)
    await tx.run(_SUBSCRIBE_NEW, **span)
    await tx.run(_MAKE_MAILBOXES, **span)


def create_accounts(connection: sqlalchemy.Connection, ids: Collection[int], *, quota_limit: int = 0) -> None:
    """Make these accounts and their mailboxes in the transaction of `connection`; those that exist stay as they are."""
    if not ids:
        return
    now = int(time.time())
    common = {
        "state": "active",
        "quota_limit": quota_limit,
        "next_mailbox_id": FIRST_FREE_ID,
        "last_uidvalidity": now + len(SPECIAL),
        "created_at": now,
    }
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        some = [{"account_id": account_id, **common} for account_id in ordered[start : start + _AT_ONCE]]
        connection.execute(insert(account).on_conflict_do_nothing(), some)
    span = {"first": ordered[0], "last": ordered[-1]}
    connection.execute(_INSERT_SUBSCRIPTIONS, span)
    connection.execute(_INSERT_MAILBOXES, span)


def set_state(connection: sqlalchemy.Connection, ids: Collection[int], state: State) -> None:
    """Suspend these accounts or make them active again; their mail stays as it is."""
    _set(connection, ids, "state", state)


def set_quota(connection: sqlalchemy.Connection, ids: Collection[int], quota_limit: int) -> None:
    """Give these accounts another limit, in octets; 0 means none."""
    _set(connection, ids, "quota_limit", quota_limit)


def _set(connection: sqlalchemy.Connection, ids: Collection[int], column: str, value: str | int) -> None:
    if ids:
        connection.execute(
            update(account).where(account.c.account_id == bindparam("id")).values({column: bindparam("value")}),
            [{"id": account_id, "value": value} for account_id in sorted(ids)],
        )
