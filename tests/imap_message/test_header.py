"""Header subsets (RFC 9051 6.4.5.1) and decoded fields (RFC 2047, RFC 6532)."""

from __future__ import annotations

import pytest

from imap.message import decode_field, filter_header
from imap.message.header import charset_codec

HEADER = b"From: a\r\nSubject: one\r\n two\r\nX-Empty:\r\nno colon\r\nTO : b\r\nsubject: three\r\n\r\n"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["subject"], b"Subject: one\r\n two\r\nsubject: three\r\n\r\n"),
        (["TO", "From"], b"From: a\r\nTO : b\r\n\r\n"),
        (["x-empty"], b"X-Empty:\r\n\r\n"),
        (["Sub"], b"\r\n"),
        ([], b"\r\n"),
    ],
)
def test_only_the_fields_asked_for_in_their_order(fields: list[str], expected: bytes) -> None:
    assert filter_header(HEADER, fields) == expected


def test_all_but_the_fields_named() -> None:
    assert filter_header(HEADER, ["subject", "from"], exclude=True) == b"X-Empty:\r\nno colon\r\nTO : b\r\n\r\n"
    assert filter_header(HEADER, [], exclude=True) == HEADER


@pytest.mark.parametrize("header", [b"", b"\r\n", b"A: b", b"A: b\r\n", b"A: b\r\n\r\n", b"A: b\n\n", b" x\r\n\r\n"])
def test_subset_ends_with_the_empty_line(header: bytes) -> None:
    for exclude in (False, True):
        found = filter_header(header, ["a"], exclude=exclude)
        assert found == b"\r\n" or found.endswith(b"\n\r\n")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b" folded\r\n\ttext ", "folded text"),
        ("été".encode(), "été"),
        ("été".encode("latin-1"), "été"),
        (b"=?US-ASCII*EN?Q?Keith_Moore?= <m@x.example>", "Keith Moore <m@x.example>"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"=?ISO-8859-1?Q?a?=\r\n =?ISO-8859-2?Q?_b?= c", "a b c"),
        (b"=?utf-8?q?=C3?= =?utf-8?B?qQ==?=", "é"),
        (b"=?ISO-8859-1?Q?=E9?= =?utf-8?Q?=C3=A9?=", "éé"),
        (b"=?utf-8?b?w6k?=", "é"),
        (b"=?iso-2022-jp?B?GyRCJDMbKEI=?=", "こ"),
        (b"=?ks_c_5601-1987?B?sKE=?=", "가"),
        (b"=?gb2312?B?xOM=?=", "你"),
        (b"=?koi8-r?B?6A==?=", "Х"),
        (b"=?windows-1252?Q?=80?=", "€"),
        (b"=?x-nowhere?q?=E9?=", "é"),
        (b"=?utf-8?q?=FF?=", "ÿ"),
        (b"=?punycode?q?a-b?=", "a-b"),
        (b"=?utf-8?b?A?=", "=?utf-8?b?A?="),
        (b"=?utf-8?x?a?= =?", "=?utf-8?x?a?= =?"),
    ],
)
def test_decoded_field(raw: bytes, text: str) -> None:
    assert decode_field(raw) == text


@pytest.mark.parametrize(
    "name", ["punycode", "idna", "unicode_escape", "zlib", "rot13", "undefined", "no.such", "../x", ""]
)
def test_codec_that_is_no_charset_is_not_used(name: str) -> None:
    assert charset_codec(name) is None
