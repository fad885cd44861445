"""What is read and mended in a header, whose address From is, and the Received field."""

from __future__ import annotations

import contextlib
import io
import random
import re
import tempfile
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.message import render
from imap.message.header import split_fields
from smtp.addresses import parse_addresses
from smtp.handler import Envelope, Peer, Sender, SmtpError, Transaction
from smtp.header import Field, Header, read_fields
from smtp.message import BLOCK, Prepared, prepare, read_header, writers
from smtp.trace import received

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
TRACE = b"Received: from a by b; c\r\n"
FROM = b"From: a@b.example\r\n"
PIECES = st.sampled_from([b"A: b", b"a", b":", b" ", b"\r\n", b"Content-Type : x/y", b"\t", b"\xff"])


def envelope(**changes: object) -> Envelope:
    values: dict[str, object] = {
        "peer": Peer("203.0.113.7", 50_000, "TLSv1.3 TLS_AES_256_GCM_SHA384"),
        "helo": "PC-DE-MARIE",
        "sender": Sender(1, "marie"),
        "mail_from": "marie@ecole.example",
    }
    return Envelope(**{**values, **changes})  # type: ignore[arg-type]


def mend(message: bytes, **changes: object) -> tuple[Prepared, bytes]:
    content = io.BytesIO(message)
    header = read_header(content)
    prepared = prepare(header, envelope(**changes), [Field.of(TRACE)], hostname="mail.ecole.example", now=NOW)
    return prepared, b"".join(prepared.blocks(content))


def test_a_complete_message_gets_a_trace_and_keeps_its_octets() -> None:
    message = b"From: Marie <marie@ecole.example>\r\nDate: x\r\nMessage-ID: <1@x>\r\nSubject: a\r\n b\r\n"
    message += b"\r\nbody\r\n\r\nend\r\n"
    prepared, whole = mend(message)
    assert whole == TRACE + message
    assert prepared.authors == ("marie@ecole.example",)
    assert prepared.message_id == "<1@x>"
    assert prepared.sender is None


def test_what_is_missing_is_added() -> None:
    prepared, whole = mend(b"Subject: a\r\n\r\nbody\r\n")
    parsed = message_from_bytes(whole)
    assert parsed["From"] == "<marie@ecole.example>"
    assert parsed["Date"] == "Sun, 22 Nov 2026 10:30:00 +0000"
    assert re.fullmatch(r"<[0-9a-f]{32}@mail\.ecole\.example>", prepared.message_id)
    assert parsed["Message-ID"] == prepared.message_id
    assert whole.endswith(b"\r\n\r\nbody\r\n")


def test_hidden_recipients_are_removed() -> None:
    message = (
        b"From: a@b\r\nBCC: x@y,\r\n z@y\r\nTo: c@d\r\nResent-Bcc : q@y\r\nReturn-Path: <r@y>\r\n\r\nBcc: body\r\n"
    )
    _, whole = mend(message)
    header, _, body = whole.partition(b"\r\n\r\n")
    assert b"@y" not in header
    assert b"To: c@d" in header
    assert body == b"Bcc: body\r\n"


def test_empty_and_doubled_fields_are_mended() -> None:
    prepared, whole = mend(b"From:\r\nFrom: a@b\r\nDate: \r\nDate: x\r\nDate: y\r\nMessage-ID:\r\n\r\n")
    assert prepared.authors == ("a@b",)
    parsed = message_from_bytes(whole)
    assert parsed.get_all("Date") == ["x"]
    assert parsed.get_all("From") == ["a@b"]
    assert parsed.get_all("Message-ID") == [prepared.message_id]


@pytest.mark.parametrize(
    ("message", "header", "body"),
    [
        (b"", b"", b""),
        (b"\r\n", b"", b""),
        (b"\r\nbody", b"", b"body"),
        (b"A: b", b"A: b\r\n", b""),
        (b"A: b\r\n", b"A: b\r\n", b""),
        (b"A: b\r\n\r\n", b"A: b\r\n", b""),
        (b"A: b\r\nno field\r\nC: d\r\n\r\nbody", b"A: b\r\n", b"no field\r\nC: d\r\n\r\nbody"),
        (b"no field\r\n", b"", b"no field\r\n"),
        (b" folded\r\nA: b\r\n", b"", b" folded\r\nA: b\r\n"),
        (b"no end", b"", b"no end"),
        (b"A: b\r\n c", b"A: b\r\n c\r\n", b""),
        (b"A: b\r\nC: d\r\n\t", b"A: b\r\nC: d\r\n\t\r\n", b""),
        (b"A: b\r\nC", b"A: b\r\n", b"C"),
        (b"A: b\r\n \r\nC: d\r\n\r\nbody", b"A: b\r\n \r\nC: d\r\n", b"body"),
        (b"A: b\r\n: c\r\n\r\nbody", b"A: b\r\n", b": c\r\n\r\nbody"),
        (b"A: b\r\nC d: e\r\n\r\nbody", b"A: b\r\n", b"C d: e\r\n\r\nbody"),
        (b"A: b\r\n\xc3\xa9: c\r\n\r\nbody", b"A: b\r\n", b"\xc3\xa9: c\r\n\r\nbody"),
        (b"From a@b Mon Nov 23\r\nA: b\r\n\r\nbody", b"", b"From a@b Mon Nov 23\r\nA: b\r\n\r\nbody"),
        (b"A : \xff\x00\r\nB:\r\n\r\n\r\nbody", b"A : \xff\x00\r\nB:\r\n", b"\r\nbody"),
        (b"A: " + b"x" * 5_000 + b"\r\n\r\nbody", b"A: " + b"x" * 5_000 + b"\r\n", b"body"),
    ],
)
def test_where_a_header_ends_an_empty_line_is_put_for_whoever_reads_on(
    message: bytes, header: bytes, body: bytes
) -> None:
    content = io.BytesIO(message)
    found = read_header(content)
    assert found.octets == header + b"\r\n"
    assert content.getvalue() == header + b"\r\n" + body
    assert read_header(content) == found


@given(st.lists(PIECES), st.booleans())
def test_imap_reads_the_same_fields_and_the_same_body(pieces: list[bytes], ended: bool) -> None:  # noqa: FBT001
    content = io.BytesIO(b"".join(pieces) + b"\r\n" * ended)
    header = read_header(content)
    shown = render(content.getvalue())
    assert shown.header == header.octets
    assert [(name, raw + b"\n") for name, raw in split_fields(shown.header)] == [
        (one.name, one.whole) for one in header.fields
    ]


def test_a_long_body_moves_on_for_the_empty_line() -> None:
    body = random.Random(1).randbytes(2 * BLOCK + 1_234).replace(b"\n", b"").replace(b"\r", b"")
    with tempfile.SpooledTemporaryFile(BLOCK) as content:
        content.write(FROM + body)
        read_header(content)
        content.seek(0)
        assert content.read() == FROM + b"\r\n" + body


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"Message-ID: <1@x>\r\n", "<1@x>"),
        (b"Message-ID:\r\n <1@x>\r\n", "<1@x>"),
        (b"Message-ID: (of a program) <1@x>\r\n", "<1@x>"),
        (b"Message-ID: <1@x>\r\nMessage-ID: <2@x>\r\n", "<1@x>"),
        (b"Message-ID: 1\r\nMESSAGE-ID : <2@x>\r\n", "<2@x>"),
        (b"Message-ID: 1@x\r\n", ""),
        (b"Message-ID: <1\r\n @x>\r\n", ""),
        (b"Message-ID: <>\r\n", ""),
        (b"", ""),
    ],
)
def test_there_is_one_reading_of_the_message_id(header: bytes, found: str) -> None:
    assert Header(read_fields(header)).message_id == found
    prepared, whole = mend(FROM + header + b"\r\n")
    assert prepared.message_id == (found or prepared.message_id) != ""
    shown = render(whole)
    assert shown.envelope.endswith(b'%b")' % prepared.message_id.encode())
    assert shown.header.lower().count(b"message-id") == 1


@pytest.mark.parametrize("line", [b"A: b\r\n", b"A: b\r\n" + b" c\r\n" * 400, b"A: " + b"x" * 1_500 + b"\r\n"])
def test_a_header_over_the_limit_is_refused(line: bytes) -> None:
    with pytest.raises(SmtpError, match=r"^554 5\.6\.0"):
        read_header(io.BytesIO(line * 1_000), limit=1_000)


def test_a_body_that_looks_endless_is_no_header() -> None:
    assert read_header(io.BytesIO(b"A: b\r\nbody\r\n" + b"x" * 5_000), limit=1_000).octets == b"A: b\r\n\r\n"


@pytest.mark.parametrize(
    "header",
    [
        b"From: a@b\r\nFrom: c@d\r\n",
        b"From: a@b\r\nfrom : c@d\r\n",
        b"From: a@b c@d\r\n",
        b"From: a@b <c@d> e@f\r\n",
        b"From: Dupont, Jean <a@b>\r\n",
        b"From: <a@b\r\n",
        b"From: a@b>\r\n",
        b'From: "a <a@b>\r\n',
        b"From: a(b@c\r\n",
        b"From: a b@c\r\n",
        b"From: a@b@c\r\n",
        b"From: a\xff@b\r\n",
        b"From: a\0@b\r\n",
        b"From: undisclosed:;\r\n",
        b"From: nobody\r\n",
        b"From: <>\r\n",
        b"From: a@b\r\nSender: c@d\r\nSender: e@f\r\n",
        b"From: a@b\r\nSender: c@d, e@f\r\n",
        b"From: \\a@b\r\n",
    ],
)
def test_an_author_in_doubt_is_refused(header: bytes) -> None:
    with pytest.raises(SmtpError, match=r"^554 5\.6\.0"):
        mend(header + b"\r\n")


@pytest.mark.parametrize("field", [b"", b"Sender:\r\n", b"Sender: Nobody:;\r\n"])
def test_a_sender_may_be_nobody(field: bytes) -> None:
    assert mend(FROM + field + b"\r\n")[0].sender is None


def test_no_author_at_all_is_refused() -> None:
    with pytest.raises(SmtpError, match="no author"):
        mend(b"Subject: a\r\n\r\n", mail_from="")


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a@b", ["a@b"]),
        ("Marie <a@b>", ["a@b"]),
        ('"victime@x" <a@b>', ["a@b"]),
        ("=?utf-8?q?victime=40x?= <a@b>", ["a@b"]),
        ("a@b (victime@x)", ["a@b"]),
        ("a@b (un (deux \\) <c@d>) trois)", ["a@b"]),
        ("victime@x <a@b>", ["victime@x", "a@b"]),
        ("M. Hôte [CPE] <a@b>, B <c@d>,, e@f", ["a@b", "c@d", "e@f"]),
        ("Classe: a@b, C <c@d>;, e@f", ["a@b", "c@d", "e@f"]),
        ("Classe: a@b", ["a@b"]),
        ('"a"@b', ["a@b"]),
        ('"a b"@c', ['"a b"@c']),
        (' a . "b" @ c . d ', ["a.b@c.d"]),
        ("<@x,@y:a@b>", ["a@b"]),
        ("a@[192.0.2.1]", ["a@[192.0.2.1]"]),
        ("=?utf-8?q?a?=@b", ["=?utf-8?q?a?=@b"]),
        ("élève@école.example", ["élève@école.example"]),
        ("", []),
        ("Groupe:;", []),
    ],
)
def test_addresses_of_a_field(text: str, addresses: list[str]) -> None:
    assert parse_addresses(text) == addresses
    if addresses:
        assert writers(Header(read_fields(f"From: {text}\r\n".encode()))) == (tuple(addresses), None)


@given(st.text(alphabet=st.sampled_from('ab@.,;:<>()[]\\" \té')))
def test_no_from_field_makes_the_parser_fall_or_hides_the_address_others_see(text: str) -> None:
    with contextlib.suppress(ValueError):
        found = parse_addresses(text)
        shown = parseaddr(text)[1]
        # Python's own reader is one of the mail programs that must not be made to show another author.
        if re.fullmatch(r"[a-zé]+@[a-zé]+", shown):
            assert shown in found


@given(st.binary(max_size=300))
def test_no_message_makes_the_preparation_fall(message: bytes) -> None:
    with contextlib.suppress(SmtpError):
        mend(message.replace(b"\n", b"\r\n"))
        mend(b"From: " + message)


def test_a_deep_comment_is_no_deep_call() -> None:
    assert parse_addresses("(" * 100_000 + ")" * 100_000 + "a@b") == ["a@b"]


def test_the_trace_keeps_the_writer_s_address_private() -> None:
    field = received(envelope(), hostname="mail.ecole.example", identity="4f2a", when=NOW)
    assert field == (
        b"Received: from [127.0.0.1] (localhost [127.0.0.1])\r\n"
        b"\tby mail.ecole.example with ESMTPSA id 4f2a\r\n"
        b"\ttls TLS_AES_256_GCM_SHA384;\r\n"
        b"\tSun, 22 Nov 2026 10:30:00 +0000\r\n"
    )


@pytest.mark.parametrize(
    ("helo", "host", "origin"),
    [
        ("pc.ecole.example", "203.0.113.7", "pc.ecole.example ([203.0.113.7])"),
        ("PC_MARIE", "203.0.113.7", "[203.0.113.7] ([203.0.113.7])"),
        ("[127.0.0.1]", "2001:db8::1", "[IPv6:2001:db8::1] ([IPv6:2001:db8::1])"),
        ("x\r\nBcc: a@b", "fe80::1%eth0", "[IPv6:fe80::1] ([IPv6:fe80::1])"),
    ],
)
def test_the_trace_tells_all_where_it_may_and_is_never_injected(helo: str, host: str, origin: str) -> None:
    seen = envelope(helo=helo, peer=Peer(host, 1, "TLSv1.2 ECDHE-RSA-AES256-GCM-SHA384"), smtputf8=True)
    field = received(seen, hostname="mail.ecole.example", identity="4f2a", when=NOW, disclose=True).decode()
    assert field.startswith(
        f"Received: from {origin}\r\n\tby mail.ecole.example with UTF8SMTPSA id 4f2a\r\n\t(TLSv1.2 ECDHE"
    )
    assert field.count("\r\n") == 4
    with pytest.raises(ValueError, match="identity"):
        received(seen, hostname="mail", identity="a\r\nb", when=NOW)


@pytest.mark.parametrize(
    ("changes", "protocol"),
    [
        ({"extended": False}, "SMTP"),
        ({}, "ESMTP"),
        ({"tls": "TLSv1.3 TLS_AES_256_GCM_SHA384"}, "ESMTPS"),
        ({"tls": "TLSv1.3 TLS_AES_256_GCM_SHA384", "smtputf8": True}, "UTF8SMTPS"),
        ({"lmtp": True}, "LMTP"),
        ({"lmtp": True, "tls": "TLSv1.3 TLS_AES_256_GCM_SHA384"}, "LMTPS"),
        ({"lmtp": True, "smtputf8": True}, "UTF8LMTP"),
    ],
)
def test_trace_of_what_another_server_sent(changes: dict[str, Any], protocol: str) -> None:
    tls = changes.pop("tls", "")
    seen = Transaction(Peer("192.0.2.7", 1, tls), "relay.example", "a@x.example", **changes)
    field = received(seen, hostname="mx.ecole.example", identity="4f2a", when=NOW, disclose=True).decode()
    assert field.startswith(
        "Received: from relay.example ([192.0.2.7])\r\n\tby mx.ecole.example with " + protocol + " id"
    )
