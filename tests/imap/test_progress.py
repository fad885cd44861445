"""INPROGRESS (RFC 9585): long commands tell how far they are, short ones do not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace

import pytest

from imap.backend import Copied, MailboxRef, Rendered, Rendering
from imap.limits import Limits
from imap.progress import Progress
from tests.imap.conftest import Gateway, Tls, message
from tests.imap.memory_backend import MemoryAccount, MemoryBackend
from tests.imap.wire import Client

LINE = re.compile(rb'\* OK \[INPROGRESS \("(t\d+)" (\d+|NIL) (\d+|NIL)\)\] Still working')


@pytest.fixture
async def impatient(tls: Tls) -> AsyncIterator[Gateway]:
    """A server that tells at once."""
    running = Gateway(MemoryBackend(MemoryAccount(1, "ada", "secret")), tls)
    await running.start(replace(Limits(), progress_interval=0.001))
    yield running
    await running.stop()


def slow(account: MemoryAccount) -> None:
    """Each look into messages takes longer than the interval."""
    rendered = account.rendered

    async def wait(message_ids: Collection[bytes], which: Rendering) -> Mapping[bytes, Rendered]:
        await asyncio.sleep(0.002)
        return await rendered(message_ids, which)

    account.rendered = wait  # type: ignore[method-assign]


async def selected(gateway: Gateway, messages: int) -> Client:
    for number in range(messages):
        gateway.account.deliver(message(f"Subject {number % 7}"))
    slow(gateway.account)
    client = await gateway.client()
    await client.ok("SELECT INBOX")
    return client


def counts(lines: list[bytes], tag: str) -> list[tuple[int, int]]:
    told = [found.groups() for line in lines if (found := LINE.fullmatch(line))]
    assert all(one[0] == tag.encode() for one in told)
    return [(int(done), int(total)) for _, done, total in told]


@pytest.mark.parametrize("command", ["SEARCH SUBJECT 3", "FETCH 1:* ENVELOPE"])
async def test_counts_rise_to_the_total(impatient: Gateway, command: str) -> None:
    client = await selected(impatient, 1_600)
    lines = await client.ok(command)
    told = counts(lines, f"t{client.tags}")
    assert len(told) > 1
    assert told == sorted(told)
    assert {total for _, total in told} == {1_600}
    assert told[-1][0] <= 1_600


async def test_what_counts_nothing_says_that_it_goes_on(impatient: Gateway) -> None:
    client = await selected(impatient, 3)
    copy = impatient.account.copy

    async def wait(source: MailboxRef, uids: Collection[int], target: str) -> Copied:
        await asyncio.sleep(0.05)
        return await copy(source, list(uids), target)

    impatient.account.copy = wait  # type: ignore[method-assign,assignment]
    lines = await client.ok("COPY 1:3 Archive")
    told = [line for line in lines if b"INPROGRESS" in line]
    assert 1 < len(told) < 60
    assert set(told) == {b'* OK [INPROGRESS ("t%d" NIL NIL)] Still working' % client.tags}
    (session,) = [connection.session for connection in impatient.server._context.connections]
    assert session._patience is None
    session._progress.interval = 3600  # the next command may take longer than a millisecond
    assert await client.ok("UID SEARCH UID 9") == [b"* SEARCH"]


async def test_short_commands_say_nothing(client: Client, account: MemoryAccount) -> None:
    for _ in range(3):
        account.deliver(message())
    await client.ok("SELECT INBOX")
    for command in ("SEARCH TEXT Text", "FETCH 1:* BODY[]", "STORE 1 +FLAGS (a)", "COPY 1 Archive", "MOVE 1 Archive"):
        assert b"INPROGRESS" not in b"".join(await client.ok(command))


def test_a_tag_that_would_end_the_code_is_left_out() -> None:
    progress = Progress(10)
    progress.begin("a]b")
    assert progress.code(1, 2) == "INPROGRESS (NIL 1 2)"
    assert not progress.is_due()
