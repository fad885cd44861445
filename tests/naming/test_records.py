"""What is to be published, and how what is published compares: on a real name server."""

from __future__ import annotations

import dataclasses

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.zone
import pytest

from mailgate.naming.published import Seen, State, look
from mailgate.naming.records import Record, Topic, records
from mailgate.naming.site import Site, policy
from smtp.resolver import Resolver
from tests.support.nameserver import BROKEN, NameServer, Records, txt

HOST = "gate.example.org"
SCHOOL = "clg.example.org"
SITE = Site(
    hostname=HOST, imaps=993, submissions=465, submission=587, takes_mail=True, smarthost="",
    postmaster="postmaster@example.org", policy=policy(HOST, "enforce"), certificate="ab" * 32,
)  # fmt: skip
KEY = "v=DKIM1; k=rsa; p=" + "A" * 390
KEYS = [(f"s1._domainkey.{SCHOOL}", KEY)]


def wanted(site: Site = SITE) -> list[Record]:
    return list(records(SCHOOL, site, KEYS))


def published(changes: Records) -> Records:
    """Everything as it should be, but for some; an empty list takes a record away."""
    zone: dict[str, list[str] | str] = {f"{HOST} A": ["192.0.2.1"]}
    for one in wanted():
        zone[f"{one.name} {one.type}"] = [txt(one.value) if one.type == "TXT" else one.value]
    return {name: value for name, value in {**zone, **changes}.items() if value}


async def seen(changes: Records) -> dict[Topic, Seen]:
    """How each compares; of several of one topic the worst."""
    async with NameServer(published(changes)) as server:
        found = await look(Resolver([("127.0.0.1", server.port)], timeout=5), wanted())
    return {one.record.topic: one for one in sorted(found, key=lambda one: one.state is not State.OK)}


def test_every_topic_has_its_records() -> None:
    assert {one.topic for one in wanted()} == set(Topic)
    shown = [f"{one.name} {one.type} {one.value}" for one in wanted()]
    assert f"{SCHOOL} MX 10 {HOST}." in shown
    assert f"{SCHOOL} TXT v=spf1 mx -all" in shown
    assert f"_imaps._tcp.{SCHOOL} SRV 0 1 993 {HOST}." in shown
    assert f"_25._tcp.{HOST} TLSA 3 1 1 {'ab' * 32}" in shown


def test_it_is_a_zone_file() -> None:
    zone = "\n".join(["$ORIGIN .", "example.org 1 IN SOA a b 1 1 1 1 1", "example.org 1 IN NS a.example.org."])
    read = dns.zone.from_text(zone + "\n" + "\n".join(one.zone_line() for one in wanted()), origin="example.org")
    texts = read.get_rdataset(f"s1._domainkey.{SCHOOL}.", "TXT")
    assert texts is not None
    assert b"".join(texts[0].strings) == KEY.encode()


def test_what_does_not_run_is_not_published() -> None:
    quiet = dataclasses.replace(SITE, takes_mail=False, smarthost="relay.example.net", submission=0, certificate="")
    found = wanted(quiet)
    assert not {Topic.MX, Topic.MTA_STS, Topic.TLSRPT, Topic.TLSA} & {one.topic for one in found}
    assert "v=spf1 a:relay.example.net -all" in [one.value for one in found]
    assert f"_submission._tcp.{SCHOOL}" not in [one.name for one in found]


async def test_all_is_well() -> None:
    assert {one.state for one in (await seen({})).values()} == {State.OK}


@pytest.mark.parametrize(
    ("changes", "topic", "state"),
    [
        ({f"{SCHOOL} MX": []}, Topic.MX, State.MISSING),
        ({f"{SCHOOL} MX": ["5 other.example.net."]}, Topic.MX, State.DIFFERENT),
        ({f"{SCHOOL} MX": ["5 other.example.net.", f"50 {HOST.upper()}."]}, Topic.MX, State.OK),
        ({f"{SCHOOL} MX": BROKEN}, Topic.MX, State.UNKNOWN),
        ({f"{SCHOOL} TXT": [txt("google-site-verification=1")]}, Topic.SPF, State.MISSING),
        ({f"{SCHOOL} TXT": [txt("google=1"), txt("v=spf1 ip4:192.0.2.9 mx ~all")]}, Topic.SPF, State.OK),
        ({f"{SCHOOL} TXT": [txt("v=spf1 mx +all")]}, Topic.SPF, State.DIFFERENT),
        ({f"{SCHOOL} TXT": [txt("v=spf1")]}, Topic.SPF, State.DIFFERENT),
        ({f"{SCHOOL} TXT": [txt("v=spf1 mx -all"), txt("v=spf1 a -all")]}, Topic.SPF, State.DIFFERENT),
        ({f"s1._domainkey.{SCHOOL} TXT": [txt("p=" + "A" * 390)]}, Topic.DKIM, State.OK),
        ({f"s1._domainkey.{SCHOOL} TXT": [txt("v=DKIM1; p=")]}, Topic.DKIM, State.DIFFERENT),
        ({f"_dmarc.{SCHOOL} TXT": [txt("v=DMARC1; p=reject")]}, Topic.DMARC, State.OK),
        ({f"_dmarc.{SCHOOL} TXT": [txt("v=DMARC1; p=none")]}, Topic.DMARC, State.DIFFERENT),
        ({f"_mta-sts.{SCHOOL} TXT": [txt("v=STSv1; id=old")]}, Topic.MTA_STS, State.DIFFERENT),
        ({f"mta-sts.{SCHOOL} CNAME": [], f"mta-sts.{SCHOOL} A": ["192.0.2.1"]}, Topic.MTA_STS, State.OK),
        ({f"mta-sts.{SCHOOL} CNAME": [], f"mta-sts.{SCHOOL} A": ["192.0.2.7"]}, Topic.MTA_STS, State.DIFFERENT),
        ({f"mta-sts.{SCHOOL} CNAME": []}, Topic.MTA_STS, State.MISSING),
        ({f"_smtp._tls.{SCHOOL} TXT": [txt("v=TLSRPTv1; rua=mailto:else@where.example")]}, Topic.TLSRPT, State.OK),
        ({f"_imaps._tcp.{SCHOOL} SRV": [f"5 9 993 {HOST}."]}, Topic.SRV, State.OK),
        ({f"_imaps._tcp.{SCHOOL} SRV": [f"0 1 143 {HOST}."]}, Topic.SRV, State.DIFFERENT),
        ({f"_25._tcp.{HOST} TLSA": [f"3 1 1 {'cd' * 32}"]}, Topic.TLSA, State.DIFFERENT),
        ({f"_25._tcp.{HOST} TLSA": [f"3 1 1 {'cd' * 32}", f"3 1 1 {'ab' * 32}"]}, Topic.TLSA, State.OK),
        ({f"autoconfig.{SCHOOL} CNAME": []}, Topic.AUTOCONFIG, State.MISSING),
    ],
)
async def test_what_differs_is_seen(changes: Records, topic: Topic, state: State) -> None:
    found = await seen(changes)
    assert found[topic].state is state, found[topic]
    assert {one.state for name, one in found.items() if name is not topic} == {State.OK}
