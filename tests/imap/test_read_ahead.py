"""Reading ahead of a client that reads one message after the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pytest

from imap.selected.course import Course
from tests.imap.conftest import message
from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client


def after(course: Course, position: int, count: int = 1000) -> range:
    return course.after(range(position, position + 1), count)


def test_it_reads_further_ahead_the_longer_the_client_goes_on_in_order() -> None:
    course = Course()
    ahead = {position: found for position in range(200) if (found := after(course, position))}
    assert ahead == {
        0: range(1, 5),
        5: range(6, 14),
        14: range(15, 31),
        31: range(32, 64),
        64: range(65, 97),
        97: range(98, 130),
        130: range(131, 163),
        163: range(164, 196),
        196: range(197, 229),
    }


def test_it_ends_with_the_mailbox() -> None:
    course = Course()
    assert after(course, 0, 3) == range(1, 3)
    assert [list(after(course, position, 3)) for position in (1, 2)] == [[], []]


@pytest.mark.parametrize("positions", [(7, 3, 9, 1), (9, 8, 7, 6), (5, 7, 9, 11), (4, 4, 4, 4)])
def test_it_does_not_read_ahead_of_who_jumps(positions: tuple[int, ...]) -> None:
    course = Course()
    assert not any(after(course, position) for position in positions)


async def test_bodies_in_order_are_read_together(client: Client, account: MemoryAccount) -> None:
    for number in range(12):
        account.deliver(message(f"m{number}", "x" * (300_000 if number == 3 else 10)))
    read_whole, asked = account.read_whole, []

    async def noting(message_ids: Collection[bytes]) -> Mapping[bytes, bytes]:
        asked.append(len(message_ids))
        return await read_whole(message_ids)

    account.read_whole = noting  # type: ignore[method-assign]
    await client.ok("SELECT INBOX")
    for uid in range(1, 13):
        [answer] = await client.ok(f"UID FETCH {uid} (BODY.PEEK[])")
        assert b"Subject: m%d\r\n" % (uid - 1) in answer
    # one is too large to be read ahead, or whole
    assert asked == [4, 1, 1, 1, 1, 7, 1, 1, 1, 1, 1, 1, 1]
