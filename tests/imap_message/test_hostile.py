"""Input made to hurt: time and memory stay in proportion to its size."""

from __future__ import annotations

import time

import pytest

from imap.message import filter_header, render, search_texts
from imap.message.address import MAX_ADDRESSES
from imap.message.scanner import MAX_HEADER
from imap.message.wire import string
from tests.imap_message.checks import rendered

SIZE = 200_000
SECONDS = 5.0
"""CPU time that is far above what linear work needs, and far below what quadratic work does."""

TO = (b"a,", b"a@", b"@", b"a ", b". ", b"(", b"(\\", b'"', b'"\\', b"<", b"<>", b"a:", b"a:;", b"[", b"<@a", b"a@b ")
TYPE = (b";", b";a=b", b"(\\(", b"(\\", b"((", b'"', b" ", b"a", b";a*0=b", b';a="', b";a*1=", b'\\"')
SUBJECT = (
    b"(fwd)",
    b"re:",
    b"[a]",
    b" ",
    b"=?",
    b"=?a?q?",
    b"=?utf-8?q?a?= ",
    b"?= ",
    b"[fwd:",
    b"\r\n ",
    b"\0",
    b"=?a*",
)
REFERENCES = (b"<a@b>", b"<", b'<"\\', b"< ", b'<"a"', b'"')


def repeated(field: bytes, piece: bytes) -> bytes:
    return field + piece * (SIZE // len(piece)) + b"x\r\n\r\n"


FIELDS = [
    *(repeated(b"To: ", piece) for piece in TO),
    *(repeated(b"Content-Type: a/b", piece) for piece in TYPE),
    *(repeated(b"Content-Disposition: a", piece) for piece in TYPE),
    *(repeated(b"Subject: ", piece) for piece in SUBJECT),
    *(repeated(b"References: ", piece) for piece in REFERENCES),
    *(repeated(b"", piece) for piece in (b"a:\n", b"cc:\n", b"\n ", b":", b"content-type:a/b\n", b"\r")),
    repeated(b"Subject: =?punycode?q?", b"a-"),
    repeated(b"Date: ", b"1 "),
    repeated(b"Content-Language: ", b"a,"),
]
MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
BODIES = [
    *(
        MIXED + piece * (SIZE // len(piece))
        for piece in (b"\n--b", b"--b\r\n", b"\n--", b"--b\r\nSubject: x\r\n", b"--b--\n")
    ),
    MIXED.replace(b"mixed", b"digest") + b"--b\r\n\r\nTo: a\r\n\r\n" * (SIZE // 18),
    (MIXED + b"--b\r\n") * (SIZE // 50),
    b"Content-Type: message/rfc822\r\n\r\n" * (SIZE // 32),
    b"Content-Type: text/html\r\n\r\n" + b"<" * SIZE,
    b"Content-Type: text/html\r\n\r\n" + b"<script" * (SIZE // 7),
    b"Content-Type: text/html\r\n\r\n" + b"&#99999999" * (SIZE // 10),
    b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * (SIZE // 2),
    b"\0" * SIZE,
]


@pytest.mark.parametrize("message", [*FIELDS, *BODIES], ids=lambda message: repr(message[:40]))
def test_time_and_size_are_bounded(message: bytes) -> None:
    start = time.process_time()
    found = rendered(message)
    for text in search_texts(message):
        assert isinstance(text, str)
    filter_header(found.header, ["to"], exclude=True)
    assert time.process_time() - start < SECONDS
    assert len(found.envelope) + len(found.body) + len(found.bodystructure) < 12 * SIZE


def test_addresses_of_all_encapsulated_messages_share_one_limit() -> None:
    many = b"Cc: " + b"a@b.example," * (MAX_ADDRESSES // 2) + b"\r\n\r\n"
    body = render(MIXED.replace(b"mixed", b"digest") + (b"--b\r\n\r\n" + many) * 5).body
    assert body.count(b'"b.example"') == MAX_ADDRESSES


def test_header_longer_than_the_limit_is_listed_whole_but_rendered_in_part() -> None:
    message = b"Subject: x\r\nX: " + b"y" * MAX_HEADER + b"\r\nTo: a@b.example\r\n\r\n"
    found = rendered(message)
    assert found.listing == b"Subject: x\r\nTo: a@b.example\r\n\r\n"
    assert b'"x"' in found.envelope
    assert b"b.example" not in found.envelope


def test_no_string_holds_nul() -> None:
    assert string(b"a\0\xff") == b"{2}\r\na\xff"
