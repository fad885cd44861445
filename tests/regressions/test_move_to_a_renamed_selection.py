"""A mailbox was renamed by another session while this one had it selected, and then named as the target here.

The session compared names: it did not know that source and target are one mailbox, and never showed what came into it.
"""

from __future__ import annotations

from tests.regressions.conftest import Served
from tests.store.messages import message


async def test_what_is_moved_onto_itself_stays_visible(served: Served) -> None:
    client, other = await served.client("CREATE A"), await served.client()
    await client.append("A", message())
    await client.ok("SELECT A")
    await other.ok("RENAME A B")
    lines = await client.ok("UID MOVE 1 B")
    assert lines[1:] == [b"* 1 EXPUNGE", b"* 1 EXISTS", b"* 1 RECENT"]
    assert await client.ok("UID FETCH 1:* (UID)") == [b"* 1 FETCH (UID 2)"]


async def test_what_is_copied_onto_itself_is_announced_at_once(served: Served) -> None:
    client, other = await served.client("CREATE A", "CREATE A/C"), await served.client()
    await client.append("A/C", message())
    await client.ok("SELECT A/C")
    await other.ok("RENAME A B")
    assert b"* 2 EXISTS" in await client.ok("COPY 1 B/C")
    assert (await client.command(b"APPEND B/C {5+}\r\na: b\n"))[0] == b"* 3 EXISTS"
    await client.ok("RENAME B/C B/D")
    assert b"* 4 EXISTS" in await client.ok("COPY 1 B/D")
