"""TLS and sign-in towards other servers: what is asked for is had, or nothing is sent."""

from __future__ import annotations

import base64
import ssl

import pytest

from certs import ensure_demo
from smtp.client.answers import SendingError
from smtp.client.connection import Connection, Host, Mail, To
from smtp.client.opening import connect
from smtp.client.tls import Guard, Security
from tests.queue.conftest import PATIENT
from tests.support.sink import EXTENSIONS, Script, Sink


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server whose certificate holds for 127.0.0.1, and of a client that knows its authority."""
    files = ensure_demo(tmp_path_factory.mktemp("tls"), ["127.0.0.1"])
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.certificate, files.key)
    return server, ssl.create_default_context(cafile=files.ca)


Contexts = tuple[ssl.SSLContext, ssl.SSLContext]


async def send(
    sink: Sink, security: Security, context: ssl.SSLContext | None = None, credentials: tuple[str, str] | None = None
) -> int:
    """The reply to one message."""
    host = Host("127.0.0.1", "127.0.0.1", sink.port)
    connection: Connection = await connect(
        host, Guard(security, context), hello="gate.example.org", timeouts=PATIENT, credentials=credentials
    )

    async def content() -> object:
        yield b"Subject: x\r\n\r\n"

    [answer] = await connection.send(Mail("a@example.org", 14), [To("b@example.net")], content(), lambda: True)  # type: ignore[arg-type]
    await connection.close()
    return answer.code


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.OPPORTUNISTIC, Security.TLS])
async def test_under_tls(contexts: Contexts, security: Security) -> None:
    async with Sink(tls=contexts[0], implicit=security is Security.TLS) as sink:
        assert await send(sink, security, contexts[1]) == 250
    assert sink.taken[0].tls


async def test_a_certificate_that_does_not_hold_stops_what_asks_for_one(contexts: Contexts) -> None:
    async with Sink(tls=contexts[0]) as sink:
        with pytest.raises(SendingError, match=r"451 4\.7\.5 .*certificate verify failed"):
            await send(sink, Security.STARTTLS)
        assert sink.taken == []
        assert await send(sink, Security.OPPORTUNISTIC) == 250
    assert sink.taken[0].tls


@pytest.mark.parametrize("script", [None, lambda verb, _: "454 4.7.0 no" if verb == "STARTTLS" else None])
async def test_opportunistic_tls_that_fails_is_done_without(contexts: Contexts, script: Script | None) -> None:
    broken = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # without a certificate: no handshake succeeds
    async with Sink(script or (lambda *_: None), tls=broken) as sink:
        assert await send(sink, Security.OPPORTUNISTIC) == 250
        assert not sink.taken[0].tls
        with pytest.raises(SendingError):
            await send(sink, Security.STARTTLS, contexts[1])


async def test_starttls_that_is_not_offered_stops_what_asks_for_it(contexts: Contexts) -> None:
    async with Sink() as sink:
        with pytest.raises(SendingError, match=r"4\.7\.4"):
            await send(sink, Security.STARTTLS, contexts[1])
    assert sink.taken == []


async def test_signing_in_at_the_smarthost(contexts: Contexts) -> None:
    wanted = base64.b64encode(b"\0school\0secret").decode()
    answers = {f"PLAIN {wanted}": "235 2.7.0 welcome"}

    def script(verb: str, rest: str) -> str | None:
        return answers.get(rest, "535 5.7.8 wrong") if verb == "AUTH" else None

    async with Sink(script, (*EXTENSIONS, "AUTH PLAIN"), contexts[0]) as sink:
        assert await send(sink, Security.STARTTLS, contexts[1], ("school", "secret")) == 250
        with pytest.raises(SendingError) as refused:
            await send(sink, Security.STARTTLS, contexts[1], ("school", "wrong"))
        assert refused.value.answer.temporary


async def test_without_what_a_message_needs_it_is_not_handed_over() -> None:
    host_of = {"size": Mail("a@b.example", 100), "eightbit": Mail("", 1, eightbit=True), "utf8": Mail("", 1, utf8=True)}
    async with Sink(extensions=("SIZE 99",)) as sink:
        host = Host("127.0.0.1", "127.0.0.1", sink.port)
        connection = await connect(host, Guard(Security.NONE), hello="gate.example.org", timeouts=PATIENT)

        async def content() -> object:
            yield b""

        found = {
            name: (await connection.send(mail, [To("b@c.example")], content(), lambda: True))[0].status  # type: ignore[arg-type]
            for name, mail in host_of.items()
        }
        await connection.close()
    assert found == {"size": "5.3.4", "eightbit": "5.6.3", "utf8": "5.6.7"}
    assert [line.partition(" ")[0] for line in sink.lines] == ["EHLO", "QUIT"]
