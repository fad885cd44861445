"""MTA-STS policies in the database: kept, replaced, fetched anew before they end, and forgotten after."""

from __future__ import annotations

from sqlalchemy import delete

from mailgate.config import Dns, Queue
from mailgate.database import Statement
from mailgate.queue.outbound import route_of
from mailgate.queue.policies import StoredPolicies
from mailgate.queue.schema import mta_sts_policy
from smtp.client.direct import DirectToMx
from smtp.client.mta_sts import REFRESH, Applied, Kept, Mode, MtaSts, Policy
from smtp.resolver import Resolver
from tests.queue.conftest import Desk
from tests.support.nameserver import NameServer

_EMPTY = Statement(delete(mta_sts_policy))
DAY = 86_400
POLICY = Policy(Mode.ENFORCE, ("mx.example.net", "*.example.org"), 7 * DAY)


async def test_what_is_kept_is_found_and_replaced(desk: Desk) -> None:
    await desk.database.write(lambda tx: tx.run(_EMPTY))
    policies = StoredPolicies(desk.database)
    assert await policies.find("example.net") == Kept()
    for kept in (Kept(tried_id="a", tried_at=5), Kept(POLICY, "b", 7), Kept(Policy(Mode.NONE, (), 0), "c", 8, "d", 9)):
        await policies.keep("example.net", kept)
        assert await policies.find("example.net") == kept


async def test_policies_in_force_are_fetched_daily_and_those_that_ended_forgotten(desk: Desk) -> None:
    await desk.database.write(lambda tx: tx.run(_EMPTY))
    policies, now = StoredPolicies(desk.database), 100 * DAY
    begun = {"fresh": now - 1, "old": now - REFRESH - 1, "ended": now - 8 * DAY, "none": now - REFRESH - 1}
    fetched: list[str] = []
    for name, at in begun.items():
        policy = Policy(Mode.NONE, (), 7 * DAY) if name == "none" else POLICY
        await policies.keep(f"{name}.example", Kept(policy, "a", at))

    async def fetch(domain: str) -> bytes:
        fetched.append(domain)
        return b"version: STSv1\nmode: testing\nmx: a.example\nmax_age: 86400\n"

    async with NameServer({f"_mta-sts.{name}.example TXT": ['"v=STSv1; id=a;"'] for name in begun}) as names:
        sts = MtaSts(Resolver([("127.0.0.1", names.port)]), policies, fetch, lambda: now)
        await policies.maintain(sts, lambda: now)
        assert fetched == ["old.example"]
        assert (await policies.find("old.example")).fetched_at == now
        assert await policies.find("ended.example") == Kept()
        assert await sts.policy("fresh.example") == Applied(POLICY)


async def test_the_settings_say_whether_policies_and_records_count(desk: Desk) -> None:
    def route(queue: Queue, dns: Dns) -> DirectToMx:
        found = route_of(queue, dns, "gate.example.org", desk.database)
        assert isinstance(found, DirectToMx)
        return found

    usual = route(Queue(route="direct"), Dns())
    assert usual.sts is not None
    assert not usual.dane
    dns = Dns(servers=("127.0.0.1:53", "[::1]:53"), dnssec="loopback")
    other = route(Queue(route="direct", mta_sts=False), dns)
    assert other.sts is None
    assert other.dane
