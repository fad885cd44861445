"""LANGUAGE (RFC 5255 section 3): texts for people in French, and in English until a client asks."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.language import choose
from imap.limits import Limits
from imap.server import ImapServer
from mailgate.i18n import ImapTexts
from tests.imap.conftest import Gateway, listening, message
from tests.imap.wire import Client, fits

FRENCH = ImapTexts("fr")


@pytest.fixture
async def bilingual(gateway: Gateway) -> AsyncIterator[Gateway]:
    """The same people, served in two languages."""
    server = ImapServer(gateway.backend, ssl_context=gateway.tls.server, limits=Limits(), catalogue=FRENCH)
    await server.start([listening()], starttls=[listening()])
    gateway.secure, gateway.plain = server.addresses
    yield gateway
    await gateway.clients.aclose()
    await server.stop()


@pytest.fixture
async def french(bilingual: Gateway) -> Client:
    client = await bilingual.client()
    await client.ok("LANGUAGE fr")
    return client


async def test_it_is_announced_and_valid_before_sign_in(bilingual: Gateway) -> None:
    for secure in (True, False):
        client = await bilingual.connect(secure=secure)
        assert b" LANGUAGE" in await client.line()
        assert await client.command("LANGUAGE FR") == [
            b"* LANGUAGE (fr)",
            "t1 OK Les réponses sont désormais dans cette langue".encode(),
        ]
        assert b" LANGUAGE" in (await client.ok("CAPABILITY"))[0]
    await client.close()
    stranger = await bilingual.connect()
    await stranger.line()
    await stranger.ok("LANGUAGE fr-CA")
    answer = await stranger.command("LOGIN ada wrong")
    assert b"t2 NO [AUTHENTICATIONFAILED] " in answer[-1]


async def test_languages_are_listed(bilingual: Gateway) -> None:
    client = await bilingual.client()
    assert await client.command("LANGUAGE") == [
        b"* LANGUAGE (en fr i-default)",
        b"t2 OK These are the languages",
    ]


async def test_a_language_that_is_not_there_changes_nothing(french: Client) -> None:
    assert (await french.command("LANGUAGE de es-MX"))[-1].decode() == "t3 NO Aucune de ces langues n’est proposée ici"
    assert (await french.command("NOOP"))[-1].decode() == "t4 OK NOOP terminé"
    assert await french.command('LANGUAGE "i-default"') == [
        b"* LANGUAGE (i-default)",
        b"t5 OK Now speaking this language",
    ]
    assert await french.command("LANGUAGE {7+}\r\ndefault") == [
        b"* LANGUAGE (fr)",
        "t6 OK Les réponses sont désormais dans cette langue".encode(),
    ]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("COMPRESS LZ4", "BAD DEFLATE est le seul algorithme"),
        ("UID NOOP", "BAD Commande inconnue"),
        ("STATUS INBOX ()", "BAD Attendu : un élément de STATUS, à l’octet 18"),
        ("FETCH 1 FLAGS", "BAD Merci de choisir d’abord une boîte"),
        ("STATUS INBOX(", "BAD Attendu : une espace, à l’octet 16"),
        ("LIST", "BAD Attendu : une espace, à l’octet 8"),
        ("ID (" + ' "a" "b"' * 40 + ")", "BAD Attendu : le nom d’un champ, à l’octet 8"),
        ("ID (" + '"a" "b" ' * 40 + '"a" "b")', "BAD Plus de 30 champs dans ID"),
        ("GETQUOTA x", "NO [NONEXISTENT] Cette racine de quota n’existe pas"),
        ("SEARCH {70000+}\r\n" + "x" * 70000, "BAD [TOOBIG] Un littéral a ici 65536 octets au plus"),
    ],
)
async def test_errors_speak_french(french: Client, command: str, answer: str) -> None:
    assert fits(f"t3 {answer}", (await french.command(command))[-1])


async def test_notes_of_a_mailbox_speak_french(bilingual: Gateway, french: Client) -> None:
    bilingual.account.deliver(message())
    lines = b"\n".join(await french.command("SELECT INBOX")).decode()
    assert "] UID valides" in lines
    assert "] Drapeaux conservés" in lines
    assert "* OK [UNSEEN 1] Premier message non lu" in lines
    assert "SELECT terminé" in lines
    assert (await french.command("LOGOUT"))[-2:] == [b"* BYE Au revoir", "t4 OK LOGOUT terminé".encode()]


async def test_who_signs_out_leaves_no_language_behind(french: Client) -> None:
    assert (await french.command("UNAUTHENTICATE"))[-1] == b"t3 OK Signed out"


async def test_a_server_without_translations_does_not_offer_it(client: Client) -> None:
    assert b"LANGUAGE" not in (await client.ok("CAPABILITY"))[0]
    assert (await client.command("LANGUAGE"))[-1].endswith(b" BAD Unknown command")


@pytest.mark.parametrize(
    ("ranges", "language"),
    [
        (["fr"], "fr"),
        (["FR-ca"], "fr"),
        (["de", "EN-us"], "en"),
        (["default"], "fr"),
        (["*"], "fr"),
        (["i-default"], "i-default"),
        (["I-DEFAULT"], "i-default"),
        (["fr-x-lycee"], "fr"),
        (["frr"], None),
        (["i"], None),
        ([""], None),
    ],
)
def test_lookup(ranges: list[str], language: str | None) -> None:
    assert choose(FRENCH, ranges) == language


@given(st.lists(st.text(max_size=20), max_size=3))
def test_any_range(ranges: list[str]) -> None:
    assert choose(FRENCH, ranges) in {None, "en", "fr", "i-default"}
