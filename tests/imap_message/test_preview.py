"""Previews (RFC 8970 section 3.3): what a person would read first, on one line."""

from __future__ import annotations

import base64
import quopri
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.message import make_preview, render
from imap.message.preview import MAX_PREVIEW


def plain(text: str, charset: str = "utf-8") -> bytes:
    return f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + text.replace("\n", "\r\n").encode(charset)


def html(text: str) -> bytes:
    return b"Content-Type: text/html; charset=utf-8\r\n\r\n" + text.encode()


def mixed(*parts: bytes, kind: str = "mixed") -> bytes:
    head = f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n".encode()
    return head + b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


QUOTED = """Bonjour,

Merci pour   votre message.
Le lundi 7 septembre, Anne a écrit :
> La réunion est à 18 h.
> -- \x20
> Anne

À demain !
--\x20
Paul
"""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (plain(QUOTED), "Bonjour, Merci pour votre message. À demain !"),
        (plain("> tout est cité\n> ici\n"), "> tout est cité > ici"),
        (plain("Voir ci-dessous.\n\n-------- Message transféré --------\nDe : x\n"), "Voir ci-dessous."),
        (plain("---------- Forwarded message ---------\nFrom: x\n"), "Forwarded message From: x"),
        (plain("a ======== b ________ c ... d"), "a b c ... d"),
        (plain("\u200b\u00ad\ufeffa\u00a0\tb\x07c\x00"), "a bc"),
        (plain("déjà", "iso-8859-15"), "déjà"),
        (b"\r\ncaf\xe9", "café"),
        (b"\r\n" + "café".encode(), "café"),
        (b"Content-Type: text/plain; charset=nonsense\r\n\r\n" + "é".encode(), "é"),
        (
            html("<html><head><title>T</title><style>p > a {}</style></head><p>Bon<b>jour</b> &amp; merci"),
            "Bonjour & merci",
        ),
        (html("<!-- <p>no --><p>oui</p><script>if (a<b) {}</script> fin <!--[if mso]> rien"), "oui fin"),
        (html("<p>Oui.</p><blockquote>Viens-tu ?</blockquote>"), "Oui."),
        (html("<blockquote>Viens-tu ?</blockquote>"), "Viens-tu ?"),
        (html("<STYLE>a</STYLE >Titre&nbsp;&#8203;x"), "Titre x"),
        (mixed(plain("texte"), html("<p>html</p>"), kind="alternative"), "texte"),
        (mixed(html("<p>html</p>"), plain("texte"), kind="alternative"), "texte"),
        (mixed(plain(" \n\n"), html("<p>html</p>"), kind="alternative"), "html"),
        (mixed(b"Content-Disposition: attachment\r\n" + plain("joint"), html("<p>lettre")), "lettre"),
        (mixed(b"Content-Type: message/rfc822\r\n\r\n" + plain("dedans"), plain("dehors")), "dehors"),
        (mixed(b"Content-Type: message/rfc822\r\n\r\n" + plain("dedans")), ""),
        (b"Content-Type: image/png\r\n\r\nxyz", ""),
        (plain("-----BEGIN PGP MESSAGE-----\nabcd\n"), ""),
        (mixed(b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1", kind="encrypted"), ""),
        (b"Content-Transfer-Encoding: x-unknown\r\n\r\ntext", "text"),
        (b"", ""),
        (b"Subject: nothing\r\n\r\n", ""),
    ],
)
def test_what_is_shown(message: bytes, expected: str) -> None:
    assert make_preview(message).decode() == expected
    assert render(message).preview == make_preview(message)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_a_long_text_is_cut(encoding: str) -> None:
    octets = ("é" * 50 + " ").encode() * 1000
    encode = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}.get(encoding)
    encoded = octets if encode is None else encode(octets)
    head = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    shown = make_preview(head.encode() + encoded).decode()
    assert shown == " ".join(["é" * 50] * 4)[:MAX_PREVIEW].rstrip()


def test_a_cut_inside_a_character_or_a_tag_does_no_harm() -> None:
    for fill in range(4):
        text = "x" * fill + "é" * 20_000
        assert set(make_preview(plain(text)).decode()) <= {"x", "é"}
        assert make_preview(html("a " + "<b c='" + "d" * fill + "é" * 40_000)) == b"a"


@given(st.one_of(st.binary(max_size=400), st.text(max_size=400).map(str.encode)), st.sampled_from([b"plain", b"html"]))
def test_any_octets(body: bytes, subtype: bytes) -> None:
    shown = make_preview(b"Content-Type: text/" + subtype + b"; charset=utf-8\r\n\r\n" + body).decode()
    assert len(shown) <= MAX_PREVIEW
    assert shown == " ".join(shown.split())
    assert "\0" not in shown


@pytest.mark.parametrize(
    "piece", ["<!--", "<head>", "<style>", "</style", "<", "&#", "<blockquote>", "> ", "-", "\u200b"]
)
@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_hostile_text_takes_no_time(piece: str, subtype: str) -> None:
    message = f"Content-Type: text/{subtype}\r\n\r\n".encode() + piece.encode() * 100_000
    start = time.process_time()
    assert len(make_preview(message).decode()) <= MAX_PREVIEW
    assert time.process_time() - start < 5


def test_what_follows_a_long_quotation_is_shown() -> None:
    quotation = "> ce qui fut dit\n" * 200
    assert make_preview(plain(quotation + "Merci.\n" * 3)) == b"Merci. Merci. Merci."
    assert make_preview(plain("Bonjour,\n" + quotation + "merci. " * 500)).startswith(b"Bonjour, merci. merci.")


def test_a_first_short_look_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    pieces = ["> dit\n", "Il a dit :\n", "mot " * 40, "\n", "-- \n", "-" * 300 + "\n", " " * 500, "x" * 99, "é\n"]
    texts = [plain("".join(chance.choices(pieces, k=chance.randrange(80)))) for _ in range(300)]
    shown = [make_preview(text) for text in texts]
    monkeypatch.setattr("imap.message.preview._READ", {b"plain": (16_384,), b"html": (65_536,)})
    assert shown == [make_preview(text) for text in texts]
