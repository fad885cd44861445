"""Who has copies outside ends that with one click (RFC 8058): what leaves, signed, offers it, and one POST does it."""

from __future__ import annotations

import re
import ssl
import time
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import Connection, delete, insert, select

from certs import dkim
from certs.dkim import Kind
from mailgate import config
from mailgate.policy import schools
from mailgate.policy.audit import audit
from mailgate.policy.matrix import Verdict
from mailgate.policy.schools import school_id_of
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.queue.wishes import Mode, choose, chosen, outside_wish
from mailgate.signing.schema import dkim_key
from smtp.authentication.dkim import Result, Verifier
from smtp.header import read_fields
from tests.incoming.conftest import Site, note, running
from tests.incoming.test_ending import PARENT
from tests.incoming.test_incoming import COLLEGE
from tests.smtp_authentication.zone import Zone, split
from tests.support.sink import Sink

HOME = "home@example.net"
DOMAIN = "ent.example.org"
KEY = dkim.generate(Kind.ED25519)
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


def signs(connection: Connection) -> None:
    row = {"domain": DOMAIN, "selector": "e1", "kind": "ed25519", "private": dkim.to_octets(KEY)}
    connection.execute(insert(dkim_key).values(made_at=1, seen_at=1, signs_at=1, retired_at=0, **row))


def allow(connection: Connection) -> None:
    schools.change(connection, school_id_of(connection, COLLEGE), "outside", "copy")


def emptied(connection: Connection) -> None:
    for table in (queued_recipient, queued_message, dkim_key, outside_wish):
        connection.execute(delete(table))


async def wished(site: Site) -> str | None:
    to: str | None = (await site.batch(lambda connection: chosen(connection, PARENT.address))).to
    return to


async def wants_a_copy(site: Site) -> None:
    """A parent to whom the world may write wants copies at home."""
    await site.cell(COLLEGE, "relative", Verdict.ALLOW)
    await site.batch(allow)
    await site.batch(partial(choose, text=PARENT.address, to=HOME, mode=Mode.COPY))


async def copy(site: Site, sink: Sink) -> bytes:
    """What leaves of a message to a parent who wants copies."""
    await wants_a_copy(site)
    before = len(sink.taken)
    assert (await site.send(PARENT.address, content=note("Sortie"))).startswith("250 ")
    return (await sink.wait(before + 1))[-1].data


def queue(sink: Sink) -> config.Queue:
    return config.Queue(route="smarthost", smarthost=f"127.0.0.1:{sink.port}", smarthost_security="none")


async def test_a_click_ends_it(academy_url: str, tmp_path: Path) -> None:
    async with (
        Sink() as sink,
        running(academy_url, tmp_path, web=config.Web(listen=("127.0.0.1:0",)), queue=queue(sink)) as site,
    ):
        await site.batch(signs)
        left = await copy(site, sink)
        header, body = split(left)
        flat = header.replace(b"\r\n ", b" ").decode()
        link = re.search(
            r"List-Unsubscribe: <(https://mx\.ent\.example\.org:\d+/stop/[a-z2-7]{29})>, <mailto:stop\+", flat
        )
        assert link is not None
        assert "\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in flat
        zone = Zone({f"e1._domainkey.{DOMAIN}": dkim.record(KEY)})
        [found] = await Verifier(zone).verify(read_fields(header), lambda: [body], int(time.time()))
        assert found.result is Result.PASS
        signed = re.search(r"h=([^;]*)", flat)
        assert signed is not None
        assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(signed[1].replace(" ", "").split(":"))
        assert "ouvrez https://" in re.sub(r"=\r\n", "", body.decode())

        assert site.web is not None
        path = "/stop/" + link[1].rpartition("/")[2]
        context = ssl.create_default_context(cafile=str(site.ca))
        base = f"https://localhost:{site.web[1]}"
        async with httpx.AsyncClient(base_url=base, verify=context, trust_env=False) as browser:
            shown = {tongue: await browser.get(path, headers={"Accept-Language": tongue}) for tongue in ("fr", "en")}
            assert "<button>Ne plus rien y envoyer</button>" in shown["fr"].text
            assert "<button>Send nothing more there</button>" in shown["en"].text
            assert HOME not in shown["fr"].text
            assert await wished(site) == HOME, "to look at it ends nothing"
            other = "a" if path[-2] != "a" else "b"  # of the last letter one bit means nothing
            for wrong in (path[:-2] + other + path[-1], "/stop/" + "a" * 29):
                assert (await browser.post(wrong, data=ONE_CLICK)).status_code == 200
            for wrong in (path[:-1], path + "a", "/stop/", "/stop/%00"):
                assert (await browser.post(wrong, data=ONE_CLICK)).status_code == 404
            assert await wished(site) == HOME
            done = await browser.post(path, data=ONE_CLICK, headers={"Accept-Language": "en"})
            assert (done.status_code, done.headers.get("set-cookie")) == (200, None)
            assert "Nothing more is sent outside under this link." in done.text
            assert await wished(site) is None
            again = await browser.post(path, files={"List-Unsubscribe": (None, "One-Click")})
            assert again.status_code == 200
            assert "<button>" not in (await browser.get(path)).text
        actors = await site.batch(
            lambda c: c.scalars(select(audit.c.actor).where(audit.c.action == "person outside")).all()
        )
        assert "by a link from there" in actors
        await site.batch(emptied)


async def test_what_is_not_signed_offers_no_click(academy_url: str, tmp_path: Path) -> None:
    async with (
        Sink() as sink,
        running(academy_url, tmp_path, web=config.Web(listen=("127.0.0.1:0",)), queue=queue(sink)) as site,
    ):
        left = await copy(site, sink)
        assert b"List-Unsubscribe: <mailto:stop+" in left
        assert b"https://" not in left
        assert b"List-Unsubscribe-Post" not in left
        await site.batch(emptied)
