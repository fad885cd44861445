"""A search with UPDATE finds a message whose expunge the client was not told of yet.

RFC 5267 section 4.3.4: an expunged message leaves the results by REMOVEFROM, before its EXPUNGE. It stayed in them, and
every number after it was wrong.
"""

from __future__ import annotations

from tests.imap.wire import Client
from tests.regressions.conftest import Served
from tests.store.messages import message


async def expunge_first(client: Client) -> None:
    await client.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
    await client.ok("UID EXPUNGE 1")


async def test_it_leaves_the_results_before_its_number(served: Served) -> None:
    one, other = await served.client(), await served.client()
    for text in ("a", "b", "c"):
        await other.append("INBOX", message(text))
    await one.ok("SELECT INBOX")
    await other.ok("SELECT INBOX")
    await expunge_first(other)
    await one.ok("STORE 2 +FLAGS.SILENT (\\Flagged)")  # brings the news in, and may not tell of the expunge
    told = await one.ok("SEARCH RETURN (UPDATE ALL) UNSEEN")
    assert told[0] == b'* ESEARCH (TAG "t4") ALL 1:3'
    told += await one.ok("NOOP")
    assert told[1:3] == [b'* ESEARCH (TAG "t4") REMOVEFROM (0 1)', b"* 1 EXPUNGE"]
