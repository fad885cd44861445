"""MTA-STS (RFC 8461): policies read, fetched, kept and changed; and no mail to servers that fail them."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.client.answers import SendingError
from smtp.client.mta_sts import LONGEST, PAUSE, REFRESH, Mode, Policy, parse_policy, record_id
from smtp.tls_demand import TlsDemand
from tests.smtp_client.conftest import DAY, DOMAIN, ENFORCE, HERE, HOST, POLICY_HOST, Site, published
from tests.support.nameserver import BROKEN
from tests.support.sink import EXTENSIONS

PROMISING = (*EXTENSIONS, "REQUIRETLS")
TESTING = ENFORCE.replace(b"enforce", b"testing")
NONE = b"version: STSv1\nmode: none\nmax_age: 86400\n"


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([b"v=STSv1; id=20260101;"], "20260101"),
        ([b"v=STSv1;id=a"], "a"),
        ([b"v=STSv1; x-y.z=1; id=a ; "], "a"),
        ([b"v=STSv1; id=a; id=b;"], "a"),
        ([b"v=spf1 -all", b"v=STSv1; id=a;"], "a"),
        ([b"v=STSv1; id=a;", b"v=STSv1; id=a;"], None),
        ([b"v=STSv1; id=a;; "], None),
        ([b"v=STSv1;"], None),
        ([b"v=STSv1; id=a-b;"], None),
        ([b"v=STSv1; id=" + b"a" * 33], None),
        ([b"V=STSv1; id=a;"], None),
        ([b"id=a; v=STSv1;"], None),
        ([], None),
    ],
)
def test_the_record_gives_an_id(texts: list[bytes], found: str | None) -> None:
    assert record_id(texts) == found


@given(st.lists(st.binary(max_size=80).map(lambda rest: b"v=STSv1;" + rest), max_size=3))
def test_any_record_is_read(texts: list[bytes]) -> None:
    found = record_id(texts)
    assert found is None or re.fullmatch("[A-Za-z0-9]{1,32}", found)


def test_a_policy_is_read() -> None:
    body = b"version: STSv1\nmode: enforce\nmode: none\nmx: MX.example.net.\nmx: *.example.org\nx: y z\n"
    body += b"max_age: 9999999999"
    assert parse_policy(body) == Policy(Mode.ENFORCE, ("mx.example.net", "*.example.org"), LONGEST)
    assert parse_policy(NONE).mode is Mode.NONE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"<html></html>",
        ENFORCE.replace(b"STSv1", b"STSv2"),
        ENFORCE.replace(b"enforce", b"perhaps"),
        ENFORCE.replace(b"604800", b"-1"),
        ENFORCE.replace(b"mx: mx.example.net\r\n", b""),
        ENFORCE.replace(b"mx.example.net", b"*"),
        ENFORCE.replace(b"mx.example.net", b"mx.*.net"),
        ENFORCE.replace(b"mx: mx.example.net\r\n", b"mx: a.example\r\n" * 1_001),
    ],
)
def test_what_is_no_policy_is_none(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_policy(body)


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    for text in (body, ENFORCE + body):
        with contextlib.suppress(ValueError):
            assert parse_policy(text).max_age <= LONGEST


@pytest.mark.parametrize(
    ("pattern", "host", "allowed"),
    [
        ("mx.example.net", "MX.example.net.", True),
        ("*.example.net", "mx.example.net", True),
        ("*.example.net", "a.mx.example.net", False),
        ("*.example.net", "example.net", False),
        ("mx.example.net", "mx.example.net.evil.example", False),
    ],
)
def test_patterns_match_one_label(pattern: str, host: str, *, allowed: bool) -> None:
    assert Policy(Mode.ENFORCE, (pattern,), 1).allows(host) is allowed


async def test_a_server_with_a_good_certificate_gets_mail_and_the_policy_is_kept(site: Site) -> None:
    sink = await site.sink(site.certificates.context(HOST))
    for _ in range(3):
        await site.connect(sink)
    assert site.policies.asked == [POLICY_HOST]
    assert site.seen == [("sts", None)] * 3
    assert sink.lines.count("STARTTLS") == 3


@pytest.mark.parametrize(
    ("certificate", "failure", "status"),
    [
        (("other.example.net", False), "certificate-host-mismatch", "4.7.5"),
        ((HOST, True), "certificate-expired", "4.7.5"),
        (None, "starttls-not-supported", "4.7.4"),
    ],
    ids=["wrong name", "expired", "STARTTLS stripped"],
)
async def test_a_server_without_one_gets_nothing_unless_the_policy_is_on_trial(
    site: Site, certificate: tuple[str, bool] | None, failure: str, status: str
) -> None:
    tls = None if certificate is None else site.certificates.context(certificate[0], expired=certificate[1])
    sink = await site.sink(tls)
    with pytest.raises(SendingError, match=re.escape(f"451 {status}")):
        await site.connect(sink)
    assert not [line for line in sink.lines if line.startswith("MAIL")]
    site.policies.body = TESTING
    site.names.records = published("two")
    await site.connect(sink)
    assert site.seen == [("sts", failure)] * 2
    site.policies.body = NONE
    site.names.records = published("three")
    await site.connect(sink)
    assert site.seen[2][0] == "no-policy-found"
    await site.connect(sink, sts=False)


async def test_an_authority_that_nobody_knows_proves_nothing(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = type(site.certificates)(tmp_path_factory.mktemp("other"))
    sink = await site.sink(other.context(HOST))
    with pytest.raises(SendingError, match=r"451 4\.7\.5"):
        await site.connect(sink)
    assert site.seen == [("sts", "certificate-not-trusted")]


async def test_a_server_that_the_policy_does_not_name_is_not_talked_to(site: Site) -> None:
    site.policies.body = ENFORCE.replace(b"mx.example.net", b"*.other.example.net")
    sink = await site.sink(site.certificates.context(HOST))
    with pytest.raises(SendingError, match=r"450 4\.7\.5 .*no server that the MTA-STS policy"):
        await site.connect(sink)
    assert sink.connections == 0
    assert site.seen == [("sts", "validation-failure")]


async def test_the_next_server_is_tried_when_the_first_fails(site: Site) -> None:
    records = {f"{DOMAIN} MX": ["5 bad.example.net.", f"10 {HOST}."], "bad.example.net A": HERE}
    site.names.records = published() | records
    sink = await site.sink(site.certificates.context(HOST))
    await site.connect(sink)
    assert site.seen == [("sts", "validation-failure"), ("sts", None)]


async def test_who_publishes_nothing_gets_mail_as_before(site: Site) -> None:
    site.names.records = {f"{DOMAIN} A": HERE}
    sink = await site.sink(None)
    await site.connect(sink)
    assert site.policies.asked == []
    assert site.seen == [("no-policy-found", "starttls-not-supported")]


@pytest.mark.parametrize(
    "fault", ["404", "302", "html", "too large", "no policy", "wrong name", "expired", "no host", "silent"]
)
async def test_a_policy_that_cannot_be_had_is_none_and_is_not_asked_for_at_once(site: Site, fault: str) -> None:
    host, failure = site.policies, "sts-policy-fetch-error"
    match fault:
        case "404" | "302":
            host.status = int(fault)
        case "html":
            host.media_type, failure = "text/html", "sts-policy-invalid"
        case "too large":
            host.body, failure = ENFORCE + b"x: y\r\n" * 20_000, "sts-policy-invalid"
        case "no policy":
            host.body, failure = b"version: STSv1\r\n", "sts-policy-invalid"
        case "no host":
            site.names.records = {key: value for key, value in published().items() if key != f"{POLICY_HOST} A"}
        case "silent":
            host.silent = True
        case _:
            name = "other.example.net" if fault == "wrong name" else POLICY_HOST
            tls = site.certificates.context(name, expired=fault == "expired")
            site.policies = await site.stack.enter_async_context(type(host)(tls, ENFORCE))
            failure = "sts-webpki-invalid"
    sink = await site.sink(None)
    await site.connect(sink)
    assert site.seen == [("sts", failure), ("no-policy-found", "starttls-not-supported")]
    asked = len(site.policies.asked)
    site.now += PAUSE - 1
    await site.connect(sink)
    assert len(site.policies.asked) == asked
    assert len(site.seen) == 3
    if fault == "silent":
        return
    site.now += 1
    await site.connect(sink)
    assert site.seen[3] == ("sts", failure)


async def test_a_policy_that_is_kept_holds_when_it_is_suppressed(site: Site) -> None:
    good, bare = await site.sink(site.certificates.context(HOST)), await site.sink(None)
    await site.connect(good)
    for records in (published() | {f"_mta-sts.{DOMAIN} TXT": []}, published() | {f"_mta-sts.{DOMAIN} TXT": BROKEN}):
        site.names.records = records
        with pytest.raises(SendingError, match=r"451 4\.7\.4"):
            await site.connect(bare)
    site.names.records = published("two")
    site.policies.status = 500
    with pytest.raises(SendingError, match=r"451 4\.7\.4"):
        await site.connect(bare)
    assert [seen for seen in site.seen if seen[1] == "sts-policy-fetch-error"] == [
        ("sts", "sts-policy-fetch-error")
    ] * 3
    site.now += 7 * DAY
    await site.connect(bare)


async def test_a_change_is_seen_by_its_id_and_all_is_fetched_again_after_a_day(site: Site) -> None:
    sink = await site.sink(site.certificates.context(HOST))
    await site.connect(sink)
    site.policies.body = NONE
    await site.connect(sink)
    assert site.seen[-1][0] == "sts"
    site.names.records = published("two")
    await site.connect(sink)
    assert site.seen[-1][0] == "no-policy-found"
    site.policies.body = ENFORCE
    site.now += REFRESH - 1
    await site.connect(sink)
    assert site.seen[-1][0] == "no-policy-found"
    site.now += 1
    await site.connect(sink)
    assert site.seen[-1][0] == "sts"
    assert len(site.policies.asked) == 3


async def test_who_requires_tls_needs_somebody_who_vouches_for_the_server(site: Site) -> None:
    sink = await site.sink(site.certificates.context(HOST), PROMISING)
    required = TlsDemand.REQUIRED
    assert required in await site.connect(sink, demand=required)
    with pytest.raises(SendingError, match=r"550 5\.7\.10 Nothing vouches"):
        await site.connect(sink, demand=required, sts=False)
    site.memory.kept.clear()
    site.policies.status = 500
    with pytest.raises(SendingError, match=r"450 4\.7\.10 Nothing vouches"):
        await site.connect(sink, demand=required)
    site.names.records = {f"{DOMAIN} A": HERE}
    with pytest.raises(SendingError, match=r"550 5\.7\.10 .*certificate verify failed"):
        await site.connect(sink, demand=required)


async def test_on_trial_counts_in_full_for_who_requires_tls(site: Site) -> None:
    site.policies.body = TESTING
    sink = await site.sink(site.certificates.context("other.example.net"), PROMISING)
    with pytest.raises(SendingError, match=r"550 5\.7\.10"):
        await site.connect(sink, demand=TlsDemand.REQUIRED)
    good = await site.sink(site.certificates.context(HOST))
    with pytest.raises(SendingError, match=r"550 5\.7\.30"):
        await site.connect(good, demand=TlsDemand.REQUIRED)


async def test_who_says_that_tls_is_not_required_is_not_held_up(site: Site) -> None:
    sink = await site.sink(None)
    with pytest.raises(SendingError):
        await site.connect(sink)
    assert await site.connect(sink, demand=TlsDemand.OPTIONAL) == {TlsDemand.OPTIONAL}
    assert len(site.sessions) == 1
