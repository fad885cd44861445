"""A message that is purged or recalled does not leave any more, where it had not left."""

from __future__ import annotations

from functools import partial

from mailgate.queue import withdrawing
from mailgate.queue.outcome import State
from mailgate.store.collector import collect
from tests.queue.conftest import Desk
from tests.support.sink import Sink


async def test_what_waits_is_taken_back_and_what_left_is_known(desk: Desk) -> None:
    async with Sink(lambda verb, rest: "451 4.2.0 later" if verb == "RCPT" and "slow" in rest else None) as sink:
        worker = await desk.worker(desk.smarthost(sink.port))
        await desk.put("fast@example.net", "slow@example.net", dispatch_id="abc")
        await desk.put("slow@example.net", dispatch_id="def")
        await desk.until("attempts", is_=[(1,)] * 3)
        assert await desk.database.write(partial(withdrawing.take_back, dispatch_id="abc", now=int(desk.now))) == 1
        found = await desk.database.read(partial(withdrawing.outside_of, dispatch_id="abc"))
        assert [(one.address, one.state) for one in found] == [
            ("fast@example.net", State.SENT),
            ("slow@example.net", State.DELETED),
        ]
        assert found[1].answer == "451 4.2.0 later"
        assert await collect(desk.database, now=4_000_000_000_000) == 0, "the other message has the same content"
        sink.script = lambda _verb, _rest: None
        desk.now += 1_000
        worker.look()
        await sink.wait(2)
        await desk.until("state", is_=[("sent",), ("sent",), ("deleted",)])
    assert await collect(desk.database, now=4_000_000_000_000) == 1
