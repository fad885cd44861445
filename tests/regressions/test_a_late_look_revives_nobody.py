"""Changes were read, then the last message was expunged, then what was read arrived.

It held the flags that the message had had. The mailbox took them for a new message and showed it until every session
had left: a ghost, at the end of the list, whose content was gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from imap.backend import Changes, FlagAction, Known, MailboxRef, Stored
from imap.server import ImapServer
from tests.imap.conftest import Tls, listening
from tests.imap.memory_backend import MemoryAccount, MemoryBackend
from tests.imap.wire import Client
from tests.store.messages import message


class SlowAnswers(MemoryAccount):
    """Changes arrive when they may; what STORE did arrives after the hint of it has been followed."""

    def __init__(self) -> None:
        super().__init__(1, "ada", "secret")
        self.may_arrive = asyncio.Event()
        self.looked = asyncio.Event()

    async def changes(self, mailbox: MailboxRef, known: Known) -> Changes:
        found = await super().changes(mailbox, known)
        self.looked.set()
        await self.may_arrive.wait()
        return found

    async def store(
        self,
        mailbox: MailboxRef,
        uids: Sequence[int],
        action: FlagAction,
        flags: int,
        keywords: Sequence[str],
        unchanged_since: int | None = None,
    ) -> Stored:
        stored = await super().store(mailbox, uids, action, flags, keywords, unchanged_since)
        await self.looked.wait()
        return stored


async def test_an_expunged_message_does_not_come_back(tls: Tls) -> None:
    account = SlowAnswers()
    account.deliver(message("first"))
    account.deliver(message("last"))
    server = ImapServer(MemoryBackend(account), ssl_context=tls.server)
    await server.start([listening()])
    async with await Client.connect(server.addresses[0], tls.client) as client:
        await client.sign_in()
        await client.ok("SELECT INBOX")
        await client.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
        assert await client.ok("EXPUNGE") == [b"* 2 EXPUNGE"]
        account.may_arrive.set()
        assert await client.ok("NOOP") == []
        assert await client.ok("FETCH 1:* (UID)") == [b"* 1 FETCH (UID 1)"]
    await server.stop()
