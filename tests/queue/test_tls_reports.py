"""Reports on TLS (RFC 8460): sessions counted, and one report of each day to each domain that wants one."""

from __future__ import annotations

import asyncio
import email
import email.policy
import gzip
import json
import ssl
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select

from certs import ensure_demo
from certs.dkim import Kind
from mailgate.config import Queue, Settings
from mailgate.database import Statement, Tx
from mailgate.queue.outbound import Outbound
from mailgate.queue.schema import tls_report, tls_session
from mailgate.queue.tls_counts import KEPT_DAYS, TlsCounts, counted_of
from mailgate.queue.tls_reporting import SPREAD, TlsReporting
from mailgate.signing import keys
from mailgate.signing.schema import dkim_key
from mailgate.signing.signer import Signer
from smtp.client.https import Https
from smtp.client.sessions import Judged, PolicyType, TlsSession
from smtp.client.tls import TlsFailure, trusting
from smtp.client.tls_report import DAY, Destinations, Submitter, destinations
from smtp.resolver import Resolver
from tests.queue.conftest import SCHEDULE, SETTINGS, Desk
from tests.queue.family import batch
from tests.support.nameserver import BROKEN, NameServer
from tests.support.policy_host import PolicyServer
from tests.support.sink import Sink

DOMAIN = SETTINGS.directory.domain
STS = Judged(
    PolicyType.STS, ("version: STSv1", "mode: enforce", "mx: *.example.net", "max_age: 86400"), ("*.example.net",)
)
GOOD = TlsSession("Example.NET", STS, "mx.example.net", "127.0.0.1")
BAD = TlsSession("example.net", STS, "mx.example.net", "127.0.0.1", TlsFailure.EXPIRED, "certificate has expired")
NONE = TlsSession("example.net", Judged())
_EMPTY = [Statement(delete(one)) for one in (tls_session, tls_report)]
_ROWS = Statement(select(tls_session.c.domain, tls_session.c.result, tls_session.c.number).order_by("result", "number"))


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([b"v=TLSRPTv1; rua=mailto:a@example.net"], Destinations(("a@example.net",))),
        ([b"v=TLSRPTv1;rua=mailto:a%2Bb@example.net?subject=x,https://example.net/t?a=b;"],
         Destinations(("a+b@example.net",), ("https://example.net/t?a=b",))),
        ([b"v=TLSRPTv1; x=y; rua=https://a.example/, mailto:b@c.example"],
         Destinations(("b@c.example",), ("https://a.example/",))),
        ([b"v=spf1", b"v=TLSRPTv1; rua=mailto:a@example.net"], Destinations(("a@example.net",))),
        ([b"v=TLSRPTv1; rua=mailto:a@example.net"] * 2, Destinations()),
        ([b"v=TLSRPTv2; rua=mailto:a@example.net"], Destinations()),
        ([b"v=TLSRPTv1; rua=ftp://a.example/,http://a.example/,https:///x,https://u@a.example/"], Destinations()),
        ([b"v=TLSRPTv1; rua=mailto:a@b.example%0d%0aBcc:c@d.example,mailto:,mailto:a"], Destinations()),
        ([], Destinations()),
    ],
)  # fmt: skip
def test_where_reports_are_wanted(texts: list[bytes], found: Destinations) -> None:
    assert destinations(texts) == found


@given(st.binary(max_size=120))
def test_any_record_is_read(text: bytes) -> None:
    found = destinations([b"v=TLSRPTv1;" + text, b"x"])
    assert all(one.isprintable() and "\n" not in one for one in (*found.mail, *found.https))


async def _emptied(tx: Tx) -> None:
    for statement in _EMPTY:
        await tx.run(statement)


@pytest.fixture
async def counts(desk: Desk) -> TlsCounts:
    await desk.database.write(_emptied)
    return TlsCounts(desk.database, lambda: desk.now)


async def rows(desk: Desk) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await desk.database.read(lambda tx: tx.all(_ROWS))]


async def test_sessions_are_counted_by_all_processes_together(desk: Desk, counts: TlsCounts) -> None:
    other = TlsCounts(desk.database, lambda: desk.now)
    for one, times in ((GOOD, 3), (BAD, 2), (NONE, 1)):
        for _ in range(times):
            counts.observe(one)
            other.observe(one)
    await asyncio.gather(counts.flush(), other.flush())
    await counts.flush()
    expired = TlsFailure.EXPIRED.value
    assert await rows(desk) == [("example.net", "", 2), ("example.net", "", 6), ("example.net", expired, 4)]
    found = await desk.database.read(partial(counted_of, day=int(desk.now) // DAY, domain="example.net"))
    assert {(one.judged, one.result, one.number) for one in found} == {
        (STS, "", 6), (STS, expired, 4), (NONE.judged, "", 2),
    }  # fmt: skip


async def test_what_the_database_does_not_take_is_kept(desk: Desk, counts: TlsCounts) -> None:
    counts.observe(GOOD)
    database, counts._database = counts._database, None  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        await counts.flush()
    counts._database = database
    await counts.flush()
    assert [row[-1] for row in await rows(desk)] == [1]


def _key(connection: Connection) -> None:
    keys.make(connection, DOMAIN, [Kind.ED25519])
    keys.rotate(connection, DOMAIN, [], force=True)


def _no_key(connection: Connection) -> None:
    connection.execute(delete(dkim_key))


@pytest.fixture
async def key(desk: Desk, queue_url: str) -> AsyncIterator[None]:
    """The domain that reports can sign."""
    await batch(queue_url, _key)
    yield
    await batch(queue_url, _no_key)


def reporting(desk: Desk, names: NameServer, ca: Path | None = None, port: int = 443) -> TlsReporting:
    resolver = Resolver([("127.0.0.1", names.port)], timeout=1.0)
    signer = Signer(desk.database, SETTINGS.directory.holds, "gate.example.org", lambda: desk.now)
    submitter = Submitter("An academy", f"postmaster@{DOMAIN}")
    https = Https(resolver, trusting(ca), timeout=5.0)
    return TlsReporting(desk.database, desk.store, resolver, https, signer, submitter, SCHEDULE, port, lambda: desk.now)


def wanting(*uris: str) -> NameServer:
    return NameServer(
        {"_smtp._tls.example.net TXT": [f'"v=TLSRPTv1; rua={",".join(uris)}"'], "tls.example.net A": ["127.0.0.1"]}
    )


async def counted(desk: Desk, counts: TlsCounts) -> None:
    for one in (GOOD, GOOD, BAD):
        counts.observe(one)
    await counts.flush()
    desk.now = (desk.now // DAY + 1) * DAY + SPREAD


async def test_a_report_goes_by_mail_signed_and_once(desk: Desk, counts: TlsCounts, key: None) -> None:
    async with wanting("mailto:tls@example.net,mailto:two@example.net") as names, Sink() as sink:
        one, other = reporting(desk, names), reporting(desk, names)
        await counted(desk, counts)
        day = int(desk.now) // DAY - 1
        assert sorted(await asyncio.gather(one.look(), other.look())) == [0, 1]
        assert await one.look() == 0
        await desk.worker(desk.smarthost(sink.port))
        [taken] = await sink.wait(1)
    assert taken.mail.startswith(f"FROM:<postmaster@{DOMAIN}>")
    message = email.message_from_bytes(taken.data, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    assert message["TLS-Report-Domain"] == "example.net"
    assert message["TLS-Report-Submitter"] == DOMAIN
    assert message["TLS-Required"] == "No"
    assert message["Subject"].startswith(f"Report Domain: example.net Submitter: {DOMAIN} Report-ID: <")
    assert "tls-report-domain" in message["DKIM-Signature"]
    part = list(message.iter_parts())[1]
    assert part.get_content_type() == "application/tlsrpt+gzip"
    assert part.get_filename() == f"{DOMAIN}!example.net!{day * DAY}!{day * DAY + DAY - 1}.json.gz"
    found = json.loads(gzip.decompress(part.get_content()))
    assert found["contact-info"] == f"postmaster@{DOMAIN}"
    assert found["date-range"]["start-datetime"].endswith("T00:00:00Z")
    assert found["date-range"]["end-datetime"].endswith("T23:59:59Z")
    [policy] = found["policies"]
    assert policy == {
        "policy": {
            "policy-type": "sts", "policy-domain": "example.net", "policy-string": list(STS.lines),
            "mx-host": ["*.example.net"],
        },
        "summary": {"total-successful-session-count": 2, "total-failure-session-count": 1},
        "failure-details": [
            {
                "result-type": "certificate-expired", "sending-mta-ip": "127.0.0.1",
                "receiving-mx-hostname": "mx.example.net", "receiving-ip": "127.0.0.1",
                "failure-reason-code": "certificate has expired", "failed-session-count": 1,
            }
        ],
    }  # fmt: skip


async def test_a_report_goes_by_https_and_again_until_it_is_taken(
    desk: Desk, counts: TlsCounts, tmp_path: Path
) -> None:
    files = ensure_demo(tmp_path, ["tls.example.net"])
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files.certificate, files.key)
    async with (
        wanting("mailto:tls@example.net", "https://tls.example.net/v1/report?a=b") as names,
        PolicyServer(tls, b"", status=503) as host,
    ):
        await counted(desk, counts)
        found = reporting(desk, names, files.ca, host.port)
        assert await found.look() == 0
        host.status = 201
        assert await found.look() == 0
        desk.now += 3_601
        assert await found.look() == 1
        desk.now += 3_601
        assert await found.look() == 0
    assert len(host.posted) == 2
    target, media_type, body = host.posted[-1]
    assert (target, media_type) == ("/v1/report?a=b", "application/tlsrpt+gzip")
    assert json.loads(gzip.decompress(body))["policies"][0]["summary"]["total-failure-session-count"] == 1


@pytest.mark.parametrize("records", [{}, {"_smtp._tls.example.net TXT": BROKEN}], ids=["no record", "broken names"])
async def test_who_wants_none_gets_none(desk: Desk, counts: TlsCounts, records: dict[str, str], key: None) -> None:
    async with NameServer(records) as names:
        await counted(desk, counts)
        assert await reporting(desk, names).look() == 0
    assert await desk.rows("address") == []


async def test_without_a_signature_none_goes_by_mail(desk: Desk, counts: TlsCounts) -> None:
    async with wanting("mailto:tls@example.net") as names:
        await counted(desk, counts)
        await reporting(desk, names).look()
    assert await desk.rows("address") == []


async def test_a_day_is_reported_after_its_end_and_forgotten_in_time(desk: Desk, counts: TlsCounts, key: None) -> None:
    async with wanting("mailto:tls@example.net") as names:
        counts.observe(GOOD)
        await counts.flush()
        found = reporting(desk, names)
        assert await found.look() == 0
        desk.now = (desk.now // DAY + 1) * DAY
        assert await found.look() == 0  # its turn comes within four hours
        desk.now += SPREAD
        assert await found.look() == 1
        desk.now += KEPT_DAYS * DAY
        await found.maintain()
        assert await rows(desk) == []


@pytest.mark.parametrize("wanted", [True, False])
async def test_nothing_is_counted_unless_the_settings_say_so(desk: Desk, *, wanted: bool) -> None:
    settings = Settings(queue=Queue(route="direct", tls_reports=wanted))
    outbound = Outbound(desk.database, desk.store, settings)
    assert (outbound._counts is not None) is wanted
    await outbound.close(0)
