"""One copy of what was sent in the writer's Sent mailbox, whoever puts it there: the gateway, or the mail program.

A program files its own within minutes of sending, by APPEND, and it has what the others' does not (Bcc, its own marks):
so the gateway's gives way to it, and is not made where the program's is there already.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import BigInteger, LargeBinary, bindparam, or_, select

from imap.backend import MailboxRef, Rendering
from imap.flags import SEEN
from imap.message import render_message_id
from mailgate.database import Statement, Tx
from mailgate.database.statement import contains, member
from mailgate.store import dispatches, expunge, flag_log
from mailgate.store.access import access
from mailgate.store.contents import Prepared
from mailgate.store.counters import advance, lock_mailbox
from mailgate.store.feed import announce
from mailgate.store.messages import keep_texts, read_rendered
from mailgate.store.parcels import Numbered, PreparedParcel
from mailgate.store.provisioning import SENT_ID
from mailgate.store.schema import entry, message

WITHIN: Final = 600
"""Seconds between the two copies of one message."""
_MOST: Final = 50
"""The last messages of the mailbox that are looked at."""
_ACCOUNTS: Final = 1_000
"""Those that wrote last, whose copies are remembered."""
_NOBODY: Final = 0

_LAST: Final = Statement(
    select(entry.c.uid, entry.c.flags, entry.c.saved_at, entry.c.message_id)
    .where(entry.c.account_id == bindparam("account_id"), entry.c.mailbox_id == SENT_ID)
    .order_by(entry.c.uid.desc())
    .limit(_MOST)
)
_last = (
    select(entry.c.uid, entry.c.message_id, entry.c.saved_at)
    .where(entry.c.account_id == bindparam("kept_for", type_=BigInteger), entry.c.mailbox_id == SENT_ID)
    .order_by(entry.c.uid.desc())
    .limit(_MOST)
    .subquery("last")
)
MAY_BE_FILED: Final = (
    select(_last.c.message_id)
    .join(message, message.c.message_id == _last.c.message_id)
    .where(
        _last.c.saved_at >= bindparam("since", type_=BigInteger),
        ~member(_last.c.uid, "known"),
        or_(
            message.c.envelope == bindparam("bare", b"", type_=LargeBinary),
            contains(message.c.envelope, bindparam("ending", type_=LargeBinary)),
        ),
    )
)
"""What came into a Sent mailbox of late whose ENVELOPE has this ending, or is still to be rendered."""
_MAY_BE_FILED: Final = Statement(MAY_BE_FILED.limit(1))


class OwnCopies:
    """The copies that this process has put into Sent mailboxes of late: of these it knows the names."""

    def __init__(self) -> None:
        self._by_account: OrderedDict[int, dict[int, tuple[int, bytes]]] = OrderedDict()

    def note(self, parcels: Sequence[PreparedParcel], copies: Sequence[Sequence[Numbered]]) -> None:
        """Remember those among the copies of these parcels, which are committed."""
        for parcel, each in zip(parcels, copies, strict=True):
            for one in each:
                if (one.account_id, one.mailbox_id) == (parcel.sent_copy_for, SENT_ID):
                    self._add(one.account_id, one.uid, parcel)

    def _add(self, account_id: int, uid: int, parcel: PreparedParcel) -> None:
        recent = self._by_account.setdefault(account_id, {})
        self._by_account.move_to_end(account_id)
        stored_at = parcel.content.stored_at
        recent[uid] = stored_at, parcel.sent_name
        while len(recent) > _MOST or recent[next(iter(recent))][0] < stored_at - WITHIN:
            del recent[next(iter(recent))]
        while len(self._by_account) > _ACCOUNTS:
            self._by_account.popitem(last=False)

    def asked(self, account_id: int, parcel: PreparedParcel) -> dict[str, object] | None:
        """The parameters of `MAY_BE_FILED`; None if the gateway itself has put one of this name there."""
        # Asked in the writer's thread, too, while the event loop notes others: a list is made at one stroke.
        name, known = parcel.sent_name, list(self._by_account.get(account_id, {}).items())
        if name and name in [its_name for _, (_, its_name) in known]:
            return None
        return {
            "kept_for": account_id if name else _NOBODY,
            "since": parcel.content.stored_at - WITHIN,
            "ending": b' "%s")' % name if name else b"",
            "known": [uid for uid, _ in known],
        }


async def is_filed(tx: Tx, account_id: int, parcel: PreparedParcel, own: OwnCopies) -> bool:
    """Whether the program was quicker. The mailbox is locked, so that either this or `give_way` sees the other."""
    asked = own.asked(account_id, parcel)
    if asked is not None and await tx.one(_MAY_BE_FILED, **asked) is None:
        return False
    return bool(await _same(tx, account_id, parcel.sent_name, parcel.content.stored_at))


def name_of(content: Prepared) -> bytes:
    """The Message-ID of a content, as its ENVELOPE has it or will have it; empty where that is no plain identifier."""
    return _message_id(content.texts["envelope"] or render_message_id(content.buffer))


async def give_way(
    tx: Tx, reader_id: int, account_id: int, filed: Sequence[Prepared], uids: Collection[int], now: int
) -> None:
    """Remove the gateway's copies of messages that a reader's program has filed just now, under `uids`.

    One whose flags somebody has changed meanwhile stays. What was filed is given with its texts, which are kept.
    """
    await keep_texts(tx, {content.message_id: content.texts for content in filed})
    mailbox = await lock_mailbox(tx, account_id, SENT_ID)
    pending = await flag_log.pending(tx, mailbox)
    gone = []
    for content in filed:
        name = name_of(content)
        same = [one for one in await _same(tx, account_id, name, now) if one[0] not in uids]
        kept = await _kept_by_the_gateway(tx, account_id, name) if same else frozenset()
        gone += [uid for uid, flags, key in same if key in kept and pending.get(uid, (flags,))[0] == SEEN]
    if not gone:
        return
    modseq = mailbox.highestmodseq + 1
    ref = MailboxRef(account_id, SENT_ID)
    await expunge.release(tx, *ref, gone, now)
    delta = await expunge.remove(tx, await access(tx, reader_id, ref), mailbox, gone, pending, modseq, now)
    await advance(tx, mailbox, modseq, delta)
    await announce(tx, [ref])


async def _same(tx: Tx, account_id: int, name: bytes, now: int) -> list[tuple[int, int, bytes]]:
    """UID, flags and content of what came into the mailbox lately under this Message-ID."""
    found = [row for row in await tx.all(_LAST, account_id=account_id) if row[2] >= now - WITHIN] if name else []
    if not found:
        return []
    texts = await read_rendered(tx, {row[3] for row in found}, Rendering.ENVELOPE)
    return [
        (uid, flags, key)
        for uid, flags, _, key in found
        if key in texts and _message_id(texts[key].envelope) == name
    ]  # fmt: skip


async def _kept_by_the_gateway(tx: Tx, account_id: int, name: bytes) -> frozenset[bytes]:
    """The contents that this account, or somebody in its name, sent under this Message-ID."""
    sent = await dispatches.find(tx, name.decode(errors="replace"))
    own = [one.dispatch_id for one in sent if account_id in {one.sender_id, one.author_id}]
    return frozenset([copy.content_id for name in own for copy in await dispatches.copies_of(tx, name)])


def _message_id(envelope: bytes) -> bytes:
    """The last field of an ENVELOPE (RFC 9051 section 7.5.2), or nothing where it is not a plain identifier."""
    last = envelope.rpartition(b' "')[2]
    return last[:-2] if last.startswith(b"<") and last.endswith(b'>")') else b""
