"""BODY and BODYSTRUCTURE (RFC 9051 7.5.2): types, parameters, sizes, lines, nesting, and what is broken."""

from __future__ import annotations

import pytest

from imap.message.scanner import MAX_DEPTH, MAX_PARTS
from tests.imap_message.checks import rendered
from tests.imap_message.grammar import Value, read_body


def structure(message: bytes) -> Value:
    return read_body(rendered(message).bodystructure, extension=True)


def multipart(*parts: bytes, boundary: bytes = b"=_b", subtype: bytes = b"mixed", end: bytes = b"\r\n") -> bytes:
    head = b'Content-Type: multipart/%b; boundary="%b"\r\n\r\n' % (subtype, boundary)
    return head + b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts) + b"--%b--%b" % (boundary, end)


def test_plain_text_by_default() -> None:
    shown = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 12 2 NIL NIL NIL NIL)'
    assert rendered(b"A: b\r\n\r\none\r\n\r\nthree").bodystructure == shown


@pytest.mark.parametrize(
    ("message", "size", "lines"),
    [
        (b"", 0, 0),
        (b"A: b", 0, 0),
        (b"A: b\r\n", 0, 0),
        (b"\r\n", 0, 0),
        (b"\n\n", 1, 1),
        (b"A: b\n\nc\nd", 3, 1),
        (b"A: b\n\r\nc", 1, 0),
    ],
)
def test_messages_without_one_or_the_other(message: bytes, size: int, lines: int) -> None:
    assert structure(message) == [
        *(b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit", size, lines),
        *(None, None, None, None),
    ]


def test_all_fields_of_a_part() -> None:
    message = (
        b'Content-Type: image/PNG; name="a;b.png"; x=y\r\n'
        b'Content-ID: <id@x>\r\nContent-Description: a "drawing"\r\nContent-Transfer-Encoding: BASE64 (sic)\r\n'
        b"Content-MD5: Q2hlY2s=\r\nContent-Disposition: attachment; filename=a.png; size=3\r\n"
        b"Content-Language: fr, en-GB (x)\r\nContent-Location: http://x.example/\r\n\r\nAAAA"
    )
    assert rendered(message).bodystructure == (
        b'("image" "PNG" ("name" "a;b.png" "x" "y") "<id@x>" "a \\"drawing\\"" "BASE64" 4 "Q2hlY2s=" '
        b'("attachment" ("filename" "a.png" "size" "3")) ("fr" "en-GB") "http://x.example/")'
    )
    assert rendered(message).body == (
        b'("image" "PNG" ("name" "a;b.png" "x" "y") "<id@x>" "a \\"drawing\\"" "BASE64" 4)'
    )


def test_example_of_the_standard_with_two_parts() -> None:
    message = multipart(
        b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n" + b"x" * 1106 + b"\r\n" * 23,
        b'Content-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME="cc.diff"\r\n'
        b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n"
        b"Content-Transfer-Encoding: BASE64\r\n\r\n" + b"x" * 4408 + b"\r\n" * 73,
        subtype=b"MIXED",
    )
    assert rendered(message).body == (
        b'(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7bit" 1152 23)'
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") "<960723163407.20117h@cac.washington.edu>" '
        b'"Compiler diff" "BASE64" 4554 73) "MIXED")'
    )


def test_encapsulated_message_has_envelope_body_and_lines() -> None:
    inner = b"From: a@b.example\r\nSubject: in\r\n\r\nx\r\ny\r\n"
    shown = structure(multipart(b"Content-Type: message/rfc822\r\n\r\n" + inner))
    assert isinstance(shown, list)
    assert isinstance(shown[0], list)
    sender = [[None, None, b"a", b"b.example"]]
    text = [b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit", 6, 2, None, None, None, None]
    assert shown[0][0] == [
        *(b"message", b"rfc822", None, None, None, b"7bit", len(inner)),
        [None, b"in", sender, sender, sender, None, None, None, None, None],
        text,
        *(5, None, None, None, None),
    ]


def test_digest_holds_messages_by_default() -> None:
    message = multipart(b"\r\nSubject: one\r\n\r\n1", b"Content-Type: text/plain\r\n\r\n2", subtype=b"digest")
    body = rendered(message).body
    assert body.startswith(b'(("message" "rfc822" NIL NIL NIL "7bit" 17 (NIL "one" ')
    assert b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0) "digest")' in body


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (b'URL*0=ftp://; URL*1="cs.utk.edu/x"', [b"URL", b"ftp://cs.utk.edu/x"]),
        (
            (
                b"title*0*=us-ascii'en'This%20is%20even%20more%20; "
                b'title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"'
            ),
            [b"title*", b"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20isn%27t%20it!"],
        ),
        (b"title*=us-ascii'en-us'This%20is%20%2A", [b"title*", b"us-ascii'en-us'This%20is%20%2A"]),
        (b"a*1=x; a*0=y", [b"a", b"yx"]),
        (b"a*0=x; a*2=y", [b"a*0", b"x", b"a*2", b"y"]),
        (b"a=1; ; b=2;", [b"a", b"1", b"b", b"2"]),
        (b'a (c) = (d) "x\\"y" (e)', [b"a", b'x"y']),
        (b'a="unclosed; b=c', [b"a", b"unclosed; b=c"]),
        (b"a=; b", [b"a", b""]),
        (b"n=\xe9", [b"n", b"\xe9"]),
    ],
)
def test_parameters(parameters: bytes, expected: Value) -> None:
    shown = structure(b"Content-Type: application/x; " + parameters + b"\r\n\r\n")
    assert isinstance(shown, list)
    assert shown[2] == expected


@pytest.mark.parametrize(
    "value", [b"", b"text", b"text/", b"/plain", b";charset=x", b"multipart", b"=?utf-8?q?text/plain?="]
)
def test_unreadable_type_is_plain_text(value: bytes) -> None:
    shown = structure(b"Content-Type: " + value + b"\r\n\r\nx")
    assert isinstance(shown, list)
    assert shown[:3] == [b"text", b"plain", [b"charset", b"us-ascii"]]


def test_first_type_and_encoding_count() -> None:
    shown = structure(b"Content-Type: text/html\r\nContent-Type: text/plain\r\n\r\n")
    assert isinstance(shown, list)
    assert shown[1] == b"html"


def test_unterminated_and_nested_multiparts_end_where_the_outer_one_says() -> None:
    inner = multipart(b"\r\nA", boundary=b"in", end=b"").removesuffix(b"\r\n--in--")
    shown = structure(multipart(inner, b"\r\nB", boundary=b"out"))
    assert isinstance(shown, list)
    assert isinstance(shown[0], list)
    first, second = shown[0]
    assert isinstance(first, list)
    assert isinstance(second, list)
    assert first[1] == b"mixed"
    assert second[6] == 1


def test_multipart_without_parts_shows_an_empty_text() -> None:
    empty = [b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit", 0, 0, None, None, None, None]
    assert structure(b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno delimiter") == [
        *([empty], b"mixed", [b"boundary", b"x"], None, None, None),
    ]


@pytest.mark.parametrize("boundary", [b"", b"; boundary=", b'; boundary=""'])
def test_multipart_without_boundary_is_text(boundary: bytes) -> None:
    shown = structure(b"Content-Type: multipart/mixed" + boundary + b"\r\n\r\n--x\r\n\r\nhello\r\n--x--\r\n")
    assert isinstance(shown, list)
    assert (shown[0], shown[6], shown[7]) == (b"text", 21, 4)


def test_boundary_may_be_a_prefix_of_another_or_the_same() -> None:
    for inner, outer in ((b"ab", b"a"), (b"a", b"ab"), (b"a", b"a")):
        shown = structure(multipart(multipart(b"\r\n1", b"\r\n22", boundary=inner), b"\r\n333", boundary=outer))
        assert isinstance(shown, list)
        assert isinstance(shown[0], list)
        nested, last = shown[0]
        assert isinstance(nested, list)
        assert isinstance(last, list)
        assert isinstance(nested[0], list)
        assert [part[6] for part in nested[0] if isinstance(part, list)] == [1, 2]
        assert last[6] == 3


def test_deep_nesting_ends_in_a_leaf() -> None:
    depth = 3 * MAX_DEPTH
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%03d\r\n\r\n--b%03d\r\n" % (n, n) for n in range(depth))
    for message in (head, b"Content-Type: message/rfc822\r\n\r\n" * depth):
        body = rendered(message).body
        assert body.count(b'"application" "octet-stream"') == 1
        assert max(body.count(b'"mixed"'), body.count(b'"rfc822"')) == MAX_DEPTH - 1


def test_parts_beyond_the_limit_are_in_the_last_one() -> None:
    message = multipart(*[b"\r\nx"] * (MAX_PARTS + 500), boundary=b"b")
    body = rendered(message).body
    assert MAX_PARTS - 2 <= body.count(b'"plain"') <= MAX_PARTS
