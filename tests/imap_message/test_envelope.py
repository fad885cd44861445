"""ENVELOPE (RFC 9051 7.5.2): original texts, addresses in all their forms, defaults, literals where needed."""

from __future__ import annotations

import pytest

from imap.message import render_message_id
from tests.imap_message.checks import rendered
from tests.imap_message.grammar import Value, read_envelope

FIELDS = ("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc", "in-reply-to", "message-id")


def envelope(header: bytes) -> dict[str, Value]:
    fields = read_envelope(rendered(header + b"\r\n").envelope)
    assert isinstance(fields, list)
    return dict(zip(FIELDS, fields, strict=True))


def test_example_of_the_standard() -> None:
    header = (
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
        b"From: Terry Gray <gray@cac.washington.edu>\r\n"
        b"Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
        b"To: imap@cac.washington.edu\r\n"
        b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
        b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
        b"MIME-Version: 1.0\r\n"
        b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"
        b"\r\n"
    )
    message = rendered(header + b"x" * 2936 + b"\r\n" * 46)
    assert message.envelope == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) '
        b'NIL NIL "<B27397-0100000@cac.washington.edu>")'
    )
    assert message.body == b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7bit" 3028 46)'


def test_absent_fields_are_nil_and_empty_ones_are_empty() -> None:
    assert set(envelope(b"X: y\r\n").values()) == {None}
    shown = envelope(b"Subject:\r\nDate: \r\nMessage-ID:\r\nIn-Reply-To:\r\nTo:\r\n")
    assert [shown[name] for name in ("subject", "date", "message-id", "in-reply-to", "to")] == [
        b"",
        b"",
        b"",
        b"",
        None,
    ]


def test_sender_and_reply_to_default_to_from() -> None:
    shown = envelope(b"From: a@b.example\r\nSender: \r\n")
    assert shown["sender"] == shown["reply-to"] == shown["from"] == [[None, None, b"a", b"b.example"]]
    shown = envelope(b"From: a@b.example\r\nSender: c@d.example\r\nReply-To: e@f.example\r\n")
    assert shown["sender"] == [[None, None, b"c", b"d.example"]]
    assert shown["reply-to"] == [[None, None, b"e", b"f.example"]]


def test_fields_of_one_name_are_one_list_of_addresses() -> None:
    shown = envelope(b"To: a@b.example\r\nX: y\r\nto : c@d.example\r\n")
    assert shown["to"] == [[None, None, b"a", b"b.example"], [None, None, b"c", b"d.example"]]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"a@b.example", [[None, None, b"a", b"b.example"]]),
        (b"<a@b.example>", [[None, None, b"a", b"b.example"]]),
        (b'"Doe, \\"J\\" \\\\ " <a@b.example>', [[b'Doe, "J" \\', None, b"a", b"b.example"]]),
        (b"J. R. Doe <a@b.example>", [[b"J. R. Doe", None, b"a", b"b.example"]]),
        (b"a@b.example (Jo (the) Doe)", [[b"Jo (the) Doe", None, b"a", b"b.example"]]),
        (b"a@b.example (Jo\\) Doe)", [[b"Jo) Doe", None, b"a", b"b.example"]]),
        (b"Jo <a@b.example> (home)", [[b"Jo", None, b"a", b"b.example"]]),
        (b'"a b"@c.example', [[None, None, b"a b", b"c.example"]]),
        (b'"x"y <a@b.example>', [[b"x y", None, b"a", b"b.example"]]),
        (b"a@[192.0.2.1]", [[None, None, b"a", b"[192.0.2.1]"]]),
        (b"<@r1.example,@r2.example:a@b.example>", [[None, b"@r1.example,@r2.example", b"a", b"b.example"]]),
        (b"Pete . B @ c . example", [[None, None, b"Pete.B", b"c.example"]]),
        (b"root", [[None, None, b"root", b"MISSING_DOMAIN"]]),
        (b"<root>", [[None, None, b"root", b"MISSING_DOMAIN"]]),
        (b"Only A Name", [[b"Only A Name", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"]]),
        (b'"Name"', [[b"Name", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"]]),
        (b"Nobody <>", [[b"Nobody", None, b"MISSING_MAILBOX", b"MISSING_DOMAIN"]]),
        (b"a@x.example <b@y.example>", [[b"a@x.example", None, b"b", b"y.example"]]),
        (b"Big Bug bb@bug.example", [[b"Big Bug", None, b"bb", b"bug.example"]]),
        (
            b"A <a@b.example> B <c@d.example>",
            [[b"A", None, b"a", b"b.example"], [b"B", None, b"c", b"d.example"]],
        ),
        (b"A <a@b.example> junk, c@d.example", [[b"A", None, b"a", b"b.example"], [None, None, b"c", b"d.example"]]),
        (b"a@b.example,, ,c@d.example,", [[None, None, b"a", b"b.example"], [None, None, b"c", b"d.example"]]),
        (b", ;", None),
        (b"=?utf-8?q?=C3=89?= <a@b.example>", [[b"=?utf-8?q?=C3=89?=", None, b"a", b"b.example"]]),
        (
            b"undisclosed-recipients:;",
            [[None, None, b"undisclosed-recipients", None], [None, None, None, None]],
        ),
        (
            b'"The 6A": a@b.example, "C" <c@d.example>; , e@f.example',
            [
                [None, None, b"The 6A", None],
                [None, None, b"a", b"b.example"],
                [b"C", None, b"c", b"d.example"],
                [None, None, None, None],
                [None, None, b"e", b"f.example"],
            ],
        ),
        (
            b"open: a@b.example",
            [[None, None, b"open", None], [None, None, b"a", b"b.example"], [None, None, None, None]],
        ),
    ],
)
def test_address_forms(field: bytes, expected: Value) -> None:
    assert envelope(b"To: " + field + b"\r\n")["to"] == expected


def test_text_keeps_its_spaces_but_folds_become_one() -> None:
    shown = envelope(b"Subject: a  b\r\n\t c\r\n \r\n d \r\nDate: 1\r\n\t2\r\n")
    assert (shown["subject"], shown["date"]) == (b"a  b c d", b"1 2")


def test_eight_bit_text_is_a_literal() -> None:
    message = rendered("Subject: été\r\nFrom: Zoé <zoé@é.example>\r\n\r\n".encode())
    assert b"{5}\r\n\xc3\xa9t\xc3\xa9 " in message.envelope
    assert b"({4}\r\nZo\xc3\xa9 NIL {4}\r\nzo\xc3\xa9 {10}\r\n\xc3\xa9.example)" in message.envelope


def test_nul_and_bare_cr_never_stand_in_a_quoted_string() -> None:
    shown = envelope(b"Subject: a\0b\rc\r\nFrom: x\0y\r@z.example\r\n")
    assert shown["subject"] == b"ab\rc"
    assert envelope(b"From: \0\r\n")["from"] is None
    assert b"\0" not in rendered(b"Subject: a\0b\r\n\r\n").envelope


def test_last_subject_counts() -> None:
    assert envelope(b"Subject: one\r\nSubject: two\r\n")["subject"] == b"two"


def test_mbox_line_in_front_is_no_field() -> None:
    shown = envelope(b"From someone@x.example Sat Jan  3 01:05:34 1996\r\nFrom: a@b.example\r\n")
    assert shown["from"] == [[None, None, b"a", b"b.example"]]


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b"Message-ID:\r\n",
        b"Message-ID: <a@b.example>\r\n",
        b"message-id :\r\n <a@\r\n\tb.example>  \r\n",
        b"Message-ID: <one@b.example>\r\nMESSAGE-ID: <two@b.example>\r\n",
        b'Message-ID: <"a\\" b"@b.example> (c)\r\n',
        b"Message-ID: <\xc3\xa9\0@b.example>\r\n",
        b"X: y\r\n\r\nMessage-ID: <body@b.example>\r\n",
        b"Message-ID: <" + b"a" * 70_000 + b"@b.example>\r\nMessage-ID: <late@b.example>\r\n",
    ],
    ids=lambda field: repr(field[:30]),
)
def test_the_message_id_alone_is_as_the_whole_has_it(field: bytes) -> None:
    for content in (field, field + b"\r\ntext", b"Subject: x\r\n" + field + b"\r\n", b"\r\n" + field):
        assert rendered(content).envelope.endswith(render_message_id(content))
