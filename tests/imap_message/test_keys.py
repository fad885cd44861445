"""Sort and thread keys (RFC 5256 2 and 3, RFC 5957 3)."""

from __future__ import annotations

import pytest

from imap.message import SortKeys, ThreadKeys, render
from imap.message.keys import MAX_REFERENCES, base_subject


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
        subject="réunion",
        from_="zoe.dupont",
        to="class 6a",
        cc="",
        display_from="zoé dupont",
        display_to="class 6a",
    )
    assert message.thread == ThreadKeys("1@x.example", ("a@x", "b c@x"), is_reply=True)


def test_display_falls_back_to_the_address() -> None:
    sort = render(b"From: A@X.example\r\nTo: <>\r\n\r\n").sort
    assert (sort.display_from, sort.display_to) == ("a@x.example", "missing_mailbox@missing_domain")


@pytest.mark.parametrize(
    "date", [b"", b"yesterday", b"Mon, 99 Nov 2026 08:00:00 +0100", b"1 " * 1000, b"\xff", b"0" * 300]
)
def test_date_that_says_nothing(date: bytes) -> None:
    assert render(b"Date: " + date + b"\r\n\r\n").sort.sent_at is None


def test_in_reply_to_stands_in_for_missing_references() -> None:
    thread = render(b"References: none\r\nIn-Reply-To: Yours <b@x> and <c@x>\r\n\r\n").thread
    assert thread == ThreadKeys("", ("b@x",), is_reply=False)


def test_references_are_bounded_but_keep_the_root_and_the_parent() -> None:
    chain = b"".join(b"<%d@x>\r\n " % number for number in range(1000))
    references = render(b"References: " + chain + b"\r\n\r\n").thread.references
    assert len(references) == MAX_REFERENCES
    assert (references[0], references[-1]) == ("0@x", "999@x")
