"""SPF, DKIM, ARC and DMARC at the MX, on both stores, by a name server on loopback: who gets what, and what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailgate import config
from mailgate.policy import schools
from mailgate.policy.schools import school_id_of
from smtp.authentication.arc import Status, seal
from smtp.authentication.canonical import BodyHash
from smtp.authentication.signing import SigningKey, sign
from smtp.header import read_fields
from tests.incoming.conftest import SENDER, Site, note, running
from tests.incoming.test_incoming import COLLEGE, TEACHER
from tests.incoming.test_lmtp import over
from tests.policy.academy import accounts
from tests.smtp_authentication.zone import RSA, public, split
from tests.support.nameserver import BROKEN, SILENT, NameServer, Records, txt

CLIENT, STRANGER, FRONT = "192.0.2.1", "198.51.100.1", "198.18.0.7"
KEY = SigningKey("ac-paris.fr", "r1", RSA)
LIST = SigningKey("lists.example", "r1", RSA)
REJECTED = (
    "550 5.7.26 Les regles de {} interdisent d'accepter ce message : "
    "rien ne montre qu'il en vient, ni signature ni serveur."
)
ZONE: dict[str, list[str] | str] = {
    "lycee.ac-paris.fr TXT": [txt(f"v=spf1 ip4:{CLIENT} -all")],
    "_dmarc.ac-paris.fr TXT": [txt("v=DMARC1; p=none; sp=reject; rua=mailto:d@ac-paris.fr")],
    "r1._domainkey.ac-paris.fr TXT": [txt(f"v=DKIM1; p={public(RSA)}")],
    "r1._domainkey.lists.example TXT": [txt(f"v=DKIM1; p={public(RSA)}")],
    "_dmarc.quarantine.example TXT": [txt("v=DMARC1; p=quarantine")],
    "_dmarc.none.example TXT": [txt("v=DMARC1; p=none")],
    "hardfail.example TXT": [txt("v=spf1 -all")],
    "_dmarc.broken.example TXT": BROKEN,
    "helo.example TXT": [txt(f"v=spf1 ip4:{CLIENT} -all")],
}
STAFF_ELSEWHERE = next(
    one.address
    for one in sorted(accounts().values(), key=lambda one: one.number)
    if one.profile == "teacher" and len(one.schools) == 1 and COLLEGE not in one.schools
)


@asynccontextmanager
async def guarded(academy_url: str, tmp_path: Path, zone: Records = ZONE, **changed: object) -> AsyncIterator[Site]:
    """A gateway that looks, with a name server of its own."""
    authentication = config.AuthenticationFilter(**changed)  # type: ignore[arg-type]
    async with NameServer(zone) as names:
        sections = {
            "filters": config.Filters(authentication=authentication),
            "dns": config.Dns(servers=(f"127.0.0.1:{names.port}",), timeout=5.0),
            "mx": config.Mx(listen=("127.0.0.1:0", "127.0.0.1:0 proxy"), trusted=(f"{FRONT}/32",)),
        }
        async with running(academy_url, tmp_path, **sections) as site:
            yield site


async def send(
    site: Site, content: bytes, *to: str, mail_from: str = "", client: str = STRANGER, helo: str = "relay.helo.example"
) -> str:
    """Hand a message over from an address; what is said at its end."""
    wire = await site.connect(b"PROXY TCP4 %b 127.0.0.1 56324 25\r\n" % client.encode())
    await wire.ask(f"EHLO {helo}")
    assert (await wire.ask(f"MAIL FROM:<{mail_from}>")).startswith("250 ")
    for one in to or (TEACHER,):
        assert (await wire.ask(f"RCPT TO:<{one}>")).startswith("250 ")
    return await wire.data(content + b".\r\n")


async def found(site: Site, subject: str, who: str = TEACHER, mailbox: str = "INBOX") -> bytes:
    """The one message of that subject."""
    [one] = [one for one in await site.inbox(who, mailbox) if f"Subject: {subject}\r\n".encode() in one]
    return one


def results(message: bytes) -> list[bytes]:
    """The values of its Authentication-Results, unfolded."""
    header, _ = split(message)
    values = [value for name, value, _ in read_fields(header) if name == b"authentication-results"]
    return [b" ".join(one.split()) for one in values]


def signed(content: bytes, key: SigningKey = KEY) -> bytes:
    """The message with a signature on top."""
    header, body = split(content)
    digest = BodyHash(relaxed=True)
    digest.update(body)
    return sign(header, digest.digest(), [key], 1_700_000_000) + content


def sealed(content: bytes, found_of_it: bytes, key: SigningKey = LIST) -> bytes:
    """The message as a list sends it on."""
    header, body = split(content)
    digest = BodyHash(relaxed=True)
    digest.update(body)
    return seal(header, digest.digest(), found_of_it, Status.NONE, key, 1_700_000_000) + content


async def test_the_results_stand_on_top_and_are_the_only_ones(academy_url: str, tmp_path: Path) -> None:
    """A domain with a hyphen, a null reverse path, several signatures of which one is good."""
    author = "p@lycee.ac-paris.fr"
    async with guarded(academy_url, tmp_path) as site:
        forged = (
            b"Authentication-Results: mx.ent.example.org; dmarc=pass\r\nAuthentication-Results: x.example; spf=pass\r\n"
        )
        content = b"DKIM-Signature: v=1; a=rsa-sha1; d=x.example\r\n" + forged + signed(note("one", author))
        assert (await send(site, content, client=CLIENT)).startswith("250")
        message = await found(site, "one")
        lines = message.split(b"\r\n")
        assert lines[0] == b"Return-Path: <>"
        assert lines[1] == b"Authentication-Results: mx.ent.example.org;"
        [said] = results(message)
        b = said.partition(b"header.b=")[2].split(b";")[0]
        assert said == (
            b'mx.ent.example.org; spf=none smtp.helo=relay.helo.example; dkim=permerror reason="it has no b="; '
            b"dkim=pass header.d=ac-paris.fr header.s=r1 header.a=rsa-sha256 header.b=%b; "
            b"dmarc=pass header.from=lycee.ac-paris.fr" % b
        )
        assert (await send(site, note("two", author), mail_from="x@lycee.ac-paris.fr", client=CLIENT)).startswith("250")
        [said] = results(await found(site, "two"))
        assert said == (
            b"mx.ent.example.org; spf=pass smtp.mailfrom=lycee.ac-paris.fr; dkim=none; "
            b"dmarc=pass header.from=lycee.ac-paris.fr"
        )
        assert (await send(site, note("three", "a@x.example"), client=CLIENT, helo="helo.example")).startswith("250")
        [said] = results(await found(site, "three"))
        assert (
            said == b"mx.ent.example.org; spf=pass smtp.helo=helo.example; dkim=none; dmarc=none header.from=x.example"
        )


async def test_what_a_domain_disowns(academy_url: str, tmp_path: Path) -> None:
    """Refused or junk as it wants; a failure of SPF alone is none; the offices of mail refuse nothing."""
    async with guarded(academy_url, tmp_path) as site:
        forged = note("forged", "p@lycee.ac-paris.fr")
        assert await send(site, forged, mail_from="x@lycee.ac-paris.fr") == REJECTED.format("lycee.ac-paris.fr")
        altered = signed(note("forged", "p@lycee.ac-paris.fr")).replace(b"Bonjour", b"Bonsoir")
        assert await send(site, altered) == REJECTED.format("lycee.ac-paris.fr")
        several = note("forged", "a@x.example>, <b@lycee.ac-paris.fr")
        assert (await send(site, several)).startswith("550 5.7.26 ")
        many = note("forged", ">, <".join(f"a@x{number}.example" for number in range(6)))
        assert (await send(site, many)).startswith("550 5.7.1 ")
        assert not [one for one in await site.inbox(TEACHER) if b"Subject: forged" in one]

        assert (await send(site, note("doubtful", "a@quarantine.example"))).startswith("250")
        message = await found(site, "doubtful", mailbox="Junk")
        assert b"X-Spam-Flag: YES\r\nX-Spam-Status: Yes, the domain of its author disowns it (DMARC)\r\n" in message
        assert results(message)[0].endswith(b"dmarc=fail header.from=quarantine.example policy.dmarc=quarantine")

        assert (await send(site, note("tried out", "a@none.example"))).startswith("250")
        assert results(await found(site, "tried out"))[0].endswith(b"policy.dmarc=none")
        content = note("forwarded", "a@hardfail.example")
        assert (await send(site, content, mail_from="a@hardfail.example")).startswith("250")
        assert b"spf=fail smtp.mailfrom=hardfail.example;" in results(await found(site, "forwarded"))[0]


async def test_each_school_decides(academy_url: str, tmp_path: Path) -> None:
    other = STAFF_ELSEWHERE
    forged = "p@lycee.ac-paris.fr"
    async with guarded(academy_url, tmp_path) as site:

        async def sets(value: str | None) -> None:
            await site.batch(lambda one: schools.change(one, school_id_of(one, COLLEGE), "dmarc", value))

        await sets("report")
        assert (await send(site, note("reported", forged))).startswith("250")
        assert b"dmarc=fail" in results(await found(site, "reported"))[0]
        assert (await send(site, note("refused", forged), other)).startswith("550 5.7.26")
        # For recipients of both: who only reports has it as ever, who would refuse it as junk.
        assert (await send(site, note("both", forged), TEACHER, other, mail_from=SENDER)).startswith("250")
        assert b"X-Spam-Flag" not in await found(site, "both")
        assert b"X-Spam-Flag: YES" in await found(site, "both", other, "Junk")
        assert not [one for one in await site.inbox(other) if b"Subject: both" in one]
        await sets("junk")
        assert (await send(site, note("filed", forged))).startswith("250")
        assert b"X-Spam-Flag: YES" in await found(site, "filed", mailbox="Junk")
        await sets(None)
        assert (await send(site, note("refused", forged), TEACHER, other, mail_from=SENDER)).startswith("550 5.7.26")
        with pytest.raises(schools.SchoolError):
            await sets("refuse")


async def test_name_servers_that_fail(academy_url: str, tmp_path: Path) -> None:
    content = note("unknown", "a@broken.example")
    async with guarded(academy_url, tmp_path) as site:
        assert (await send(site, content)).startswith("250")
        assert results(await found(site, "unknown"))[0].endswith(b"dmarc=temperror header.from=broken.example")
    async with guarded(academy_url, tmp_path, on_failure="defer") as site:
        assert (await send(site, content)).startswith("451 4.4.3 ")


async def test_who_keeps_answers_back_undoes_no_policy(academy_url: str, tmp_path: Path) -> None:
    """A forger's own slow name servers, asked for the reverse path, another author, a signature and a seal."""
    slow = ("slow.example TXT", "_dmarc.slow.example TXT", "r1._domainkey.slow.example TXT", "relay.helo.example TXT")
    own = SigningKey("slow.example", "r1", RSA)
    altered = signed(note("slow", "a@slow.example>, <p@lycee.ac-paris.fr")).replace(b"Bonjour", b"Bonsoir")
    content = sealed(signed(altered, own), b"slow.example; dmarc=pass header.from=lycee.ac-paris.fr", own)
    async with guarded(academy_url, tmp_path, ZONE | dict.fromkeys(slow, SILENT), timeout=3.0) as site:
        answer = await send(site, content, mail_from="a@slow.example")
    assert answer == REJECTED.format("lycee.ac-paris.fr")


async def test_what_spf_alone_means_is_a_setting(academy_url: str, tmp_path: Path) -> None:
    for value, answer in (("refuse", "550 5.7.23 "), ("junk", "250 ")):
        async with guarded(academy_url, tmp_path, spf_fail=value) as site:
            content = note("spf", "a@none.example")
            assert (await send(site, content, mail_from="a@hardfail.example")).startswith(answer)
            # DMARC passes by a signature: forwarded mail is no forgery.
            content = signed(note(f"by signature {value}", "p@lycee.ac-paris.fr"))
            assert (await send(site, content, mail_from="a@hardfail.example")).startswith("250 ")
            assert await found(site, f"by signature {value}")


async def test_a_trusted_list_vouches(academy_url: str, tmp_path: Path) -> None:
    """What it changed fails, and is taken as the list says that it was authentic when it had it."""
    passed = b"lists.example; dkim=pass header.d=ac-paris.fr; dmarc=pass header.from=lycee.ac-paris.fr"
    author = "p@lycee.ac-paris.fr"
    async with guarded(academy_url, tmp_path, trusted_sealers=("Lists.Example",)) as site:
        assert (await send(site, sealed(note("from a list", author), passed))).startswith("250")
        [said] = results(await found(site, "from a list"))
        assert b"; arc=pass header.oldest-pass=0 smtp.remote-ip=198.51.100.1; " in said
        assert said.endswith(
            b'; dmarc=fail reason="lists.example vouches for it (ARC)" header.from=lycee.ac-paris.fr '
            b"policy.dmarc=reject"
        )
        for content in (
            sealed(note("x", author), passed).replace(b"Bonjour", b"Bonsoir"),
            sealed(note("x", author), b"lists.example; dmarc=fail header.from=lycee.ac-paris.fr"),
            sealed(note("x", author), b"lists.example; dmarc=pass header.from=other.example"),
        ):
            assert (await send(site, content)).startswith("550 5.7.26")
        broken = sealed(note("broken seal", "a@none.example"), passed).replace(b"Bonjour", b"Bonsoir")
        assert (await send(site, broken)).startswith("250")
        assert (
            b'; arc=fail reason="the message was changed since the last seal" smtp.remote-ip='
            in results(await found(site, "broken seal"))[0]
        )
    async with guarded(academy_url, tmp_path) as site:
        assert (await send(site, sealed(note("x", author), passed))).startswith("550 5.7.26")


async def test_trusted_networks_and_a_server_in_front_are_not_looked_at(academy_url: str, tmp_path: Path) -> None:
    admitted = b"Authentication-Results: Front.example; dmarc=fail\r\n"
    other = (
        b"Authentication-Results: other.example; dmarc=pass\r\nAuthentication-Results: mx.ent.example.org; spf=pass\r\n"
    )
    async with guarded(academy_url, tmp_path, admitted_results=("front.example", "MX.ent.example.org")) as site:
        content = admitted + other + note("from front", "p@lycee.ac-paris.fr")
        assert (await send(site, content, client=FRONT)).startswith("250")
        assert results(await found(site, "from front")) == [b"Front.example; dmarc=fail"]
        content = admitted + other + note("from elsewhere", "a@none.example")
        assert (await send(site, content)).startswith("250")
        assert len(results(await found(site, "from elsewhere"))) == 1
        content = admitted + other + note("by lmtp with results", "p@lycee.ac-paris.fr")
        assert (await over(site, content, TEACHER))[TEACHER].startswith("250 ")
        assert results(await found(site, "by lmtp with results")) == [b"Front.example; dmarc=fail"]
    async with guarded(academy_url, tmp_path, skip_trusted=False) as site:
        assert (await send(site, note("x", "p@lycee.ac-paris.fr"), client=FRONT)).startswith("550 5.7.26")
