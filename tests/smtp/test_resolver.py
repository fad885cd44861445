"""The resolver against a name server on loopback: what it says, what it keeps, and how long it waits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from smtp.resolver import InvalidName, Resolver, Unanswered, reverse_name
from tests.support.nameserver import BROKEN, SILENT, NameServer, Records, txt


def resolver(*servers: NameServer, timeout: float = 5.0, cached: int = 2**20) -> Resolver:
    return Resolver([("127.0.0.1", one.port) for one in servers], timeout=timeout, cached=cached)


async def test_records_of_a_name() -> None:
    long = "v=DKIM1; p=" + "A" * 600
    async with NameServer({"example.net MX": ["10 mx.example.net."], "k.example.net TXT": [txt(long)]}) as names:
        asked = resolver(names)
        assert str((await asked.lookup("example.net", "MX")).records[0]) == "10 mx.example.net."
        assert (await asked.lookup("K.Example.Net.", "TXT")).texts() == [long.encode()]


async def test_no_such_name_is_told_from_no_such_records() -> None:
    async with NameServer({"www.example.net A": ["192.0.2.1"]}) as names:
        asked = resolver(names)
        for name, kind, exists in (
            ("www.example.net", "TXT", True), ("example.net", "A", True), ("mail.example.net", "A", False)
        ):  # fmt: skip
            found = await asked.lookup(name, kind)
            assert (found.records, found.exists) == ((), exists)


async def test_an_alias_is_followed() -> None:
    async with NameServer({"www.example.net CNAME": ["web.example.org."], "web.example.org A": ["192.0.2.1"]}) as names:
        found = await resolver(names).lookup("www.example.net", "A")
    assert (found.name, str(found.records[0])) == ("web.example.org", "192.0.2.1")


@pytest.mark.parametrize("answer", [BROKEN, SILENT])
async def test_a_failure_is_neither(answer: str) -> None:
    async with NameServer({"example.net A": answer}) as names:
        began = time.monotonic()
        with pytest.raises(Unanswered):
            await resolver(names, timeout=0.3).lookup("example.net", "A")
        assert time.monotonic() - began < 10


async def test_a_server_that_failed_gives_way_to_the_next() -> None:
    records = {"example.net A": ["192.0.2.1"]}
    async with NameServer({"example.net A": BROKEN}) as bad, NameServer(records) as good:
        assert (await resolver(bad, good).lookup("example.net", "A")).records
        assert bad.asked == ["example.net A"]


@pytest.mark.parametrize("truncated", [True, False], ids=["truncated", "large"])
async def test_what_does_not_fit_comes_by_tcp(*, truncated: bool) -> None:
    records = {"example.net TXT": [txt("x" * 3_000)]}
    async with NameServer(records, truncated=truncated) as names:
        assert (await resolver(names).lookup("example.net", "TXT")).texts() == [b"x" * 3_000]
        assert len(names.asked) == 2
        names.tcp = False
        with pytest.raises(Unanswered):
            await resolver(names, timeout=0.3).lookup("example.net", "TXT")


async def test_validated_answers_say_so() -> None:
    async with NameServer({"example.net A": ["192.0.2.1"]}, authenticated=True) as names:
        asked = resolver(names)
        assert (await asked.lookup("example.net", "A")).authenticated
        assert (await asked.lookup("_25._tcp.example.net", "TLSA")).authenticated
        names.authenticated = False
        assert not (await resolver(names).lookup("example.net", "A")).authenticated


async def test_an_answer_is_kept_as_long_as_it_says() -> None:
    now = [0.0]
    async with NameServer({"example.net A": ["192.0.2.1"]}, ttl=100) as names:
        asked = Resolver([("127.0.0.1", names.port)], clock=lambda: now[0])

        async def questions(at: float) -> int:
            now[0] = at
            await asked.lookup("EXAMPLE.net", "A")
            await asked.lookup("none.example", "A")
            return len(names.asked)

        assert [await questions(at) for at in (0, 99, 101)] == [2, 2, 4]
        names.ttl = 1_000_000
        assert [await questions(at) for at in (300, 300 + 3_599, 300 + 3_601, 300 + 86_401)] == [6, 6, 7, 9]


async def test_failures_and_answers_that_hold_for_no_time_are_not_kept() -> None:
    records: Records = {"broken.example A": BROKEN, "example.net A": ["192.0.2.1"]}
    async with NameServer(records, ttl=0) as names:
        asked = resolver(names)
        for _ in range(2):
            await asked.lookup("example.net", "A")
            with pytest.raises(Unanswered):
                await asked.lookup("broken.example", "A")
        assert len(names.asked) == 4


async def test_what_is_kept_has_a_bound_in_octets() -> None:
    async with NameServer({"*.example TXT": [txt("x" * 5_000)], "*.huge TXT": [txt("x" * 30_000)]}) as names:
        asked = resolver(names, cached=20_000)
        for name in ("a.example", "b.example", "c.example", "a.example", "d.example", "a.example", "b.example"):
            await asked.lookup(name, "TXT")
        await asked.lookup("e.huge", "TXT")
        await asked.lookup("a.example", "TXT")
    assert [one[0] for one in names.asked[::2]] == ["a", "b", "c", "d", "b", "e"]


async def test_many_look_ups_wait_for_their_turn() -> None:
    async with NameServer({"*.example A": ["192.0.2.1"]}, delay=0.05) as names:
        asked = Resolver([("127.0.0.1", names.port)], timeout=0.3, at_once=2)
        found = await asyncio.gather(*(asked.lookup(f"n{n}.example", "A") for n in range(4)))
        assert all(one.records for one in found)
        late = await asyncio.gather(*(asked.lookup(f"m{n}.example", "A") for n in range(30)), return_exceptions=True)
        assert any(isinstance(one, Unanswered) for one in late)
        assert (await asked.lookup("again.example", "A")).records


@pytest.mark.parametrize(
    "name", ["a..example", ".example", "x" * 64 + ".example", ".".join(["x" * 60] * 6), "é" * 70], ids=range(5)
)
async def test_a_name_that_cannot_be_asked_for(name: str) -> None:
    async with NameServer({}) as names:
        with pytest.raises(InvalidName):
            await resolver(names).lookup(name, "A")
    assert not names.asked


async def test_names_are_asked_for_as_they_are() -> None:
    async with NameServer({}) as names:
        for name in ("école.example", r"a\046b.example", "localhost"):
            await resolver(names).lookup(name, "A")
    assert names.asked == ["xn--cole-9oa.example A", r"a\\046b.example A", "localhost A"]


def test_where_the_names_of_an_address_are() -> None:
    assert reverse_name("192.0.2.10") == "10.2.0.192.in-addr.arpa"
    assert reverse_name("2001:db8::1").startswith("1.0.0.0.")
    assert reverse_name("2001:db8::1").endswith(".8.b.d.0.1.0.0.2.ip6.arpa")


@pytest.mark.parametrize("text", [None, "", "# nothing\n"])
async def test_a_system_without_name_servers_keeps_nothing_from_starting(tmp_path: Path, text: str | None) -> None:
    conf = tmp_path / "resolv.conf"
    if text is not None:
        conf.write_text(text)
    with pytest.raises(Unanswered):
        await Resolver(timeout=0.5, system=str(conf)).lookup("example.net", "A")
