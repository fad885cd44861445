"""Who has copies or words outside ends that by mail from there; what leaves says how, in French and in English."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select

from directory.schema import address
from mailgate.database import open_database
from mailgate.moderation.tokens import load_key
from mailgate.queue.endings import with_words, words
from mailgate.queue.schema import queued_message, queued_recipient
from mailgate.queue.stop_addresses import is_genuine, parse, stop_address
from mailgate.queue.wishes import Mode, choose, chosen, outside_failure
from tests.incoming.conftest import Site, note
from tests.incoming.test_incoming import TEACHER, person

PARENT = person("relative")
DOMAIN = "ent.example.org"
HOME = "Home@example.net"
ENDED = "Plus rien n’est envoyé à votre adresse extérieure"


@pytest.fixture
async def stop(site: Site) -> str:
    """The address at which a parent ends what goes to his or her address outside."""
    await site.batch(partial(choose, text=PARENT.address, to=HOME, mode=Mode.COPY))
    return await stop_of(site, HOME)


async def stop_of(site: Site, outside: str) -> str:
    of = select(address.c.person_id).where(address.c.address == PARENT.address)
    person_id = await site.batch(lambda connection: connection.scalar(of))
    database = await open_database(site.url)
    key = await load_key(database)
    await database.close()
    return stop_address(key, DOMAIN, person_id, outside)


async def test_a_message_from_outside_ends_it_once_and_its_owner_is_told(site: Site, stop: str) -> None:
    def failed(connection: Connection) -> None:
        of = select(address.c.person_id).where(address.c.address == PARENT.address)
        row = {"person_id": connection.scalar(of), "queue_id": 1, "failed_at": 1}
        connection.execute(insert(outside_failure).values(row))

    await site.batch(failed)
    wire = await site.connect()
    await wire.ask("MAIL FROM:<any@elsewhere.example>")
    assert (await wire.ask(f"RCPT TO:<{stop}>")).startswith("250")
    assert (await wire.ask(f"RCPT TO:<{TEACHER}>")).startswith("452 4.5.3"), "it goes to nobody else"
    assert (await wire.data(note("stop") + b".\r\n")).startswith("250 2.0.0 Nothing more is sent")
    assert (await site.batch(lambda connection: chosen(connection, PARENT.address))).to is None
    assert await site.batch(lambda connection: connection.scalar(select(outside_failure.c.person_id))) is None
    assert (await site.rcpt(stop))[0].startswith("550 5.1.1 Aucun envoi"), "it has ended"
    [told] = [one for one in map(partial(message_from_bytes, policy=default), await site.inbox(PARENT.address))
              if one["Subject"] == ENDED]  # fmt: skip
    assert isinstance(told, EmailMessage)
    assert HOME in told.get_content()
    rows = await site.batch(lambda c: c.execute(select(queued_recipient.c.address, queued_recipient.c.notify)).all())
    assert [tuple(row) for row in rows] == [(HOME, "NEVER")], "the answer goes to the address that had the copies"
    await site.batch(lambda connection: [connection.execute(delete(t)) for t in (queued_recipient, queued_message)])


async def test_what_does_not_end_it(site: Site, stop: str) -> None:
    assert (await site.rcpt(stop, sender=""))[0].startswith("550 5.7.1"), "programs answer from the null reverse path"
    for wrong in (
        stop.replace(stop[8:12], "aaaa"),
        stop[:-3] + "net",
        f"stop+x@{DOMAIN}",
        await stop_of(site, "x@y.fr"),
    ):
        assert (await site.rcpt(wrong))[0].startswith("550 5."), wrong
    assert (await site.batch(lambda connection: chosen(connection, PARENT.address))).to == HOME
    assert (await site.rcpt(stop.upper()))[0].startswith("250"), "programs fold addresses"
    await site.batch(partial(choose, text=PARENT.address, to="new@example.net", mode=Mode.COPY))
    assert (await site.rcpt(stop))[0].startswith("550 5.1.1"), "it was about another address"
    await site.batch(partial(choose, text=PARENT.address, to=None))


TEXT = words(f"stop+abc@{DOMAIN}")
HEAD = b"From: a@b.example\r\nSubject: S\r\nMIME-Version: 1.0\r\n"


def leaves(header: bytes, body: bytes, *, eightbit: bool = False) -> tuple[bytes, bytes]:
    beginning, ending = with_words(HEAD + header + b"\r\n", TEXT, eightbit=eightbit)
    return beginning + body + ending, beginning


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (
            b"Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
            b"caf=C3=A9\r\n",
        ),
        (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", "café\r\n".encode()),
        (b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n", b"Y2Fmw6kNCg==\r\n"),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n", b"caf\xe9\r\n"),
        (b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", "<p>café</p>\r\n".encode()),
        (b"", b"cafe\r\n"),
        (
            b"Content-Type: multipart/alternative; boundary=x\r\n",
            b"--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ncaf\xc3\xa9\r\n--x--\r\n",
        ),
    ],
    ids=["quoted-printable", "8bit", "base64", "latin", "html", "bare", "multipart"],
)
def test_every_message_says_in_both_languages_how_to_end_it(header: bytes, body: bytes) -> None:
    eightbit = not body.isascii()
    octets, beginning = leaves(header, body, eightbit=eightbit)
    assert beginning.isascii()
    read = message_from_bytes(octets, policy=default)
    assert not read.defects
    texts = [part.get_content() for part in read.walk() if not part.is_multipart()]
    shown = " ".join(texts)
    assert re.search("caf[ée]", texts[0])
    for sentence in ("pour ne plus rien recevoir ici", "to have nothing more sent here", f"stop+abc@{DOMAIN}"):
        assert sentence in shown.lower()
    assert shown.isascii() is False
    assert eightbit or octets.isascii(), "what needs 8BITMIME is what needed it before"
    assert octets.endswith(b"\r\n")


@pytest.mark.parametrize("kind", ["multipart/signed", "Multipart/Encrypted", "application/pkcs7-mime"])
def test_what_is_signed_or_encrypted_stays_as_it_is(kind: str) -> None:
    header = f"Content-Type: {kind}; boundary=b\r\n".encode()
    assert leaves(header, b"x")[0] == HEAD + header + b"\r\nx"


@given(octets=st.binary(max_size=120), eightbit=st.booleans())
@example(octets=b"Content-Type: text/plain; charset=utf-8\r\nno field\r\n", eightbit=True)
def test_any_header_leaves_whole(octets: bytes, *, eightbit: bool) -> None:
    beginning, ending = with_words(octets + b"\r\n\r\n", TEXT, eightbit=eightbit)
    assert b"\r\n\r\n" in beginning
    assert ending == b"" or ending.endswith(b"\r\n")


@given(st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=27, max_size=31))
def test_a_stop_address_is_of_this_key_or_none(token: str) -> None:
    made = stop_address(b"key", DOMAIN, 2**63 - 1, HOME)
    assert len(made.partition("@")[0]) <= 64
    claim = parse(DOMAIN, made.upper().replace(DOMAIN.upper(), DOMAIN))
    assert claim is not None
    assert is_genuine(b"key", claim, HOME.lower())
    assert not is_genuine(b"key", claim, "other@example.net")
    assert not is_genuine(b"other", claim, HOME)
    assert parse("elsewhere.example", made) is None
    other = parse(DOMAIN, f"stop+{token}@{DOMAIN}")
    assert other is None or not is_genuine(b"key", other, HOME)
