"""After a restore of an older database: numbers that clients have seen since the backup are not given again.

Clients know messages by UIDVALIDITY and UID. What came after the backup had UIDs that the restored counters would give
once more, and modification sequences that they have not reached: so every mailbox gets a new UIDVALIDITY, which makes
clients read it anew (RFC 9051 section 2.3.1.1, RFC 7162 section 3.1.2.1), and ids of mailboxes are skipped (RFC 8474
section 4).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, case, func, select, update

from mailgate.store.schema import account, mailbox

_SKIPPED_IDS: Final = 1_000_000
"""More mailboxes than one account made between a backup and its loss."""
_AHEAD: Final = 24 * 3600
"""CREATE gives the time or the next free number: no account made so many mailboxes more than seconds passed."""

_floor = bindparam("floor", type_=BigInteger)
_last = case((account.c.last_uidvalidity > _floor, account.c.last_uidvalidity), else_=_floor)
_earlier = mailbox.alias("earlier")
_rank = (
    select(func.count())
    .select_from(_earlier)
    .where(_earlier.c.account_id == mailbox.c.account_id, _earlier.c.mailbox_id <= mailbox.c.mailbox_id)
    .scalar_subquery()
)
_RENEW: Final = update(mailbox).values(
    uidvalidity=select(_last).where(account.c.account_id == mailbox.c.account_id).scalar_subquery() + _rank
)
_COUNT_ON: Final = update(account).values(
    last_uidvalidity=_last
    + select(func.count()).select_from(mailbox).where(mailbox.c.account_id == account.c.account_id).scalar_subquery(),
    next_mailbox_id=account.c.next_mailbox_id + _SKIPPED_IDS,
)


class Renewed(NamedTuple):
    """What was changed."""

    accounts: int
    mailboxes: int


def renew(connection: Connection, *, now: int) -> Renewed:
    """Give every mailbox a UIDVALIDITY above all that it, or another of its name, can have had until `now`.

    No gateway may serve the database meanwhile: it holds the old numbers of selected mailboxes.
    """
    floor = {"floor": now + _AHEAD}
    mailboxes = connection.execute(_RENEW, floor).rowcount
    return Renewed(connection.execute(_COUNT_ON, floor).rowcount, mailboxes)
