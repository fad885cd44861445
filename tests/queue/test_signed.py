"""What leaves with signatures: for its author's domain, over what is sent, and a seal on what came from outside."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection, delete, insert

from certs import dkim
from certs.dkim import Kind
from mailgate.queue.claim import claim
from mailgate.queue.schedule import Priority
from mailgate.signing.keyring import KNOWN, Keyring
from mailgate.signing.schema import dkim_key
from mailgate.signing.signer import author_domain
from smtp.authentication.arc import Status, Validator
from smtp.authentication.dkim import Result, Verified, Verifier
from smtp.header import read_fields
from tests.queue.conftest import MESSAGE, Desk
from tests.queue.family import batch
from tests.queue.test_copies import POSTED, allow, deliver, wish
from tests.smtp_authentication.zone import Zone, split
from tests.support.sink import Sink, Taken

HOME = "ent.example.org"
KEYS = {
    (HOME, "r1"): dkim.generate(Kind.RSA),
    (HOME, "e1"): dkim.generate(Kind.ED25519),
    ("clg.ent.example.org", "r2"): dkim.generate(Kind.RSA),
}
ZONE = Zone({f"{selector}._domainkey.{domain}": dkim.record(key) for (domain, selector), key in KEYS.items()})


def keep(connection: Connection, *selectors: str, signs_at: int = 1, retired_at: int = 0) -> None:
    for (domain, selector), key in KEYS.items():
        if selector in selectors:
            kind = Kind.RSA if selector[0] == "r" else Kind.ED25519
            connection.execute(
                insert(dkim_key).values(
                    domain=domain, selector=selector, kind=kind.value, private=dkim.to_octets(key), made_at=1,
                    seen_at=1, signs_at=signs_at, retired_at=retired_at,
                )
            )  # fmt: skip


@pytest.fixture
async def _no_keys(queue_url: str) -> AsyncIterator[None]:
    yield
    await batch(queue_url, lambda connection: connection.execute(delete(dkim_key)))


pytestmark = pytest.mark.usefixtures("_no_keys")


async def verify(taken: Taken) -> list[Verified]:
    header, body = split(taken.data)
    return await Verifier(ZONE).verify(read_fields(header), lambda: [body], int(time.time()))


async def sent(desk: Desk, content: bytes, number: int = 1, **changes: object) -> list[Taken]:
    async with Sink() as sink:
        await desk.worker(desk.smarthost(sink.port))
        await desk.put("a@example.net", content=content, **changes)
        return await sink.wait(number)


@pytest.mark.parametrize(
    "body", [b"Bonjour\r\n", b"", b"\xc3\xa9t\xc3\xa9  \t\r\n\r\n\r\n", b".dot\r\n", b"x" * 70 + b"\r\n"]
)
async def test_both_keys_sign(desk: Desk, queue_url: str, body: bytes) -> None:
    await batch(queue_url, lambda connection: keep(connection, "r1", "e1", "r2"))
    content = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body
    [taken] = await sent(desk, content)
    assert taken.data.endswith(content)
    assert b"Return-Path" not in taken.data
    assert f"SIZE={len(taken.data)}" in taken.mail
    found = await verify(taken)
    assert [(one.result, one.algorithm, one.domain) for one in found] == [
        (Result.PASS, "rsa-sha256", HOME),
        (Result.PASS, "ed25519-sha256", HOME),
    ]


async def test_a_large_message_is_signed_in_pieces(desk: Desk, queue_url: str) -> None:
    await batch(queue_url, lambda connection: keep(connection, "r1", "e1"))
    content = MESSAGE + b"un mot \t puis un autre\r\n" * 40_000
    [taken] = await sent(desk, content)
    assert taken.data.endswith(content)
    assert [one.result for one in await verify(taken)] == [Result.PASS] * 2


async def test_a_message_of_25_megabytes_is_never_in_memory(desk: Desk, queue_url: str) -> None:
    await batch(queue_url, lambda connection: keep(connection, "r1", "e1"))
    await desk.put("a@example.net", content=MESSAGE + b"un mot \t puis un autre\r\n" * 1_000_000)
    until = int(desk.now) + 100
    taken = await claim(
        desk.database, domain="example.net", lane="example.net", owner="me", now=int(desk.now), until=until
    )  # fmt: skip
    [claimed] = taken.claims
    forms, size = desk.forms(), 0
    tracemalloc.start()
    form = await forms.form(claimed)
    async for block in forms.content(claimed, form):
        size += len(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == form.mail.size > 24_000_000
    assert form.beginning.count(b"DKIM-Signature:") == 2
    assert peak < 6 * 2**20


@pytest.mark.parametrize(
    ("author", "selectors"),
    [
        (b"Alice <alice@clg.ent.example.org>", ["r2"]),
        (b"alice@CLG.ent.example.org", ["r2"]),
        (b"alice@6a.clg.ent.example.org", ["r2"]),
        (b"alice@lycee.ent.example.org", ["r1"]),
        (b"alice@ent.example.org, bob@ent.example.org", ["r1"]),
        (b"alice@ent.example.org, bob@clg.ent.example.org", []),
        (b"alice@example.net", []),
        (b"alice@xent.example.org", []),
    ],
)
async def test_the_key_is_of_the_authors_domain(
    desk: Desk, queue_url: str, author: bytes, selectors: list[str]
) -> None:
    await batch(queue_url, lambda connection: keep(connection, "r1", "r2"))
    [taken] = await sent(desk, b"From: " + author + b"\r\nSubject: x\r\n\r\ny\r\n")
    found = await verify(taken)
    assert [(one.result, one.selector) for one in found] == [(Result.PASS, one) for one in selectors]


async def test_reports_and_notices_are_signed_too(desk: Desk, queue_url: str) -> None:
    await batch(queue_url, lambda connection: keep(connection, "r1"))
    notice = b"From: postmaster@ent.example.org\r\nAuto-Submitted: auto-replied\r\n\r\nNon remis\r\n"
    [taken] = await sent(desk, notice, sender_id=None, mail_from="", priority=Priority.PERSONAL)
    assert [one.result for one in await verify(taken)] == [Result.PASS]


async def test_keys_that_wait_or_are_retired_do_not_sign(desk: Desk, queue_url: str) -> None:
    await batch(queue_url, lambda connection: keep(connection, "r1", signs_at=0))
    await batch(queue_url, lambda connection: keep(connection, "e1", retired_at=5))
    [taken] = await sent(desk, MESSAGE)
    assert taken.data == MESSAGE


async def test_a_process_learns_of_new_keys_within_a_minute(desk: Desk, queue_url: str) -> None:
    now = [0.0]
    keyring = Keyring(desk.database, lambda one: one.endswith(HOME), lambda: now[0])
    assert not await keyring.any()
    await batch(queue_url, lambda connection: keep(connection, "r1"))
    assert await keyring.keys(HOME) == ()
    now[0] += KNOWN
    assert [one.selector for one in await keyring.keys(HOME)] == ["r1"]
    await batch(queue_url, lambda connection: keep(connection, "e1"))
    assert [one.selector for one in await keyring.keys(HOME)] == ["r1"]
    now[0] += KNOWN
    assert [one.selector for one in await keyring.keys(HOME)] == ["r1", "e1"]


async def test_copies_outside_are_signed_each_with_its_own_header(family: Desk, queue_url: str) -> None:
    await batch(queue_url, allow("copy"), wish(1), wish(2), lambda connection: keep(connection, "r1", "e1"))
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        await deliver(family, 1, 2)
        for taken in await sink.wait(2):
            assert [one.result for one in await verify(taken)] == [Result.PASS] * 2
            assert b"ARC-" not in taken.data, "nothing came from outside"


RESULTS = b"Authentication-Results: gate.example.org;\r\n\tdkim=pass header.d=example.com; spf=pass; arc=none\r\n"


@pytest.mark.parametrize(
    ("results", "is_sealed"),
    [
        (RESULTS, True),
        (b"", False),
        (RESULTS.replace(b"gate", b"other"), False),
    ],
)
async def test_what_came_from_outside_is_sealed(
    family: Desk,
    queue_url: str,
    results: bytes,
    is_sealed: bool,  # noqa: FBT001
) -> None:
    await batch(queue_url, allow("copy"), wish(1), lambda connection: keep(connection, "r1", "e1"))
    posted = results + POSTED.replace(b'"Alice" <alice@ent.example.org>', b"Ami <ami@example.com>")
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        await deliver(family, 1, content=posted)
        [taken] = await sink.wait(1)
    header, body = split(taken.data)
    assert b"Reply-To: Ami <ami@example.com>" in header
    assert [one.result for one in await verify(taken)] == [Result.PASS] * 2
    chain = await Validator(ZONE).validate(read_fields(header), lambda: [body])
    if not is_sealed:
        assert chain.status is Status.NONE
        return
    assert (chain.status, chain.sealers) == (Status.PASS, ((HOME, "r1"),))
    [assessment] = chain.assessments
    assert assessment.split() == RESULTS.partition(b":")[2].split()


@pytest.mark.parametrize(
    ("arc", "status", "ends"), [(b"pass", Status.PASS, b"cv=pass"), (b"fail", Status.FAIL, b"cv=fail")]
)
async def test_a_chain_goes_on_or_is_ended(
    family: Desk, queue_url: str, arc: bytes, status: Status, ends: bytes
) -> None:
    await batch(queue_url, allow("copy"), wish(1), lambda connection: keep(connection, "r1", "r2"))
    posted = POSTED.replace(b'"Alice" <alice@ent.example.org>', b"Ami <ami@example.com>")
    async with Sink() as sink:
        await family.worker(family.smarthost(sink.port))
        await deliver(family, 1, content=RESULTS + posted)
        [first] = await sink.wait(1)
        # What was sealed comes back from another list, is found good or bad, and goes out again.
        back = first.data.replace(b"noreply@ent", b"liste@other").replace(b"X-Loop: bounces@ent.example.org\r\n", b"")
        again = RESULTS.replace(b"arc=none", b"arc=" + arc) + back
        await deliver(family, 1, content=again)
        second = (await sink.wait(2))[1]
    header, body = split(second.data)
    assert (await Validator(ZONE).validate(read_fields(header), lambda: [body])).status is status
    assert ends in header.partition(b"\r\nARC-Message-Signature")[0]


def test_authors() -> None:
    assert author_domain(b"From: a@x.org\r\nFrom: b@x.org\r\n") == ""
    assert author_domain(b"Subject: x\r\n") == ""
    assert author_domain(b"From: nobody\r\n") == ""
    assert author_domain("From: é@école.example\r\n".encode()) == "xn--cole-9oa.example"
