"""The decoded text of a message, as SEARCH reads it (RFC 9051 6.4.4)."""

from __future__ import annotations

from imap.message import search_texts
from imap.message.text import MAX_TEXT
from tests.imap_message.test_structure import multipart


def text(message: bytes) -> str:
    return "\n".join(search_texts(message))


def test_fields_and_text_parts_are_decoded() -> None:
    message = b"Subject: =?utf-8?b?w6l0w6k=?=\r\n" + multipart(
        b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=E0 midi",
        b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+csOpdTwvYj5uaW9u",
        b"Content-Type: application/pdf\r\n\r\nhidden",
        b"Content-Type: text/plain; charset=x-unknown\r\n\r\nna\xefve",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inside\r\n\r\ndeep",
    )
    found = text(message)
    assert all(word in found for word in ("subject: été", "à midi", "réu", "nion", "naïve", "subject: inside", "deep"))
    assert "hidden" not in found
    assert "<b>" not in found


def test_header_and_body_apart() -> None:
    message = b"Subject: above\r\n\r\nbelow"
    assert list(search_texts(message, body=False)) == ["subject: above"]
    assert list(search_texts(message, header=False)) == ["below"]


def test_html_reference_of_thousands_of_digits() -> None:
    assert "after" in text(b"Content-Type: text/html\r\n\r\n&#" + b"9" * 5000 + b"; after")


def test_text_is_bounded() -> None:
    message = multipart(*[b"Content-Type: text/plain\r\n\r\n" + b"x" * (MAX_TEXT // 2)] * 4)
    assert sum(map(len, search_texts(message, header=False))) == MAX_TEXT
