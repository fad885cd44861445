"""What a writer asks of TLS (RFC 8689) on the way out: had, or the message comes back, and the field that lifts it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

import pytest

from certs import ensure_demo
from smtp.client.direct import DirectToMx
from smtp.client.routes import Smarthost
from smtp.client.tls import Security
from smtp.resolver import Resolver
from smtp.tls_demand import TlsDemand
from tests.queue.conftest import PATIENT, Desk, addresses
from tests.support.nameserver import NameServer
from tests.support.sink import EXTENSIONS, Sink

PROMISING = (*EXTENSIONS, "REQUIRETLS")
REQUIRED = TlsDemand.REQUIRED


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server, and of a client that knows its authority."""
    files = ensure_demo(tmp_path_factory.mktemp("tls"), ["127.0.0.1"])
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.key)
    return server, ssl.create_default_context(cafile=files.ca)


Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


def route(sink: Sink, security: Security, context: ssl.SSLContext | None) -> Smarthost:
    return Smarthost("127.0.0.1", sink.port, "gate.example.org", security, context=context, timeouts=PATIENT)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS, Security.OPPORTUNISTIC, Security.NONE])
async def test_a_server_that_promises_it_gets_it_with_the_word(
    desk: Desk, contexts: Contexts, security: Security
) -> None:
    async with Sink(extensions=PROMISING, tls=contexts[0], implicit=security is Security.TLS) as sink:
        await desk.worker(route(sink, security, contexts[1]))
        await desk.put("parent@example.net", tls=REQUIRED, ret="FULL")
        [taken] = await sink.wait(1)
        assert taken.tls
        assert taken.mail.split()[-2:] == ["REQUIRETLS", "RET=HDRS"]


@pytest.mark.parametrize(
    ("extensions", "trusted", "tls", "status"),
    [
        (EXTENSIONS, True, True, "5.7.30"),
        (PROMISING, False, True, "5.7.10"),
        (PROMISING, True, False, "5.7.10"),
    ],
    ids=["no promise", "a certificate of nobody", "no STARTTLS"],
)
async def test_otherwise_it_comes_back_without_its_text(
    desk: Desk, contexts: Contexts, extensions: Sequence[str], *, trusted: bool, tls: bool, status: str
) -> None:
    async with Sink(extensions=tuple(extensions), tls=contexts[0] if tls else None) as sink:
        await desk.worker(route(sink, Security.OPPORTUNISTIC, contexts[1] if trusted else None))
        await desk.put("parent@example.net", tls=REQUIRED, ret="FULL")
        await desk.until("state", "status", is_=[("failed", status)])
        await desk.put("other@example.net")
        [taken] = await sink.wait(1)
    assert "REQUIRETLS" not in taken.mail
    [report] = await desk.inbox()
    assert b"text/rfc822-headers" in report
    assert b"Bonjour" not in report


async def test_a_report_goes_all_the_same(desk: Desk, contexts: Contexts) -> None:
    async with Sink(tls=contexts[0]) as sink:
        await desk.worker(route(sink, Security.OPPORTUNISTIC, None))
        await desk.put("parent@example.net", tls=REQUIRED, mail_from="")
        [taken] = await sink.wait(1)
    assert "REQUIRETLS" not in taken.mail


async def test_a_server_that_is_away_for_now_gets_it_later(desk: Desk, contexts: Contexts) -> None:
    def script(verb: str, _: str) -> str | None:
        return "454 4.7.0 not now" if verb == "STARTTLS" else None

    async with Sink(script, PROMISING, contexts[0]) as sink:
        await desk.worker(route(sink, Security.STARTTLS, contexts[1]))
        await desk.put("parent@example.net", tls=REQUIRED)
        await desk.until("state", "status", "attempts", is_=[("waiting", "4.7.4", 1)])


async def test_a_domain_whose_tls_fails_is_told_all_the_same(desk: Desk) -> None:
    async with Sink() as sink, NameServer({}, authenticated=True) as names:
        names.records = {
            "example.net MX": ["10 mx.example.net."], "mx.example.net A": ["127.0.0.1"],
            f"_{sink.port}._tcp.mx.example.net TLSA": [f"1 1 1 {'00' * 32}"],
        }  # fmt: skip
        resolver = Resolver([("127.0.0.1", names.port)], timeout=1.0)
        await desk.worker(DirectToMx(resolver, "gate.example.org", sink.port, PATIENT, dane=True))
        await desk.put("parent@example.net")
        await desk.until("state", "status", "attempts", is_=[("waiting", "4.7.4", 1)])
        await desk.put("other@example.net")
        await desk.put("postmaster@example.net", tls=TlsDemand.OPTIONAL)
        [taken] = await sink.wait(1)
        assert addresses(taken.rcpt) == ["postmaster@example.net"]
        assert not taken.tls
        async with asyncio.timeout(20):
            while ("sent", 1) not in await desk.rows("state", "attempts"):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.02)
        assert sorted(await desk.rows("address", "attempts"))[0] == ("other@example.net", 0)


async def test_one_connection_takes_those_that_require_it_and_others(desk: Desk, contexts: Contexts) -> None:
    for address, demand in (("one", REQUIRED), ("two", TlsDemand.POLICY), ("three", TlsDemand.OPTIONAL)):
        await desk.put(f"{address}@example.net", tls=demand)
        desk.now += 1  # what is due in the same second goes in any order
    async with Sink(extensions=PROMISING, tls=contexts[0]) as sink:
        await desk.worker(route(sink, Security.STARTTLS, contexts[1]), per_lane=1)
        taken = await sink.wait(3)
        assert sink.connections == 1
    found = {address: "REQUIRETLS" in one.mail for one in taken for address in addresses(one.rcpt)}
    assert found == {"one@example.net": True, "two@example.net": False, "three@example.net": False}
