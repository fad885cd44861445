"""The log of changed flags: a change of any number of messages is one row; their entries follow later, many at once.

A message has the flags and the modification sequence that the last row beyond ``mailbox.settled`` gives it, and else
those of its entry: who reads entries asks for what is `pending`. Rows may name messages that are gone. Rows that the
entries have taken in stay for who is to be told of them (`mailgate.store.changes`), until the next are taken in.
"""

from __future__ import annotations

import secrets
import sys
import threading
from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import zstandard
from sqlalchemy import BigInteger, bindparam, delete, select, tuple_, update

from imap.backend import MailboxRef
from mailgate.database import Statement, Tx
from mailgate.database.statement import rows
from mailgate.store.counters import MailboxRow
from mailgate.store.schema import entry, flag_change, mailbox

Pending: TypeAlias = dict[int, tuple[int, int]]
"""By UID, the flags and the modification sequence that its entry does not have yet."""
Changed: TypeAlias = "tuple[array[int], array[int], array[int]]"
"""UIDs, flags and modification sequences, aligned; each UID once."""

BACKLOG: Final = 60_000
"""What a log may cost who reads it: 60,000 messages, or as much as 3,750 short rows. Then its mailbox is settled."""
_SHORT: Final = 2_000
"""The same before it is settled for who has the mailbox locked."""
_ROW: Final = 16
"""What a row costs beside its messages."""
_LEVEL: Final = 1
_CHANCE: Final = 24
"""Bits of a stamp below those of the modification sequence."""
_AT_ONCE: Final = 10_000

_of_mailbox = (flag_change.c.account_id == bindparam("account"), flag_change.c.mailbox_id == bindparam("id"))
_its_mailbox = (mailbox.c.account_id == flag_change.c.account_id) & (mailbox.c.mailbox_id == flag_change.c.mailbox_id)
_wanted = rows("wanted", account_id=BigInteger, mailbox_id=BigInteger)
_each = rows("each", uid=BigInteger, flags=BigInteger, modseq=BigInteger)

_BEYOND: Final = Statement(
    select(flag_change.c.changes)
    .where(*_of_mailbox, flag_change.c.stamp > bindparam("settled"))
    .order_by(flag_change.c.stamp)
)
_BEYOND_OF_MANY: Final = Statement(
    select(flag_change.c.account_id, flag_change.c.mailbox_id, flag_change.c.changes)
    .join_from(flag_change, mailbox, _its_mailbox)
    .where(
        tuple_(flag_change.c.account_id, flag_change.c.mailbox_id).in_(select(_wanted)),
        flag_change.c.stamp > mailbox.c.settled,
    )
    .order_by(flag_change.c.account_id, flag_change.c.mailbox_id, flag_change.c.stamp)
)
_of_its_entries = update(entry).where(entry.c.account_id == bindparam("account"), entry.c.mailbox_id == bindparam("id"))
_SETTLE: Final = Statement(
    _of_its_entries.where(
        # A planner that takes the mailbox for a small one compares each message there with each of these.
        entry.c.uid.between(bindparam("first"), bindparam("last")),
        entry.c.uid == _each.c.uid,
    ).values(flags=_each.c.flags, modseq=_each.c.modseq)
)
"""For PostgreSQL."""
_SETTLE_ONE: Final = Statement(
    _of_its_entries.where(entry.c.uid == bindparam("one")).values(flags=bindparam("mask"), modseq=bindparam("at"))
)
_FORGET: Final = Statement(delete(flag_change).where(*_of_mailbox, flag_change.c.stamp < bindparam("settled")))
_SETTLED: Final = Statement(
    update(mailbox)
    .where(mailbox.c.account_id == bindparam("account"), mailbox.c.mailbox_id == bindparam("id"))
    .values(settled=mailbox.c.stamp, backlog=0)
)


class _Zstd(threading.local):
    """What takes ten times longer to make than to use on a short row; no two threads may use one at once."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_zstd: Final = _Zstd()


def new_stamp(modseq: int) -> int:
    """A stamp for a change of flags: it tells this change from one of the same number that a crash undid."""
    return modseq << _CHANCE | secrets.randbits(_CHANCE)


def cost(count: int) -> int:
    """What a row of so many messages adds to the backlog."""
    return _ROW + count


def pack(uids: Sequence[int], flags: Sequence[int], modseqs: Sequence[int]) -> bytes:
    """A row's messages in a column of the table: three arrays in the order of Intel's octets, a zstd frame."""
    columns = (array("I", uids), array("q", flags), array("Q", modseqs))
    return _zstd.compress(b"".join(map(bytes, map(_little_endian, columns))))


def unpack(octets: bytes) -> Changed:
    """What `pack` took."""
    octets = _zstd.decompress(octets)
    count = len(octets) // 20
    uids, flags, modseqs = array("I"), array("q"), array("Q")
    uids.frombytes(octets[: 4 * count])
    flags.frombytes(octets[4 * count : 12 * count])
    modseqs.frombytes(octets[12 * count :])
    return _little_endian(uids), _little_endian(flags), _little_endian(modseqs)


def _little_endian(column: array[int]) -> array[int]:
    if sys.byteorder == "big":
        column.byteswap()
    return column


async def beyond(tx: Tx, ref: MailboxRef, settled: int) -> list[Changed]:
    """The rows after a stamp, in their order."""
    found = await tx.all(_BEYOND, account=ref.account_id, id=ref.mailbox_id, settled=settled)
    return [unpack(row[0]) for row in found]


async def pending(tx: Tx, row: MailboxRow) -> Pending:
    """What the entries of a locked mailbox do not have yet: no statement where that is nothing.

    They take in a long log first, so that who reads it again and again does not pay for it each time.
    """
    if row.backlog >= _SHORT:
        await settle(tx, row)
        return {}
    return await _merged(tx, row) if row.backlog else {}


async def _merged(tx: Tx, row: MailboxRow) -> Pending:
    found: Pending = {}
    for changed in await beyond(tx, row.ref, row.settled):
        merge(found, changed)
    return found


async def pending_among(tx: Tx, copies: Iterable[tuple[int, int, int]]) -> dict[MailboxRef, Pending]:
    """What the entries of these messages (account, mailbox, UID) do not have yet; the mailboxes may be anybody's."""
    wanted: defaultdict[MailboxRef, set[int]] = defaultdict(set)
    for account_id, mailbox_id, uid in copies:
        wanted[MailboxRef(account_id, mailbox_id)].add(uid)
    found: defaultdict[MailboxRef, Pending] = defaultdict(dict)
    for account_id, mailbox_id, octets in await tx.all(_BEYOND_OF_MANY, wanted=wanted) if wanted else ():
        ref = MailboxRef(account_id, mailbox_id)
        these = wanted[ref]
        found[ref].update((uid, (flags, at)) for uid, flags, at in zip(*unpack(octets), strict=True) if uid in these)
    return found


def merge(found: Pending, changed: Changed) -> None:
    """Add a row that comes after those that are in it."""
    uids, flags, modseqs = changed
    found.update(zip(uids, zip(flags, modseqs, strict=True), strict=True))


async def settle(tx: Tx, row: MailboxRow) -> None:
    """The entries of a locked mailbox take in the log; its rows from before the last time are deleted."""
    key = {"account": row.account_id, "id": row.mailbox_id}
    each = [(uid, *new) for uid, new in sorted((await _merged(tx, row)).items())]
    for start in range(0, len(each), _AT_ONCE):
        piece = each[start : start + _AT_ONCE]
        if tx.engine == "postgresql":
            await tx.run(_SETTLE, **key, first=piece[0][0], last=piece[-1][0], each=piece)
        else:
            await tx.run_many(_SETTLE_ONE, [{**key, "one": uid, "mask": mask, "at": at} for uid, mask, at in piece])
    await tx.run(_FORGET, **key, settled=row.settled)
    await tx.run(_SETTLED, **key)
