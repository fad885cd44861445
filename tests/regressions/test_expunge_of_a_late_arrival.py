"""A client keeps the HIGHESTMODSEQ of its SELECT, sees a message arrive, goes away; the message is expunged meanwhile.

RFC 7162 section 3.2.5.1: all expunges since the modification sequence given, whenever the messages came. Left out of
VANISHED (EARLIER), the message stays in the client's list for ever.
"""

from __future__ import annotations

import re

from tests.imap.wire import Client
from tests.regressions.conftest import Served
from tests.store.messages import message

QRESYNC = "ENABLE QRESYNC"


async def left_at(client: Client) -> str:
    """UIDVALIDITY and HIGHESTMODSEQ as SELECT told them."""
    lines = b"\n".join(await client.ok("SELECT INBOX")).decode()
    return " ".join(re.findall(r"(?:UIDVALIDITY|HIGHESTMODSEQ) (\d+)", lines))


async def test_a_message_seen_to_arrive_is_seen_to_vanish(served: Served) -> None:
    away, other = await served.client(QRESYNC), await served.client()
    known = await left_at(away)
    await other.append("INBOX", message("short"))
    assert b"* 1 EXISTS" in await away.ok("NOOP")
    await away.close()
    await other.ok("SELECT INBOX")
    await other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    await other.ok("EXPUNGE")
    back = await served.client(QRESYNC)
    assert b"* VANISHED (EARLIER) 1" in await back.ok(f"SELECT INBOX (QRESYNC ({known}))")
    modseq = known.split()[1]
    assert await back.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)") == [b"* VANISHED (EARLIER) 1"]
