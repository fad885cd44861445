"""Client libraries that know nothing of this server: imaplib and aioimaplib."""

from __future__ import annotations

import asyncio
import imaplib

from tests.imap.conftest import Gateway, message
from tests.imap.memory_backend import MemoryAccount
from tests.support.aioimap import connected


def use_imaplib(gateway: Gateway) -> None:
    host, port = gateway.secure
    with imaplib.IMAP4_SSL(host, port, ssl_context=gateway.tls.client, timeout=10) as imap:
        imap.login("ada", "secret")
        assert "QRESYNC" in imap.capability()[1][0].decode()
        assert imap.select("INBOX") == ("OK", [b"1"])
        assert imap.append("INBOX", "\\Seen", imaplib.Time2Internaldate(0), message("second"))[0] == "OK"
        assert imap.search(None, "SUBJECT", "second") == ("OK", [b"2"])
        kind, data = imap.fetch("2", "(FLAGS INTERNALDATE BODY.PEEK[])")
        assert kind == "OK"
        assert isinstance(data[0], tuple)
        assert data[0][1] == message("second")
        assert b'"01-Jan-1970' in data[0][0].replace(b'" 1-', b'"01-')
        assert imap.uid("MOVE", "1", "Archive")[0] == "OK"
        assert imap.store("1", "+FLAGS", "(\\Deleted)")[0] == "OK"
        assert imap.expunge() == ("OK", [b"1", b"1"])
        assert imap.status("Archive", "(MESSAGES)") == ("OK", [b"Archive (MESSAGES 1)"])
        assert imap.list()[1][0] == b'(\\HasNoChildren) "/" INBOX'
        assert imap.getquotaroot("INBOX")[0] == "OK"
        assert imap.namespace() == ("OK", [b'(("" "/")) (("Other Users/" "/")) (("Shared/" "/"))'])


async def test_imaplib(gateway: Gateway, account: MemoryAccount) -> None:
    account.deliver(message("first"))
    await asyncio.to_thread(use_imaplib, gateway)


async def test_aioimaplib(gateway: Gateway, account: MemoryAccount) -> None:
    async with connected(gateway.secure, gateway.tls.client) as imap:
        assert (await imap.login("ada", "secret")).result == "OK"
        assert (await imap.select("INBOX")).result == "OK"
        idle = await imap.idle_start(timeout=10)
        account.deliver(message("pushed"))
        assert b"1 EXISTS" in await imap.wait_server_push()
        imap.idle_done()
        async with asyncio.timeout(10):
            await idle
        answer = await imap.uid("fetch", "1", "(UID BODY.PEEK[])")
        assert answer.result == "OK"
        assert answer.lines[1] == message("pushed")
        assert (await imap.append(message("second"), "INBOX")).result == "OK"
        assert (await imap.uid_search("ALL")).lines[0] == b"1 2"
        assert (await imap.logout()).result == "OK"
