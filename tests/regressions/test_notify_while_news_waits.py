"""A session begins to listen while another of the same person is about to be told of a change.

RFC 5465 section 3: NOTIFY SET answers OK. It answered ``NO [SERVERBUG]``: the change was put to a listener that was not
ready to take it.
"""

from __future__ import annotations

from tests.regressions.conftest import Served
from tests.store.messages import message

NOTIFY = "NOTIFY SET (personal (MessageNew MessageExpunge))"


async def test_a_second_session_may_listen_at_any_time(served: Served) -> None:
    first, second = await served.client(NOTIFY), await served.client("ENABLE CONDSTORE")
    for _ in range(3):
        await first.append("Archive", message("one"))
        await second.append("Sent", message("two"))
        assert await second.ok(NOTIFY) == []
        await second.ok("NOTIFY NONE")
