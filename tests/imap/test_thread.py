"""THREAD on the wire; what the algorithms do is tested with themselves."""

from __future__ import annotations

import pytest

from tests.imap.conftest import Talk
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


def letter(number: int, subject: str, references: str = "", date: int = 1) -> bytes:
    return (
        f"Subject: {subject}\r\nMessage-ID: <{number}@x>\r\nReferences: {references}\r\n"
        f"Date: {date} Sep 2026 08:00:00 +0000\r\n\r\n"
    ).encode()


@pytest.fixture(autouse=True)
def mailbox(account: MemoryAccount) -> None:
    account.find("INBOX").uidnext = 11
    account.deliver(letter(1, "Sortie", date=3))
    account.deliver(letter(2, "Re: Sortie", "<1@x>", date=4))
    account.deliver(letter(3, "Re: SORTIE", '<"1"@x> <2@x>', date=6))
    account.deliver(letter(4, "Re: Sortie", "<1@x> <2@x>", date=5), mask=1)
    account.deliver(letter(5, "Été", date=1))
    account.deliver(letter(6, "RE: éTÉ", date=2))


async def test_thread(talk: Talk) -> None:
    await talk(
        """
        A: a1 SELECT INBOX
        A* a1 OK …
        A: a2 THREAD REFERENCES UTF-8 ALL
        A< * THREAD (5 6)(1 2 (4)(3))
        A< a2 OK THREAD completed
        A: a3 UID THREAD references US-ASCII UNSEEN
        A< * THREAD (15 16)(11 12 13)
        A< a3 OK …
        A: a4 THREAD ORDEREDSUBJECT UTF-8 ALL
        A< * THREAD (5 6)(1 (2)(4)(3))
        A< a4 OK …
        A: a5 THREAD REFERENCES UTF-8 TEXT "not in mailbox"
        A< * THREAD
        A< a5 OK …
        A: a6 THREAD REFERENCES UTF-8 3:4
        A< * THREAD ((4)(3))
        A< a6 OK …
        A: a7 THREAD REFERENCES KOI8-R ALL
        A< a7 NO [BADCHARSET …
        """
    )


@pytest.mark.parametrize(
    "command",
    ["THREAD", "THREAD REFERENCES", "THREAD REFS UTF-8 ALL", "THREAD REFERENCES UTF-8", "THREAD (DATE) X ALL"],
)
async def test_malformed(client: Client, command: str) -> None:
    await client.ok("SELECT INBOX")
    assert (await client.command(command))[-1].split()[1] == b"BAD"


async def test_keys_in_an_older_form_are_made_anew(
    client: Client, account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imap.message.ThreadKeys.encode", lambda _: b"\x81\xa2id\xa0")
    await client.ok("SELECT INBOX")
    assert await client.ok("THREAD REFERENCES UTF-8 ALL") == [b"* THREAD (5 6)(1 2 (4)(3))"]


async def test_a_message_that_is_gone_is_left_out(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    del account.find("INBOX").messages[12]
    assert await client.ok("THREAD REFERENCES UTF-8 ALL") == [b"* THREAD (5 6)(1 (4)(3))"]


async def test_the_same_again_is_known(client: Client, account: MemoryAccount) -> None:
    await client.ok("SELECT INBOX")
    first = await client.ok("THREAD REFERENCES UTF-8 ALL")
    account.calls.clear()
    assert await client.ok("THREAD REFERENCES US-ASCII 1:*") == first
    assert not account.calls.keys() & {"entries", "rendered"}
    assert await client.ok("UID THREAD REFERENCES UTF-8 ALL") == [b"* THREAD (15 16)(11 12 (14)(13))"]
    assert await client.ok("THREAD ORDEREDSUBJECT UTF-8 ALL") == [b"* THREAD (5 6)(1 (2)(4)(3))"]
    account.deliver(letter(7, "Re: Été", "<5@x>", date=9))
    await client.ok("NOOP")
    assert await client.ok("THREAD ORDEREDSUBJECT UTF-8 ALL") == [b"* THREAD (5 (6)(7))(1 (2)(4)(3))"]
