"""Servers that break off, lie, fall silent or speak oddly: the copy ends with a reason, or goes on and is complete."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from imap.backend import Account
from mailgate.transfer.copying import Manner, copy_account
from mailgate.transfer.imap_source import Login, Security, Server
from mailgate.transfer.intake import Intake
from mailgate.transfer.report import Report
from tests.store.messages import message
from tests.transfer.mail import copies

MESSAGES = {uid: message(f"m{uid}") for uid in (3, 5, 8)}
Answer = Callable[[str], bytes | None]


@dataclass
class Odd:
    """A small IMAP server; `answers` may take the place of what it would say to a command."""

    answer: Answer = lambda _command: None
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    port: int = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"* OK ready\r\n")
        while line := await reader.readline():
            tag, _, command = line.decode("latin-1").strip().partition(" ")
            self.commands.append(command)
            said = self.answer(command)
            if said is None:
                said = usual(command)
            if said.startswith(b"NO "):
                writer.write(tag.encode() + b" " + said)
            else:
                writer.write(said if said.endswith(b"\0") else said + tag.encode() + b" OK done\r\n")
            await writer.drain()
            if said.endswith(b"\0"):
                break
        writer.close()


def usual(command: str) -> bytes:
    if command == "CAPABILITY":
        return b"* CAPABILITY IMAP4rev1\r\n"
    if command.startswith("LIST"):
        return b'* LIST () "/" INBOX\r\n'
    if command.startswith("EXAMINE"):
        return b"* 3 EXISTS\r\n* OK [UIDVALIDITY 1] valid\r\n"
    if command.startswith("UID FETCH 1:*"):
        return b"".join(b"* 1 FETCH (UID %d RFC822.SIZE %d)\r\n" % (uid, len(text)) for uid, text in MESSAGES.items())
    if command.startswith("UID FETCH"):
        uids = {int(number) for number in re.findall(r"\d+", command.split()[2])}
        return b"".join(fetched(uid, MESSAGES[uid]) for uid in uids & MESSAGES.keys())
    return b""


def fetched(uid: int, content: bytes) -> bytes:
    date = b'" 7-Sep-2026 08:30:00 +0200"'
    return b"* 1 FETCH (UID %d FLAGS () INTERNALDATE %b BODY[] {%d}\r\n%b)\r\n" % (uid, date, len(content), content)


@asynccontextmanager
async def odd(answer: Answer = lambda _command: None) -> AsyncIterator[Odd]:
    server = Odd(answer)
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


async def copy(server: Odd, to: Intake) -> Report:
    where = Server("127.0.0.1", server.port, Security.NONE)
    manner = Manner(first_pause=0.001, silence=0.5)
    return await copy_account(to._database, to, where, Login("ada m", 's"e\\cret'), manner)


async def test_the_usual(bob: Account, to_bob: Intake, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with odd() as server:
        assert (await copy(server, to_bob)).complete
    assert [one.content for one in await copies(bob, "INBOX")] == list(MESSAGES.values())
    assert 'LOGIN "ada m" "s\\"e\\\\cret"' in server.commands
    assert "cret" not in caplog.text
    assert "m3@example.org" not in caplog.text


async def test_a_connection_that_is_lost_is_made_again(bob: Account, to_bob: Intake) -> None:
    cut = iter([100, 300, 20])

    def answer(command: str) -> bytes | None:
        if command.startswith("UID FETCH") and "BODY" in command and (octets := next(cut, None)):
            return usual(command)[:octets] + b"\0"
        return None

    async with odd(answer) as server:
        assert (await copy(server, to_bob)).complete
    assert server.connections == 4
    assert len(await copies(bob, "INBOX")) == 3


@pytest.mark.parametrize(
    ("where", "said", "reason"),
    [
        ("CAPABILITY", b"\0", "closed the connection"),
        ("LOGIN", b"* 1 EXISTS\r\nA1 NO go away\r\n\0", "answered to no command"),
        ("LIST", b"* LIST (((\r\n", "a parenthesis too few"),
        ("LIST", b"* LIST nothing\r\n", "cannot be read"),
        ("LIST", b"+ go on\r\n\0", "closed the connection"),
        ("UID FETCH 1:*", b"* 1 FETCH nonsense\r\n", "cannot be read"),
    ],
)
async def test_what_cannot_be_read_is_told(to_bob: Intake, where: str, said: bytes, reason: str) -> None:
    async with odd(lambda command: said if command.startswith(where) else None) as server:
        done = await copy(server, to_bob)
    assert not done.complete
    assert reason in f"{done.error} {list(done.remarks())}"


async def test_silence_ends_with_a_reason(to_bob: Intake) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        await reader.read()
        writer.close()

    async with odd() as server:
        server.talk = silent  # type: ignore[method-assign]
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        server.port = listening.sockets[0].getsockname()[1]
        done = await copy(server, to_bob)
        listening.close()
    assert "has not answered to CAPABILITY" in str(done.error)


async def test_a_message_that_the_server_cannot_give_keeps_no_other_back(bob: Account, to_bob: Intake) -> None:
    def answer(command: str) -> bytes | None:
        return b"NO [EXPUNGEISSUED] broken\x1b[2J\r\n" if "BODY" in command and "5" in command.split()[2] else None

    async with odd(answer) as server:
        done = await copy(server, to_bob)
        assert [(one.message, one.reason) for one in done.folders[0].refusals] == [
            ("UID 5", "FETCH was refused: [EXPUNGEISSUED] broken [2J")
        ]
        assert len(await copies(bob, "INBOX")) == 2
        server.answer = lambda _command: None
        assert (await copy(server, to_bob)).complete
    assert len(await copies(bob, "INBOX")) == 3


async def test_a_mailbox_that_cannot_be_opened_keeps_no_other_back(bob: Account, to_bob: Intake) -> None:
    def answer(command: str) -> bytes | None:
        if command.startswith("LIST"):
            return b'* LIST () "/" INBOX\r\n* LIST () "/" "A * B"\r\n* LIST () "/" {3}\r\n{4}\r\n'
        return b"NO not today\r\n" if command == 'EXAMINE "A * B"' else None

    async with odd(answer) as server:
        done = await copy(server, to_bob)
    assert [(one.source, one.refused) for one in done.folders] == [("INBOX", 0), ("A * B", 1), ("{4}", 0)]
    assert len(await copies(bob, "{4}")) == 3


async def test_numbers_that_nobody_asked_for(bob: Account, to_bob: Intake) -> None:
    def answer(command: str) -> bytes | None:
        if "BODY" in command:
            more = fetched(99, b"Subject: not asked for\r\n\r\n") + fetched(3, b"Subject: twice\r\n\r\n")
            return usual(command) + more + b"* 2 FETCH (FLAGS (\\Seen))\r\n* 1 EXPUNGE\r\n"
        return None

    async with odd(answer) as server:
        assert (await copy(server, to_bob)).complete
    assert [one.content for one in await copies(bob, "INBOX")] == list(MESSAGES.values())


async def test_sizes_that_lie(bob: Account, to_bob: Intake) -> None:
    bob.append_limit = 1000
    to_bob.account.append_limit = 1000

    def answer(command: str) -> bytes | None:
        if "BODY" in command:
            return fetched(3, b"") + fetched(5, b"x" * 5000) + fetched(8, MESSAGES[8])
        return None

    async with odd(answer) as server:
        done = await copy(server, to_bob)
    assert {one.reason for one in done.folders[0].refusals} == {
        "the message is empty",
        "5,000 octets are more than imap.max_message_size allows (1,000)",
    }
    assert len(await copies(bob, "INBOX")) == 1


async def test_a_flood_is_cut_off(to_bob: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailgate.transfer.imap_source.BATCH_OCTETS", 0)
    to_bob.account.append_limit = 10_000
    flood = fetched(3, b"x" * 9_000) * 10
    async with odd(lambda command: flood if "BODY" in command else None) as server:
        done = await copy(server, to_bob)
    assert "more than it was asked for" in f"{done.error} {list(done.remarks())}"
