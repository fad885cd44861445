"""SPF beyond the suite: limits, time, names that are no names, and records made to cost."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smtp.authentication.results import Result
from smtp.authentication.spf import Checked, Client, Limits, check
from smtp.authentication.spf_record import RecordError, expand, parse_record
from smtp.resolver import Resolver
from tests.support.nameserver import SILENT, NameServer, Records, txt

CLIENT = Client("192.0.2.1", "mail.example.net", "ami@example.net")


async def checked(records: Records, client: Client = CLIENT, limits: Limits | None = None) -> Checked:
    async with NameServer(records) as names:
        resolver = Resolver([("127.0.0.1", names.port)])
        return await check(resolver, client, receiver="mx.example.org", limits=limits)


async def test_a_null_reverse_path_is_that_of_helo() -> None:
    records = {"mail.example.net TXT": [txt("v=spf1 ip4:192.0.2.0/24 -all")]}
    found = await checked(records, Client("192.0.2.1", "mail.example.net", ""))
    assert found == Checked(Result.PASS, "mail.example.net", of_helo=True)


async def test_an_address_with_a_zone_or_an_ipv4_one_in_ipv6() -> None:
    records = {"example.net TXT": [txt("v=spf1 ip4:192.0.2.1 ip6:fe80::/10 -all")]}
    for address in ("::ffff:192.0.2.1", "fe80::1%eth0"):
        assert (await checked(records, Client(address, "h", "a@example.net"))).result is Result.PASS


async def test_a_domain_beyond_ascii_is_asked_for_by_its_a_labels() -> None:
    records = {
        "xn--cole-9oa.example TXT": [txt("v=spf1 exists:%{d}.ok.example -all")],
        "xn--cole-9oa.example.ok.example A": ["127.0.0.2"],
    }
    found = await checked(records, Client("192.0.2.1", "h", "a@école.example"))
    assert (found.result, found.domain) == (Result.PASS, "xn--cole-9oa.example")


async def test_a_local_part_beyond_ascii_matches_nothing() -> None:
    records = {"example.net TXT": [txt("v=spf1 exists:%{l}.ok.example -all")], "*.ok.example A": ["127.0.0.2"]}
    assert (await checked(records, Client("192.0.2.1", "h", "é@example.net"))).result is Result.FAIL


async def test_silent_name_servers_are_waited_for_within_the_limit() -> None:
    began = time.monotonic()
    found = await checked({"example.net TXT": SILENT}, limits=Limits(seconds=0.3))
    assert (found.result, found.reason) == (Result.TEMPERROR, "there was no time to finish")
    assert time.monotonic() - began < 10


async def test_limits_can_be_set() -> None:
    records = {"example.net TXT": [txt("v=spf1 a:x.example a:y.example a:z.example +all")]}
    assert (await checked(records)).result is Result.PERMERROR
    assert (await checked(records, limits=Limits(void_lookups=3))).result is Result.PASS
    found = await checked(records, limits=Limits(lookups=2, void_lookups=3))
    assert (found.result, found.reason) == (Result.PERMERROR, "its record asks for too much")


async def test_names_of_the_client_that_lead_nowhere_are_not_the_fault_of_the_domain() -> None:
    records = {
        "1.2.0.192.in-addr.arpa PTR": [f"n{n}.example." for n in range(12)],
        "example.net TXT": [txt("v=spf1 ptr ?all")],
        "n11.example A": ["192.0.2.1"],
    }
    async with NameServer(records) as names:
        found = await check(Resolver([("127.0.0.1", names.port)]), CLIENT, receiver="")
    assert found.result is Result.NEUTRAL
    assert len(names.asked) == 12


async def test_names_that_the_client_keeps_back_leave_the_domain_its_say() -> None:
    records: Records = {
        "1.2.0.192.in-addr.arpa PTR": ["slow.example."],
        "slow.example A": SILENT,
        "example.net TXT": [txt("v=spf1 ptr -all")],
    }
    assert (await checked(records, limits=Limits(seconds=1.0))).result is Result.FAIL


@pytest.mark.parametrize(
    "explanation", ["%{s}" * 120, "x" * 501, "é", "two\\r\\nlines"], ids=["grows", "long", "not ASCII", "two lines"]
)
async def test_an_explanation_is_one_short_line_of_ascii(explanation: str) -> None:
    text = explanation.encode().replace(b"\\r\\n", b"\r\n")
    records = {"example.net TXT": [txt("v=spf1 -all exp=why.example")], "why.example TXT": [txt(text)]}
    found = await checked(records)
    assert (found.result, found.explanation) == (Result.FAIL, "")


async def test_a_record_made_to_cost_costs_little() -> None:
    records = {"example.net TXT": [txt("v=spf1 " + "a:" + "%{s}" * 9_000 + ".x " + "ip4:192.0.2.7 " * 1_500 + "-all")]}
    began = time.process_time()
    assert (await checked(records)).result is Result.FAIL
    assert time.process_time() - began < 10


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=126), max_size=200))
def test_any_text_is_a_record_or_none(text: str) -> None:
    try:
        record = parse_record(text)
    except RecordError:
        return
    values = dict.fromkeys("slodipvhcrt", "a.b-c")
    for one in record.directives:
        assert "%{" not in expand(one.target, values)


@pytest.mark.parametrize("name", ["a", "mx", "include", "exists", "ptr", "ip4", "ip6", "all", "redirect", "exp"])
@settings(deadline=None)
@given(rest=st.text(st.sampled_from(":/=%{}.-_0123456789adilsr+,"), max_size=30))
def test_no_mechanism_breaks_the_parser(name: str, rest: str) -> None:
    with contextlib.suppress(RecordError):
        parse_record(f" {name}{rest}")
