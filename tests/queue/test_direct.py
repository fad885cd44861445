"""Straight to the servers that a domain names: which of them, in which order, and what no server means."""

from __future__ import annotations

from collections.abc import Mapping

import psutil
import pytest

from smtp.client.answers import SendingError
from smtp.client.direct import DirectToMx
from smtp.client.exchangers import exchangers
from smtp.resolver import Resolver
from tests.queue.conftest import PATIENT, Desk, addresses
from tests.support.nameserver import BROKEN, SILENT, NameServer
from tests.support.sink import Sink

HERE, ELSEWHERE = ["127.0.0.1"], ["127.0.0.9"]


def direct(names: NameServer, sink: Sink) -> DirectToMx:
    resolver = Resolver([("127.0.0.1", names.port)], timeout=1.0)
    return DirectToMx(resolver, "gate.example.org", sink.port, timeouts=PATIENT)


def _own_addresses() -> set[str]:
    return {one.address for found in psutil.net_if_addrs().values() for one in found}


@pytest.mark.parametrize(
    "records",
    [
        {"example.net MX": ["20 second.example.net.", "10 first.example.net."], "first.example.net A": HERE},
        {"example.net MX": ["10 dead.example.net.", "20 live.example.net."], "dead.example.net A": ELSEWHERE,
         "live.example.net A": HERE},
        {"example.net MX": ["10 both.example.net."], "both.example.net A": [*ELSEWHERE, *HERE]},
        {"example.net MX": ["10 six.example.net."], "six.example.net AAAA": ["::1"], "six.example.net A": HERE},
        {"example.net A": HERE},
    ],
    ids=["preference", "next server", "next address", "IPv4 where IPv6 is dead", "no MX"],
)  # fmt: skip
async def test_the_first_server_that_answers_gets_it(desk: Desk, records: Mapping[str, list[str]]) -> None:
    async with NameServer(records) as names, Sink() as sink:
        await desk.worker(direct(names, sink))
        await desk.put("parent@example.net")
        [taken] = await sink.wait(1)
    assert addresses(taken.rcpt) == ["parent@example.net"]


@pytest.mark.skipif("::1" not in _own_addresses(), reason="this machine has no IPv6")
async def test_ipv6_goes_before_ipv4_of_the_same_server(desk: Desk) -> None:
    records = {"example.net MX": ["10 both.example.net."], "both.example.net AAAA": ["::1"]}
    records |= {"both.example.net A": HERE}
    async with (
        Sink(host="::1") as six, Sink(port=six.port) as four,
        NameServer(records) as names,
    ):  # fmt: skip
        await desk.worker(direct(names, six))
        await desk.put("parent@example.net")
        await six.wait(1)
    assert four.connections == 0


async def test_a_server_that_greets_with_a_refusal_gives_way_to_the_next(desk: Desk) -> None:
    records = {"example.net MX": ["10 a.example.net.", "20 b.example.net."]}
    records |= {"a.example.net A": ELSEWHERE, "b.example.net A": HERE}
    async with (
        Sink() as good,
        Sink(lambda *_: "554 no", host="127.0.0.9", port=good.port),
        NameServer(records) as names,
    ):
        await desk.worker(direct(names, good))
        await desk.put("parent@example.net")
        await good.wait(1)


@pytest.mark.parametrize(
    ("records", "state", "status"),
    [
        ({}, "failed", "5.1.2"),
        ({"example.net MX": ["0 ."]}, "failed", "5.1.10"),
        ({"example.net MX": ["10 gate.example.org.", "20 b.example.net."]}, "failed", "5.4.6"),
        ({"example.net MX": ["10 nowhere.example.net."]}, "failed", "5.4.4"),
        ({"example.net MX": BROKEN}, "waiting", "4.4.3"),
        ({"example.net MX": SILENT}, "waiting", "4.4.3"),
        ({"example.net MX": ["10 mx.example.net."], "mx.example.net A": ELSEWHERE}, "waiting", "4.4.2"),
    ],
    ids=["no domain", "null MX", "back here", "no address", "broken names", "silent names", "dead server"],
)
async def test_without_a_server(desk: Desk, records: Mapping[str, list[str] | str], state: str, status: str) -> None:
    async with NameServer(records) as names, Sink() as sink:
        await desk.worker(direct(names, sink))
        await desk.put("parent@example.net")
        await desk.until("state", "status", "attempts", is_=[(state, status, 1)])
    assert len(await desk.inbox()) == (state == "failed")


async def test_a_dead_domain_is_left_alone_and_others_are_not(desk: Desk) -> None:
    records = {"dead.example A": ELSEWHERE, "live.example A": HERE}
    async with NameServer(records) as names, Sink() as sink:
        worker = await desk.worker(direct(names, sink))
        await desk.put("a@dead.example")
        await desk.until("attempts", is_=[(1,)])
        asked = len(names.asked)
        await desk.put("b@dead.example")
        await desk.put("c@live.example")
        await sink.wait(1)
        worker.look()
        assert sorted(await desk.rows("address", "attempts"))[:2] == [("a@dead.example", 1), ("b@dead.example", 0)]
        assert not [one for one in names.asked[asked:] if one.startswith("dead")]


async def test_mail_for_this_very_server_is_not_sent_round() -> None:
    records = {"example.net MX": ["5 better.example.net.", "10 gate.example.org.", "20 b.example.net."]}
    async with NameServer(records) as names:
        resolver = Resolver([("127.0.0.1", names.port)])
        found = await exchangers(resolver, "example.net", own_name="gate.example.org")
        assert [one.name for one in found] == ["better.example.net"]
        with pytest.raises(SendingError, match=r"5\.1\.2"):
            await exchangers(resolver, ".".join(["x" * 60] * 6))
