"""What was sent later (RFC 4865) and comes back: the report says what its writer had asked for, and when."""

from __future__ import annotations

from tests.queue.conftest import Desk
from tests.support.sink import Sink


async def test_a_report_has_the_request_and_the_time_of_the_submission(desk: Desk) -> None:
    async with Sink(lambda verb, _: "550 5.1.1 nobody" if verb == "RCPT" else None) as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("parent@example.net", release_request="for;3600", accepted_at=1_000)
        await desk.until("state", is_=[("failed",)])
    [report] = await desk.inbox()
    assert b"\r\nFuture-Release-Request: for;3600\r\n" in report
    assert b"\r\nArrival-Date: Thu, 01 Jan 1970 00:16:40 +0000\r\n" in report
