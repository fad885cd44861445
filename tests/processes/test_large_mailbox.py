"""A mailbox of 100,000 messages opens and works, and costs no object for each message."""

from __future__ import annotations

import asyncio

from tests.processes.serving import Serving
from tests.processes.test_memory import MIB, Memory
from tests.support.large_mailbox import fill

COUNT = 100_000


def test_it_opens_and_works(serving: Serving) -> None:
    client = serving.imap()
    client.create("Huge")
    client.append("Huge", None, None, serving.message("Huge").encode())
    asyncio.run(fill(serving.url, "Huge", COUNT))
    memory = Memory(serving.pid_of(client.socket()))
    with memory.watched():
        assert client.select("Huge") == ("OK", [b"%d" % COUNT])
        kind, data = client.fetch(f"{COUNT - 49}:*", "(FLAGS ENVELOPE)")
        assert kind == "OK"
        assert len(data) == 50
        kind, found = client.search(None, "UNSEEN")
        assert len(found[0].split()) == COUNT // 10 + 1
        assert client.store(str(COUNT // 2), "+FLAGS", "(\\Flagged)")[0] == "OK"
        assert client.search(None, "FLAGGED") == ("OK", [b"%d" % (COUNT // 2)])
        assert client.status("Huge", "(MESSAGES UNSEEN)")[1] == [
            b"Huge (MESSAGES %d UNSEEN %d)" % (COUNT, COUNT // 10 + 1)
        ]
    assert memory.grown < 32 * MIB  # the columns, the answers, and the numbers while they are read
    client.unselect()
    assert client.delete("Huge")[0] == "OK"
    client.logout()
