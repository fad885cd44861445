"""Servers that nobody knows at the MX, on both stores: greylisted, listed, spared; offices are always reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import delete, update

from mailgate import config
from mailgate.app import mx_limits
from mailgate.database.batch import batch_engine
from mailgate.strangers.dns_lists import question
from mailgate.strangers.schema import greylist
from smtp.limits import Limits
from tests.incoming.conftest import SENDER, Site, note, running
from tests.incoming.test_incoming import PUPIL, TEACHER, person
from tests.incoming.test_lmtp import over
from tests.support.nameserver import NameServer

KNOWN, LISTED, SPARED, TRUSTED = (f"{network}.7" for network in ("192.0.2", "198.51.100", "203.0.113", "198.18.0"))
POSTMASTER, ABUSE = "postmaster@ent.example.org", "abuse@ent.example.org"
MX = config.Mx(listen=("127.0.0.1:0", "127.0.0.1:0 proxy"), trusted=(f"{TRUSTED}/32",))
GREY = config.Greylisting(enabled=True, delay=3_600, exempt=(f"{SPARED}/32",))


async def said(site: Site, host: str, *to: str, sender: str = SENDER) -> list[str]:
    """What a server at this address is told of each recipient."""
    wire = await site.connect(b"PROXY TCP4 %b 127.0.0.1 56324 25\r\n" % host.encode())
    assert (await wire.ask(f"MAIL FROM:<{sender}>")).startswith("250 ")
    return [await wire.ask(f"RCPT TO:<{one}>") for one in to]


async def test_the_limits_of_the_settings_hold_and_are_lifted_for_trusted_networks(
    academy_url: str, tmp_path: Path
) -> None:
    few = config.Mx(
        listen=MX.listen, trusted=MX.trusted, recipients_per_connection=2, messages_per_connection=2,
        connections_per_address=1, connections_per_network=1, connections_per_minute=1, messages_per_minute=2,
        recipients_per_minute=2, errors=1,
    )  # fmt: skip
    async with running(academy_url, tmp_path, mx=few) as site:
        known = await site.connect(b"PROXY TCP4 %b 127.0.0.1 56324 25\r\n" % KNOWN.encode())
        with pytest.raises(AssertionError, match=r"421 4\.7\.0"):
            await said(site, KNOWN, TEACHER)
        await known.ask(f"MAIL FROM:<{SENDER}>")
        assert (await known.ask("RCPT TO:<nobody@ent.example.org>")).startswith("550")
        assert (await known.ask("RCPT TO:<nobody@ent.example.org>")).startswith("421 4.7.0")
        for _ in range(3):
            answers = await said(site, TRUSTED, *["nobody@ent.example.org"] * 3, TEACHER)
            assert [one[:3] for one in answers] == ["550", "550", "550", "250"]


def test_each_setting_is_the_limit_of_its_name() -> None:
    names = (
        "recipients", "recipients_per_connection", "messages_per_connection", "connections", "connections_per_address",
        "connections_per_network", "connections_per_minute", "messages_per_minute", "recipients_per_minute", "errors",
    )  # fmt: skip
    numbers = {name: 31 + at for at, name in enumerate(names)}
    mx = msgspec.structs.replace(config.Mx(received_fields=51), **numbers)
    settings = config.Settings(mx=mx, smtp=config.Smtp(max_message_size=52))
    assert mx_limits(settings) == Limits(
        recipients=31, recipients_per_connection=32, messages=33, connections=34, connections_per_peer=35,
        connections_per_network=36, connection_rate=37, message_rate=38, recipient_rate=39, bad_commands=40, hops=51,
        message_size=52,
    )  # fmt: skip


@pytest.fixture
async def forgotten(academy_url: str) -> AsyncIterator[None]:
    """Nobody is known, afterwards either."""
    yield
    async with batch_engine(academy_url) as engine, engine.begin() as connection:
        await connection.execute(delete(greylist))


@pytest.mark.usefixtures("forgotten")
async def test_a_server_that_comes_back_is_known(academy_url: str, tmp_path: Path) -> None:
    async with running(academy_url, tmp_path, mx=MX, greylisting=GREY) as site:
        for _ in range(2):
            assert await said(site, KNOWN, TEACHER) == [
                "450 4.7.1 Votre serveur n'est pas encore connu ici. Merci de reessayer dans quelques minutes."
            ]
        # Whom the policy does not let write learns that at once.
        assert (await said(site, KNOWN, PUPIL, "nobody@elsewhere.example"))[0].startswith("550 5.7.1")
        earlier = update(greylist).values(first_at=greylist.c.first_at - 3_600)
        await site.batch(lambda connection: connection.execute(earlier))
        first, other = await said(site, KNOWN, TEACHER, person("management").address)
        assert first.startswith("250 2.1.5")
        assert other.startswith("250 2.1.5")


@pytest.mark.usefixtures("forgotten")
async def test_who_is_spared_greylisting(academy_url: str, tmp_path: Path) -> None:
    """Exempt and trusted networks, a server in front, and whoever writes to postmaster or abuse."""
    async with running(academy_url, tmp_path, mx=MX, greylisting=GREY) as site:
        for host in (SPARED, TRUSTED):
            assert (await said(site, host, TEACHER))[0].startswith("250 2.1.5")
        assert (await over(site, note("from the front"), TEACHER))[TEACHER].startswith("250 2.0.0")
        for office in (POSTMASTER, ABUSE):
            assert await said(site, KNOWN, office) == await said(site, TRUSTED, office)


async def test_a_server_on_the_lists_is_refused_but_for_postmaster_and_abuse(academy_url: str, tmp_path: Path) -> None:
    hosts = {KNOWN: ["zen"], LISTED: ["zen", "xbl"], SPARED: ["zen", "xbl"], TRUSTED: ["zen", "xbl"]}
    records = {
        f"{question(host)}.{zone}.lists.example A": ["127.0.0.2"] for host, zones in hosts.items() for zone in zones
    }
    async with NameServer(records) as names:
        weights = {"zen.lists.example": 1.0, "xbl.lists.example": 0.5}
        lists = config.DnsLists(weights=weights, threshold=1.5, timeout=20.0, exempt=(f"{SPARED}/32",))
        dns = config.Dns(servers=(f"127.0.0.1:{names.port}",))
        async with running(academy_url, tmp_path, mx=MX, dns_lists=lists, dns=dns) as site:
            assert (
                await said(site, LISTED, TEACHER, PUPIL)
                == [f"550 5.7.1 Votre serveur {LISTED} figure sur ces listes : zen.lists.example, xbl.lists.example"]
                * 2
            )
            assert len(names.asked) == 2
            for host in (KNOWN, SPARED, TRUSTED):
                assert (await said(site, host, TEACHER))[0].startswith("250 2.1.5")
            assert len(names.asked) == 4
            for office in (POSTMASTER, ABUSE):
                assert await said(site, LISTED, office) == await said(site, TRUSTED, office)
            assert (await over(site, note("from the front"), TEACHER))[TEACHER].startswith("250 2.0.0")


async def test_a_reverse_path_without_a_mail_server_is_refused_where_that_is_wanted(
    academy_url: str, tmp_path: Path
) -> None:
    mx = config.Mx(listen=MX.listen, trusted=MX.trusted, known_senders=True)
    async with NameServer({"elsewhere.example MX": ["10 mx.elsewhere.example."]}) as names:
        dns = config.Dns(servers=(f"127.0.0.1:{names.port}",))
        async with running(academy_url, tmp_path, mx=mx, dns=dns) as site:
            for sender, answer in ((SENDER, "250 2.1.5"), ("a@nowhere.example", "550 5.1.8"), ("", "250 2.1.5")):
                assert (await said(site, KNOWN, TEACHER, sender=sender))[0].startswith(answer)
            unknown = "a@nowhere.example"
            assert (await said(site, TRUSTED, TEACHER, sender=unknown))[0].startswith("250 2.1.5")
            assert await said(site, KNOWN, POSTMASTER, sender=unknown) == await said(site, TRUSTED, POSTMASTER)
            assert (await over(site, note("front"), TEACHER, sender=unknown))[TEACHER].startswith("250")
