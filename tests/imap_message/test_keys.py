"""Sort and thread keys (RFC 5256 2 and 3, RFC 5957 3)."""

from __future__ import annotations

import msgspec
import pytest

from imap.message import SortKeys, ThreadKeys, render
from imap.message.keys import MAX_REFERENCES, base_subject, sent_at


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("Hello", "Hello", False),
        ("Re: Hello", "Hello", True),
        ("RE : [list] re[2]:  Hello  World (fwd) (FWD) ", "Hello World", True),
        ("[list] [other] Hello", "Hello", False),
        ("[list]", "[list]", False),
        ("[a] [b]", "[b]", False),
        ("fw: x", "x", True),
        ("Fwd[x]: x", "x", True),
        ("[fwd: Re: Hello]", "Hello", True),
        ("[Fwd: [Fwd: a]]", "a", True),
        ("Re:", "", True),
        ("(fwd)", "", True),
        ("Regarding: x", "Regarding: x", False),
        ("=?utf-8?q?Re:_=C3=A9t=C3=A9?=", "été", True),
        ("", "", False),
    ],
)
def test_base_subject(subject: str, base: str, is_reply: bool) -> None:  # noqa: FBT001
    assert base_subject(subject.encode()) == (base, is_reply)


def test_keys_of_a_message() -> None:
    message = render(
        b"Date: Mon, 2 Nov 2026 08:00:00 +0100\r\nSubject: Re: =?utf-8?q?R=C3=89UNION?=\r\n"
        b"From: =?utf-8?q?Zo=C3=A9?= DUPONT <Zoe.Dupont@x.example>, b@y.example\r\nTo: Class 6A: c@z.example;\r\n"
        b'Message-ID: <1@x.example>\r\nReferences: <a@x> junk <"b c"@x>\r\n <a@x>\r\nIn-Reply-To: <z@x>\r\n\r\n'
    )
    assert message.sort == SortKeys(
        sent_at=1793602800,
        subject="RE\u0301UNION",
        from_="ZOE.DUPONT",
        to="CLASS 6A",
        cc="",
        display_from="ZOE\u0301 DUPONT",
        display_to="CLASS 6A",
    )
    assert message.thread == ThreadKeys("1@x.example", ("a@x", "b c@x", "a@x"), is_reply=True)


def test_display_falls_back_to_the_address() -> None:
    sort = render(b"From: A@X.example\r\nTo: <>\r\n\r\n").sort
    assert (sort.display_from, sort.display_to) == ("A@X.EXAMPLE", "MISSING_MAILBOX@MISSING_DOMAIN")


@pytest.mark.parametrize(
    "date", [b"", b"yesterday", b"Mon, 99 Nov 2026 08:00:00 +0100", b"1 " * 1000, b"\xff", b"0" * 300]
)
def test_date_that_says_nothing(date: bytes) -> None:
    assert render(b"Date: " + date + b"\r\n\r\n").sort.sent_at is None


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (b"Sun, 31 Dec 2000 16:01:33 -0800", 978307293),
        (b"31 Dec 2000 16:01:33 XYZ", 978278493),
        (b"31 Dec 2000 16:01:33 -9999", 978278493),
        (b"31 Dec 2000 16:01:60 +0000", 978278520),
        (b"31 Dec 2000 99:01:33 +0000", 978220800),
        (b"Sun, 31 Dec 2000", 978220800),
        (b"31 Dec 2000 noon", 978220800),
    ],
)
def test_sent_date(date: bytes, expected: int) -> None:
    assert sent_at(date) == expected


def test_keys_are_stored_in_few_octets() -> None:
    message = render(b"Subject: =?utf-8?q?=C3=A9t=C3=A9?=\r\nMessage-ID: <a@x>\r\nReferences: <b@x>\r\n\r\n")
    assert SortKeys.decode(message.sort_keys) == message.sort
    assert ThreadKeys.decode(message.thread_keys) == message.thread
    for other in (b"", b"\x80", b"\x90", b"\x81\xa7subject\xa0"):
        with pytest.raises(msgspec.DecodeError):
            SortKeys.decode(other)
        with pytest.raises(msgspec.DecodeError):
            ThreadKeys.decode(other)


def test_in_reply_to_stands_in_for_missing_references() -> None:
    thread = render(b"References: none\r\nIn-Reply-To: Yours <b@x> and <c@x>\r\n\r\n").thread
    assert thread == ThreadKeys("", ("b@x",), is_reply=False)


def test_references_are_bounded_but_keep_the_root_and_the_parent() -> None:
    chain = b"".join(b"<%d@x>\r\n " % number for number in range(1000))
    references = render(b"References: " + chain + b"\r\n\r\n").thread.references
    assert len(references) == MAX_REFERENCES
    assert (references[0], references[-1]) == ("0@x", "999@x")
