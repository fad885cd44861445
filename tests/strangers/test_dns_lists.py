"""Lists in the DNS (RFC 5782), asked of a real name server: what counts as listed, and what of lists that are ill."""

from __future__ import annotations

import pytest

from mailgate.strangers.dns_lists import DnsLists, question
from smtp.resolver import Resolver
from tests.support.nameserver import BROKEN, SILENT, NameServer, Records

HOST = "192.0.2.7"
NAME = "7.2.0.192"
BAD, WORSE, GOOD = "bad.example", "worse.example", "good.example"


async def having(
    records: Records, weights: dict[str, float], *, host: str = HOST, threshold: float = 1.0, timeout: float = 5.0
) -> list[str]:
    async with NameServer(records) as server:
        resolver = Resolver([("127.0.0.1", server.port)], timeout=5.0)
        return await DnsLists(resolver, weights, threshold, timeout).having(host)


@pytest.mark.parametrize(
    ("answers", "listed"),
    [
        ([], False),
        (["127.0.0.2"], True),
        (["127.0.0.10", "127.0.0.4"], True),
        (["127.3.0.2"], True),
        (["127.0.0.1"], False),
        (["127.255.255.254"], False),
        (["127.255.255.255"], False),
        (["192.0.2.1"], False),
        (["8.8.8.8", "127.0.0.2"], True),
        (BROKEN, False),
    ],
)
async def test_what_counts_as_listed(answers: list[str] | str, listed: bool) -> None:  # noqa: FBT001
    """Answers outside 127.0.0.0/8 are those of a domain that is somebody else's by now."""
    assert await having({f"{NAME}.{BAD} A": answers, "x A": ["192.0.2.1"]}, {BAD: 1}) == [BAD] * listed


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.7", "7.2.0.192"),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"),
        ("fe80::1%eth0", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.e.f"),
    ],
)
async def test_addresses_are_asked_for_backwards(host: str, name: str) -> None:
    assert question(host) == name
    assert await having({f"{name}.{BAD} A": ["127.0.0.2"]}, {BAD: 1}, host=host) == [BAD]


@pytest.mark.parametrize(
    ("weights", "threshold", "blamed"),
    [
        ({BAD: 1, WORSE: 1}, 1, [BAD, WORSE]),
        ({BAD: 1, "clean.example": 1}, 2, []),
        ({BAD: 1, WORSE: 1, "clean.example": 1}, 2, [BAD, WORSE]),
        ({BAD: 0.5, WORSE: 2}, 2, [WORSE, BAD]),
        ({BAD: 1, GOOD: -1}, 1, []),
        ({WORSE: 2, GOOD: -1}, 1, [WORSE]),
    ],
)
async def test_lists_are_weighed(weights: dict[str, float], threshold: float, blamed: list[str]) -> None:
    """Any of them is enough, all of them are needed, or some; lists of good servers speak for one."""
    records = {f"{NAME}.{zone} A": ["127.0.0.2"] for zone in (BAD, WORSE, GOOD)}
    assert await having(records, weights, threshold=threshold) == blamed


async def test_a_list_that_is_silent_costs_its_time_and_not_what_others_say() -> None:
    records: Records = {f"{NAME}.{WORSE} A": SILENT, f"{NAME}.{BAD} A": ["127.0.0.2"]}
    assert await having(records, {WORSE: 1, BAD: 1}, timeout=0.3) == [BAD]
