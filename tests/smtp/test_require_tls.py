"""REQUIRETLS (RFC 8689) as servers take it, and the field of the header that says the contrary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smtp.handler import SmtpError
from smtp.header import Header, read_fields
from smtp.syntax import parse_mail
from smtp.tls_demand import TlsDemand, demanded
from tests.smtp.conftest import USER, Start
from tests.smtp.test_mx import StartMx, start_mx

__all__ = ["start_mx"]
REQUIRED, OPTIONAL, POLICY = TlsDemand.REQUIRED, TlsDemand.OPTIONAL, TlsDemand.POLICY


async def test_submission_offers_it_under_tls_and_keeps_it(start: Start) -> None:
    server = await start()
    wire = await server.connect(starttls=True)
    await wire.reply()
    assert "REQUIRETLS" not in await wire.ask("EHLO pc")
    wire = await server.connect()
    await wire.sign_in()
    await wire.begin(mail=f"MAIL FROM:<{USER}> requiretls")
    assert (await wire.data(b"From: <prof@ecole.example>\r\n\r\n.\r\n")).startswith("250")
    await wire.begin()
    assert (await wire.data(b"From: <prof@ecole.example>\r\n\r\n.\r\n")).startswith("250")
    assert "REQUIRETLS" in await wire.ask("EHLO pc")
    assert [envelope.require_tls for envelope, _ in server.school.delivered] == [True, False]


async def test_an_exchanger_takes_it_under_tls_alone(start_mx: StartMx) -> None:
    server = await start_mx()
    wire = await server.greeted()
    assert "REQUIRETLS" not in await wire.ask("EHLO relay.elsewhere.example")
    assert (await wire.ask("MAIL FROM:<a@x.example> REQUIRETLS")).startswith("555 5.5.4")
    assert (await wire.ask("STARTTLS")).startswith("220")
    wire = await server.secured(wire)
    assert "REQUIRETLS" in await wire.ask("EHLO relay.elsewhere.example")
    await wire.begin(mail="MAIL FROM:<a@x.example> REQUIRETLS")
    assert (await wire.data(b"From: <a@x.example>\r\n\r\n.\r\n")).startswith("250")
    assert server.box.delivered[0][0].require_tls


def test_it_takes_no_value() -> None:
    assert parse_mail("FROM:<a@b.example> REQUIRETLS").require_tls
    for text in ("FROM:<a@b.example> REQUIRETLS=yes", "FROM:<a@b.example> REQUIRETLS REQUIRETLS"):
        with pytest.raises(SmtpError, match="501"):
            parse_mail(text)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"", POLICY),
        (b"TLS-Required: No\r\n", OPTIONAL),
        (b"tls-required:no\r\n", OPTIONAL),
        (b"TLS-Required:\r\n No\r\n", OPTIONAL),
        (b"TLS-Required: Yes\r\n", POLICY),
        (b"TLS-Required: No\r\nTLS-Required: No\r\n", POLICY),
        (b"Subject: x\r\n\r\nTLS-Required: No\r\n", POLICY),
    ],
)
def test_the_field_counts_unless_the_parameter_does(header: bytes, found: TlsDemand) -> None:
    assert demanded(Header(read_fields(header)), require_tls=False) is found
    assert demanded(Header(read_fields(header)), require_tls=True) is REQUIRED


@given(st.binary(max_size=200))
def test_any_header_is_read(block: bytes) -> None:
    assert demanded(Header(read_fields(b"TLS-Required:" + block)), require_tls=False) in TlsDemand
