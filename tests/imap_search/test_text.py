"""Text is found whatever its case, charset and transfer encoding."""

from __future__ import annotations

import base64
import quopri
import time
from collections.abc import Callable

import pytest

from tests.imap_search.mailbox import Mailbox

QUOTED_PRINTABLE: tuple[str, Callable[[bytes], bytes]] = ("quoted-printable", quopri.encodestring)
BASE64: tuple[str, Callable[[bytes], bytes]] = ("base64", base64.encodebytes)
PLAIN: tuple[str, Callable[[bytes], bytes]] = ("8bit", bytes)


def part(text: str, charset: str, encoding: tuple[str, Callable[[bytes], bytes]], kind: str = "plain") -> bytes:
    name, encode = encoding
    header = f"Content-Type: text/{kind}; charset={charset}\r\nContent-Transfer-Encoding: {name}\r\n\r\n".encode()
    return header + encode(text.encode(charset)).replace(b"\n", b"\r\n")


def multipart(*parts: bytes) -> bytes:
    body = b"".join(b"--b\r\n" + piece + b"\r\n" for piece in parts)
    return b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + body + b"--b--\r\n"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "utf-16"])
@pytest.mark.parametrize("encoding", [QUOTED_PRINTABLE, BASE64], ids=lambda encoding: encoding[0])
async def test_encoded_text_is_found(charset: str, encoding: tuple[str, Callable[[bytes], bytes]]) -> None:
    mailbox = Mailbox()
    text = "Le conseil de classe de la 6ème A se réunit à la bibliothèque, salle des élèves délégués, mardi soir." * 3
    mailbox.add(multipart(b"\r\nnothing", part(text, charset, encoding)))
    for program in ('BODY "CLASSE DE LA 6ÈME"', 'TEXT "élèves délégués"', 'BODY "e\u0301le\u0300ves"'):
        assert await mailbox.search(program) == [1], program
    assert await mailbox.search('BODY "classe de la 6e"') == [1]
    assert await mailbox.search('BODY "eleves"') == []


async def test_html_is_found_as_its_text() -> None:
    mailbox = Mailbox()
    mailbox.add(multipart(part("<p class='secret'>La <b>caf&eacute;t&eacute;ria</b></p>", "utf-8", PLAIN, "html")))
    assert await mailbox.search('BODY "cafétéria"') == [1]
    assert await mailbox.search('BODY "secret"') == []


async def test_attachments_are_not_searched() -> None:
    mailbox = Mailbox()
    attachment = b"Content-Type: application/octet-stream\r\n\r\nneedle"
    mailbox.add(multipart(part("hay", "utf-8", PLAIN), attachment))
    assert await mailbox.search("TEXT needle") == []


async def test_a_message_within_is_searched_with_its_header() -> None:
    mailbox = Mailbox()
    inner = b"Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?Pi=C3=A8ce?=\r\n\r\ninner text"
    mailbox.add(multipart(inner))
    assert await mailbox.search('BODY "pièce"') == [1]
    assert await mailbox.search("BODY inner") == [1]
    assert await mailbox.search('SUBJECT "pièce"') == []


async def test_of_a_large_message_only_the_text_is_read() -> None:
    mailbox = Mailbox()
    attachment = b"Content-Type: image/jpeg\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b"QUJD\r\n" * 400_000
    inner = b"Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?Pi=C3=A8ce?=\r\n\r\ninner text"
    large = part("Déjà vu. " * 60_000 + "épilogue", "utf-8", QUOTED_PRINTABLE)
    mailbox.add(multipart(attachment, large, inner))
    for program in ('TEXT "subject: x"', 'BODY "ÉPILOGUE"', 'BODY "pièce"', "BODY inner"):
        assert await mailbox.search(program) == [1], program
        assert not [octets for name, octets in mailbox.asked if name == "read_whole"]
        assert sum(octets for name, octets in mailbox.asked if name == "read") < 1_300_000
    assert await mailbox.search("TEXT QUJD") == []


async def test_of_a_huge_text_a_bounded_part_is_read() -> None:
    mailbox = Mailbox()
    mailbox.add(part("a" * 70 + "\r\n", "utf-8", PLAIN) + (b"b" * 70 + b"\r\n") * 120_000)
    assert await mailbox.search("BODY aaa") == [1]
    assert sum(octets for name, octets in mailbox.asked if name == "read") <= 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("content_type", "text"),
    [
        ("text/html", b"<" * 4_000_000),
        ("text/html", b"<script " * 500_000),
        ("text/html", b"&#" + b"9" * 4_000_000),
        ("text/plain; charset=punycode", b"a-" + b"b9" * 2_000_000),
        ("text/plain; charset=unicode_escape", b"\\q" * 2_000_000),
        ("text/plain; charset=utf-16", b"\xd8" * 4_000_001),
        ("text/plain; charset=nonsense", "e\u0301".encode() * 1_000_000),
        ("text/plain", "\ufdfa".encode() * 1_000_000),
        ("text/plain", "\u0301\u0323".encode() * 1_000_000),
    ],
    ids=lambda value: repr(value[:32]),
)
async def test_hostile_text_costs_a_few_seconds_at_most(content_type: str, text: bytes) -> None:
    mailbox = Mailbox()
    mailbox.add(f"Content-Type: {content_type}\r\n\r\n".encode() + text)
    start = time.process_time()
    assert await mailbox.search("BODY needle") == []
    assert time.process_time() - start < 4
