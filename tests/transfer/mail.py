"""Messages, and looks at an account, that the tests of transfers share."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import IO, NamedTuple

from imap.backend import Account, NewMessage
from imap.flags import flag_names
from mailgate.transfer.spool import close, pieces_of
from tests.store.messages import message

AWKWARD = (
    message("plain"),
    b"Subject: no body at all\r\n\r\n",
    b"Subject: no line end",
    b"Subject: From lines\r\n\r\nFrom here\r\n>From there\r\n\r\nFrom x Mon Jan  5 10:00:00 2026\r\nend\r\n",
    b"Subject: bare LF\r\n\r\none\ntwo\r\nthree\n",
    b"Subject: LF only\n\nFrom x Mon Jan  5 10:00:00 2026\n\n",
    b"Subject: bare CR\r\n\r\none\rtwo\r\r\nthree\r",
    b"Status: RO\r\nX-Status: A\r\nX-Keywords: mine\r\nSubject: its own Status\r\n\r\nbody\r\n",
    b"X-Mailgate-Message: size=5; lines=lf; end=whole\r\nStatus: O\r\nX-Status: \r\nX-Keywords: \r\nA: forged\r\n\r\n",
    b"Subject: 8 bits\r\n\r\n\xe9t\xe9 \x00 \xff\r\n\r\n\r\n",
    b"\r\nno header\r\n",
    b"\n",
    b"\r",
    b"Subject: long line\r\n\r\n" + b">" * 70_000 + b"From x\r\n" + b"a" * 200_000 + b"\r\n",
)


class Copy(NamedTuple):
    """A message in a mailbox, without what is another in another account."""

    content: bytes
    flags: frozenset[str]
    date: int


async def put(
    account: Account,
    mailbox: str,
    contents: Iterable[bytes],
    *,
    flags: int = 0,
    keywords: tuple[str, ...] = (),
    date: int = 1_700_000_000,
) -> None:
    """Append messages, a second apart."""
    messages = [
        NewMessage(io.BytesIO(content), flags, keywords, date + number) for number, content in enumerate(contents)
    ]
    await account.append(mailbox, messages)


async def copies(account: Account, mailbox: str) -> list[Copy]:
    """The messages of a mailbox in the order of their UIDs."""
    status = await account.mailbox(mailbox)
    snapshot = await account.snapshot(status.ref)
    entries = await account.entries(status.ref, snapshot.uids)
    contents = await account.read_whole({entry.message_id for entry in entries})
    return [
        Copy(contents[entry.message_id], frozenset(flag_names(mask, snapshot.keywords)), entry.internal_date)
        for entry, mask in zip(entries, snapshot.flags, strict=True)
    ]


async def everything(account: Account) -> dict[str, list[Copy]]:
    """Each mailbox that holds a message."""
    return {status.name: await copies(account, status.name) for status in await account.mailboxes() if status.messages}


async def names(account: Account) -> Sequence[str]:
    """All mailboxes."""
    return [status.name for status in await account.mailboxes()]


def octets(content: bytes | IO[bytes]) -> bytes:
    """A content, read to its end and let go of."""
    try:
        return b"".join(pieces_of(content))
    finally:
        close(content)
