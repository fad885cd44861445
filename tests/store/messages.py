"""Messages and looks at the store that the tests share."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence

from imap.backend import Account, Changes, Hint, Known, MailboxRef, MailboxStatus, NewMessage, Snapshot

INBOX = 1


def message(text: str = "Bonjour", *, subject: str = "Réunion", size: int = 0) -> bytes:
    """A small message; padded to at least `size` octets."""
    head = f"From: Anne <anne@example.org>\r\nSubject: {subject}\r\nMessage-ID: <{text}@example.org>\r\n"
    content = f"{head}\r\n{text}\r\n".encode()
    lines = max(0, size - len(content)) // 78 + 1 if size else 0
    return content + b"".join(b"%076d\r\n" % number for number in range(lines))


def new_message(
    text: str = "Bonjour", *, flags: int = 0, keywords: tuple[str, ...] = (), date: int | None = None, size: int = 0
) -> NewMessage:
    """A message to append."""
    return NewMessage(io.BytesIO(message(text, size=size)), flags, keywords, date)


def own(account: Account, mailbox_id: int = INBOX) -> MailboxRef:
    """One of the account's own mailboxes."""
    return MailboxRef(account.account_id, mailbox_id)


async def status(account: Account, name: str) -> MailboxStatus:
    """One mailbox's counters, by name."""
    return await account.mailbox(name)


async def whole(account: Account, mailbox: MailboxRef | None = None) -> dict[int, bytes]:
    """Every message of a mailbox by UID, INBOX by default."""
    ref = mailbox or own(account)
    snapshot = await account.snapshot(ref)
    entries = await account.entries(ref, snapshot.uids)
    bodies = await account.read_whole({entry.message_id for entry in entries})
    return {entry.uid: bodies[entry.message_id] for entry in entries}


def rows(snapshot: Snapshot) -> list[tuple[int, int, int]]:
    """The (uid, flags, modseq) of a snapshot."""
    return list(zip(snapshot.uids, snapshot.flags, snapshot.modseqs, strict=True))


def known(seen: Snapshot | Changes) -> Known:
    """What who has seen this knows of the mailbox."""
    return Known(seen.highestmodseq, seen.uidnext, seen.stamp)


class Hints:
    """Collects an account's hints, to wait for."""

    def __init__(self, account: Account, owner: int | None = None) -> None:
        self._queue: asyncio.Queue[Hint] = asyncio.Queue()
        self.stop: Callable[[], None] = account.watch(
            account.account_id if owner is None else owner, self._queue.put_nowait
        )

    async def until(self, wanted: Callable[[Hint], bool]) -> Sequence[Hint]:
        """The hints up to the first that is `wanted`."""
        seen: list[Hint] = []
        async with asyncio.timeout(60):
            while not seen or not wanted(seen[-1]):
                seen.append(await self._queue.get())
        return seen

    def pending(self) -> list[Hint]:
        """What came and was not yet waited for."""
        found: list[Hint] = []
        while not self._queue.empty():
            found.append(self._queue.get_nowait())
        return found
