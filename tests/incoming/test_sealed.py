"""What comes from outside and goes on outside says what was found of it when it came, sealed (RFC 8617)."""

from __future__ import annotations

import time
from pathlib import Path

from sqlalchemy import Connection, insert

from certs import dkim
from certs.dkim import Kind
from mailgate import config
from mailgate.signing.schema import dkim_key
from smtp.authentication.arc import Status, Validator
from smtp.authentication.dkim import Result, Verifier
from smtp.header import read_fields
from tests.incoming.conftest import running
from tests.incoming.test_authentication import CLIENT, KEY, ZONE, send, signed
from tests.incoming.test_ending import PARENT
from tests.incoming.test_one_click import DOMAIN, emptied, queue, wants_a_copy
from tests.smtp_authentication.zone import Zone, public, split
from tests.support.nameserver import NameServer
from tests.support.sink import Sink

OURS = dkim.generate(Kind.RSA)
AUTHOR = "p@lycee.ac-paris.fr"
KEYS = Zone(
    {
        f"r1._domainkey.{DOMAIN}": dkim.record(OURS),
        f"{KEY.selector}._domainkey.{KEY.domain}": f"v=DKIM1; p={public(KEY.private)}",
    }
)


def signs(connection: Connection) -> None:
    row = {"domain": DOMAIN, "selector": "r1", "kind": "rsa", "private": dkim.to_octets(OURS)}
    connection.execute(insert(dkim_key).values(made_at=1, seen_at=1, signs_at=1, retired_at=0, **row))


async def test_a_copy_says_what_was_found(academy_url: str, tmp_path: Path) -> None:
    async with Sink() as sink, NameServer(ZONE) as names:
        sections = {
            "filters": config.Filters(authentication=config.AuthenticationFilter()),
            "dns": config.Dns(servers=(f"127.0.0.1:{names.port}",), timeout=5.0),
            "queue": queue(sink),
        }
        async with running(academy_url, tmp_path, **sections) as site:
            await site.batch(signs)
            await wants_a_copy(site)
            content = signed(f"From: {AUTHOR}\r\nSubject: Voyage\r\n\r\nBonjour\r\n".encode())
            assert (await send(site, content, PARENT.address, mail_from=AUTHOR, client=CLIENT)).startswith("250 ")
            [taken] = await sink.wait(1)
            await site.batch(emptied)
    header, body = split(taken.data)
    assert f"<noreply@{DOMAIN}>".encode() in header
    ours, authors = await Verifier(KEYS).verify(read_fields(header), lambda: [body], int(time.time()))
    assert (ours.result, ours.domain) == (Result.PASS, DOMAIN)
    assert authors.result is Result.FAIL, "From and the body are others now: that is what the seal is for"
    chain = await Validator(KEYS).validate(read_fields(header), lambda: [body])
    assert (chain.status, chain.sealers) == (Status.PASS, ((DOMAIN, "r1"),))
    [assessment] = chain.assessments
    assert assessment.startswith(b"mx.ent.example.org;")
    assert b"spf=pass" in assessment
    assert b"dkim=pass" in assessment
    assert b"dmarc=pass" in assessment
