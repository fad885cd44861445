"""The record of what was copied into an account: read before a copy, written with each message (`transfer.schema`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, func, select, update

from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert, rows
from mailgate.store.counters import lock_account
from mailgate.store.schema import number
from mailgate.transfer.schema import transfer_source, transferred

_FIND: Final = Statement(
    select(transfer_source.c.source_id, transfer_source.c.uidvalidity, transfer_source.c.mailbox_id)
    .where(
        transfer_source.c.account_id == bindparam("account_id"),
        transfer_source.c.origin == bindparam("origin"),
        transfer_source.c.mailbox == bindparam("mailbox"),
    )
    .order_by(transfer_source.c.source_id)
)
_LAST: Final = Statement(
    select(func.max(transfer_source.c.source_id)).where(transfer_source.c.account_id == bindparam("account_id"))
)
_ADD: Final = Statement(
    insert(transfer_source).values({column.name: bindparam(column.name) for column in transfer_source.columns})
)
_BIND: Final = Statement(
    update(transfer_source)
    .where(transfer_source.c.account_id == bindparam("account"), transfer_source.c.source_id == bindparam("source"))
    .values(mailbox_id=bindparam("bound"))
)
_DONE: Final = Statement(
    select(transferred.c.source_uid, transferred.c.uid, transferred.c.flags)
    .where(transferred.c.account_id == bindparam("account_id"), transferred.c.source_id == bindparam("source_id"))
    .order_by(transferred.c.source_uid)
)
_fresh = rows("fresh", source_uid=BigInteger, uid=BigInteger, flags=Text)
_RECORD: Final = Statement(
    insert(transferred).from_select(
        [column.name for column in transferred.columns],
        select(number("account_id"), number("source_id"), _fresh.c.source_uid, _fresh.c.uid, _fresh.c.flags),
    )
)
_changed = rows("changed", source_uid=BigInteger, flags=Text)
_REFLAG: Final = Statement(
    update(transferred)
    .where(
        transferred.c.account_id == bindparam("account"),
        transferred.c.source_id == bindparam("source"),
        transferred.c.source_uid == _changed.c.source_uid,
    )
    .values(flags=_changed.c.flags)
)


class Done(NamedTuple):
    """A message that was filed: its UID here (0 when the mailbox had it already), and the flags of the source then."""

    uid: int
    flags: str


@dataclass(frozen=True, slots=True)
class Bound:
    """A mailbox of a source that the record knows."""

    source_id: int
    mailbox_id: int
    """Of the account: where its messages go, whatever that mailbox is called by now."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the record says of a mailbox of a source."""

    bound: Bound | None
    """None when nothing was copied under this UIDVALIDITY."""
    renewed: bool
    """Whether something was copied under another UIDVALIDITY: its messages have new numbers."""
    last_mailbox_id: int | None


class Ledger:
    """The record of copies from one origin (server and user) into one account."""

    def __init__(self, database: Database, account_id: int, origin: str) -> None:
        self._database = database
        self._account_id = account_id
        self._origin = origin

    async def known(self, mailbox: str, uidvalidity: int) -> Known:
        """What was copied from this mailbox before."""
        found = await self._database.read(lambda tx: self._find(tx, mailbox))
        same = next((Bound(row[0], row[2]) for row in found if row[1] == uidvalidity), None)
        return Known(same, same is None and bool(found), found[-1][2] if found else None)

    async def bind(self, mailbox: str, uidvalidity: int, mailbox_id: int) -> Bound:
        """Record where the messages of this mailbox go."""

        async def work(tx: Tx) -> Bound:
            await lock_account(tx, self._account_id)
            for source_id, validity, bound in await self._find(tx, mailbox):
                if validity == uidvalidity:
                    if bound != mailbox_id:
                        await tx.run(_BIND, account=self._account_id, source=source_id, bound=mailbox_id)
                    return Bound(source_id, mailbox_id)
            last = await tx.one(_LAST, account_id=self._account_id)
            source_id = (last[0] or 0) + 1 if last else 1
            await tx.run(
                _ADD,
                account_id=self._account_id,
                source_id=source_id,
                origin=self._origin,
                mailbox=mailbox,
                uidvalidity=uidvalidity,
                mailbox_id=mailbox_id,
            )
            return Bound(source_id, mailbox_id)

        return await self._database.write(work)

    async def done(self, source_id: int) -> Mapping[int, Done]:
        """The messages of a mailbox that were filed, by their UID in the source, ascending."""
        found = await self._database.read(lambda tx: tx.all(_DONE, account_id=self._account_id, source_id=source_id))
        return {source_uid: Done(uid, flags) for source_uid, uid, flags in found}

    async def record(self, tx: Tx, source_id: int, filed: Sequence[tuple[int, int, str]]) -> None:
        """Write, in the transaction that files them, messages as (UID in the source, UID here, flags).

        Raises ConstraintViolated when another copy has just filed one of them.
        """
        await tx.run(_RECORD, account_id=self._account_id, source_id=source_id, fresh=filed)

    async def adopt(self, source_id: int, found: Sequence[tuple[int, int, str]]) -> None:
        """Record messages that the mailbox had already."""
        await self._database.write(lambda tx: self.record(tx, source_id, found))

    async def reflag(self, source_id: int, changed: Sequence[tuple[int, str]]) -> None:
        """Record that these messages, by their UID in the source, were given these flags."""
        await self._database.write(
            lambda tx: tx.run(_REFLAG, account=self._account_id, source=source_id, changed=changed)
        )

    async def _find(self, tx: Tx, mailbox: str) -> list[tuple[int, int, int]]:
        found = await tx.all(_FIND, account_id=self._account_id, origin=self._origin, mailbox=mailbox)
        return [(row[0], row[1], row[2]) for row in found]
