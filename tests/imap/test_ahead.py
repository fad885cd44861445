"""While one chunk of an answer is written, the next one is read."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from imap.backend import FlagAction
from imap.commands.ahead import one_ahead
from imap.flags import FLAGGED
from tests.imap.conftest import message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


async def test_the_next_is_begun_before_the_result_is_used_and_no_more() -> None:
    begun: list[int] = []

    async def work(number: int) -> int:
        begun.append(number)
        await asyncio.sleep(0)
        return number

    seen = [(result, len(begun)) async for result in one_ahead(work(number) for number in range(4))]
    assert seen == [(0, 2), (1, 3), (2, 4), (3, 4)]
    assert [result async for result in one_ahead(work(number) for number in range(0))] == []


async def test_who_stops_early_leaves_nothing_running() -> None:
    ended: list[str] = []

    async def first() -> int:
        return 1

    async def endless() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")
        return 2

    async with aclosing(one_ahead(work() for work in (first, endless))) as results:
        assert await anext(results) == 1
        assert ended == []
    assert ended == ["endless"]


async def test_a_failure_comes_in_its_turn() -> None:
    async def work(number: int) -> int:
        if number == 1:
            raise ValueError("the second")
        return number

    async with aclosing(one_ahead(work(number) for number in range(3))) as results:
        assert await anext(results) == 0
        with pytest.raises(ValueError, match="the second"):
            await anext(results)


async def test_flags_that_change_while_the_next_chunk_is_read_are_told_as_they_are(
    client: Client, account: MemoryAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = message()
    for _ in range(1_200):
        account.deliver(content)
    await client.ok("SELECT INBOX")
    read, chunks = account.rendered, 0

    async def rendered(*arguments: object) -> object:
        nonlocal chunks
        chunks += 1
        texts = await read(*arguments)  # type: ignore[arg-type]
        if chunks == 2:
            mailbox = account.find("INBOX")
            await account.store(mailbox.ref, [700], FlagAction.ADD, FLAGGED, ())
            await asyncio.sleep(0.01)
        return texts

    monkeypatch.setattr(account, "rendered", rendered)
    lines = await client.ok("FETCH 1:* (FLAGS ENVELOPE)")
    assert chunks == 3
    assert b"\\Flagged" in next(line for line in lines if line.startswith(b"* 700 FETCH"))
