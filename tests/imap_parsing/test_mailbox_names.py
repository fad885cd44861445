"""Mailbox names: modified UTF-7 or UTF-8, one spelling each."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imap.errors import BadCommand
from imap.parsing import utf7
from imap.parsing.list import List
from imap.parsing.mailbox import Delete
from imap.parsing.wire import mailbox_name
from tests.imap_parsing.framing import parse

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", b"INBOX"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("Élèves & parents", b"&AMk-l&AOg-ves &- parents"),
        ("Hi Mom -☺-!", b"Hi Mom -&Jjo--!"),
        ("&-", b"&--"),
        ("😀", b"&2D3eAA-"),
        ("", b""),
    ],
)
def test_modified_utf7(name: str, encoded: bytes) -> None:
    assert utf7.encode(name) == encoded
    assert utf7.decode(encoded) == name


@given(NAMES)
@example("&é&")
def test_utf7_round_trip(name: str) -> None:
    assert utf7.decode(utf7.encode(name)) == name


@given(st.binary() | st.text("&-AOkBUZ,/=+ é").map(str.encode))
def test_only_what_is_encoded_so_is_decoded(encoded: bytes) -> None:
    try:
        name = utf7.decode(encoded)
    except ValueError:
        return
    assert utf7.encode(name) == encoded


@given(NAMES, st.booleans())
def test_a_name_that_was_sent_comes_back(name: str, utf8: bool) -> None:  # noqa: FBT001
    wire = b"A DELETE " + mailbox_name(name, utf8=utf8)
    try:
        command = parse(wire, utf8=utf8)
    except BadCommand:
        assert any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in name)
        return
    assert isinstance(command, Delete)
    expected = unicodedata.normalize("NFC", name)
    assert command.name == expected or command.name.upper().startswith("INBOX")


def test_long_names_are_decoded_in_linear_time() -> None:
    start = time.process_time()
    with pytest.raises(ValueError, match="UTF-7"):
        utf7.decode(b"&" * 60_000)
    assert time.process_time() - start < 0.5


def test_one_spelling_for_both_kinds_of_session() -> None:
    assert parse(b"A DELETE &AOk-") == parse('A DELETE "é"'.encode(), utf8=True) == Delete("é")
    assert parse('A DELETE "e\u0301"'.encode(), utf8=True) == Delete("é")
    assert parse(b"A DELETE &-", utf8=True) == Delete("&-")


@pytest.mark.parametrize("name", [b"a&b", b'"\xe9"', b"&AGE-"])
def test_names_that_are_no_utf8(name: bytes) -> None:
    if name == b'"\xe9"':
        with pytest.raises(BadCommand):
            parse(b"A DELETE " + name, utf8=True)
    else:
        assert parse(b"A DELETE " + name, utf8=True) == Delete(name.decode())


@pytest.mark.parametrize("control", ["\x01", "\x7f", "\x85", "\u2028"])
@pytest.mark.parametrize("utf8", [True, False])
def test_control_characters_are_refused(control: str, utf8: bool) -> None:  # noqa: FBT001
    with pytest.raises(BadCommand):
        parse(b"A DELETE " + mailbox_name(control, utf8=utf8), utf8=utf8)


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (b"inbox", "INBOX"),
        (b'"InBoX"', "INBOX"),
        (b"{5}\r\ninbox", "INBOX"),
        (b"inbox/Classe", "INBOX/Classe"),
        (b"inboxes", "inboxes"),
        (b"x/inbox", "x/inbox"),
    ],
)
def test_inbox_is_written_in_any_case(wire: bytes, name: str) -> None:
    assert parse(b"A DELETE " + wire) == Delete(name)


def test_patterns_keep_their_wildcards() -> None:
    assert parse(b'A LIST "inbox/" &AOk-*%') == List("INBOX/", ("é*%",))
