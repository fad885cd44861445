"""One copy of what was sent in the writer's Sent mailbox, whoever puts it there: the gateway, or the mail program.

A program files its own within minutes of sending, by APPEND, and it has what the others' does not (Bcc, its own marks):
so the gateway's gives way to it, and is not made where the program's is there already.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import bindparam, select

from imap.backend import MailboxRef, Rendering
from imap.flags import SEEN
from mailgate.database import Statement, Tx
from mailgate.store import dispatches, expunge, flag_log
from mailgate.store.access import access
from mailgate.store.contents import Prepared
from mailgate.store.counters import advance, lock_mailbox
from mailgate.store.feed import announce
from mailgate.store.messages import keep_texts, read_rendered
from mailgate.store.provisioning import SENT_ID
from mailgate.store.schema import entry

WITHIN: Final = 600
"""Seconds between the two copies of one message."""
_MOST: Final = 50
"""The last messages of the mailbox that are looked at."""

_LAST: Final = Statement(
    select(entry.c.uid, entry.c.flags, entry.c.saved_at, entry.c.message_id)
    .where(entry.c.account_id == bindparam("account_id"), entry.c.mailbox_id == SENT_ID)
    .order_by(entry.c.uid.desc())
    .limit(_MOST)
)


async def is_filed(tx: Tx, account_id: int, content: Prepared) -> bool:
    """Whether the program was quicker. The mailbox is locked, so that either this or `give_way` sees the other."""
    return bool(await _same(tx, account_id, content.texts["envelope"], content.stored_at))


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
        envelope = content.texts["envelope"]
        same = [one for one in await _same(tx, account_id, envelope, now) if one[0] not in uids]
        kept = await _kept_by_the_gateway(tx, account_id, envelope) if same else frozenset()
        gone += [uid for uid, flags, key in same if key in kept and pending.get(uid, (flags,))[0] == SEEN]
    if not gone:
        return
    modseq = mailbox.highestmodseq + 1
    ref = MailboxRef(account_id, SENT_ID)
    await expunge.release(tx, *ref, gone, now)
    delta = await expunge.remove(tx, await access(tx, reader_id, ref), mailbox, gone, pending, modseq, now)
    await advance(tx, mailbox, modseq, delta)
    await announce(tx, [ref])


async def _same(tx: Tx, account_id: int, envelope: bytes, now: int) -> list[tuple[int, int, bytes]]:
    """UID, flags and content of what came into the mailbox lately with the same Message-ID."""
    name = _message_id(envelope)
    found = [row for row in await tx.all(_LAST, account_id=account_id) if row[2] >= now - WITHIN] if name else []
    if not found:
        return []
    texts = await read_rendered(tx, {row[3] for row in found}, Rendering.ENVELOPE)
    return [
        (uid, flags, key)
        for uid, flags, _, key in found
        if key in texts and _message_id(texts[key].envelope) == name
    ]  # fmt: skip


async def _kept_by_the_gateway(tx: Tx, account_id: int, envelope: bytes) -> frozenset[bytes]:
    """The contents that this account, or somebody in its name, sent under this Message-ID."""
    sent = await dispatches.find(tx, _message_id(envelope).decode(errors="replace"))
    own = [one.dispatch_id for one in sent if account_id in {one.sender_id, one.author_id}]
    return frozenset([copy.content_id for name in own for copy in await dispatches.copies_of(tx, name)])


def _message_id(envelope: bytes) -> bytes:
    """The last field of an ENVELOPE (RFC 9051 section 7.5.2), or nothing where it is not a plain identifier."""
    last = envelope.rpartition(b' "')[2]
    return last[:-2] if last.startswith(b"<") and last.endswith(b'>")') else b""
