"""What a server sends, cut anywhere, whole or broken, honest or not."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.transfer import imap_wire
from mailgate.transfer.imap_answers import fetched_of, flags_of, items_of, levels_of, uid_set
from mailgate.transfer.imap_wire import Framer, Oversize, Response, WireError, discard, values
from mailgate.transfer.spool import IN_MEMORY
from tests.transfer.mail import octets

CONVERSATION = (
    b"* OK [CAPABILITY IMAP4rev1] ready {5}\r\n"
    b'* LIST (\\HasNoChildren) "/" "A * B \\"C\\" \\\\"\r\n'
    b"* LIST () NIL {5}\r\nINBOX\r\n"
    b'* 1 FETCH (UID 7 FLAGS (\\Seen $X) INTERNALDATE " 7-Sep-2026 08:30:00 +0200" BODY[] {12}\r\n'
    b")\r\n* 2 FETCH MODSEQ (5))\r\n"
    b'* 2 FETCH (BODY[] "" UID 8)\r\n'
    b"* 3 FETCH (UID 9 BODY[] NIL)\r\n"
    b"* 4 FETCH (BODY[] {0}\r\n UID 10)\r\n"
    b"A1 OK done {3}\r\n"
)


def read(framer: Framer, pieces: list[bytes]) -> list[list[bytes | Oversize]]:
    found: list[Response] = [response for piece in pieces for response in framer.feed(piece)]
    return [[part if isinstance(part, Oversize) else octets(part) for part in response] for response in found]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, len(CONVERSATION)), max_size=30))
def test_where_it_is_cut_makes_no_difference(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(CONVERSATION)]
    pieces = [CONVERSATION[start:end] for start, end in itertools.pairwise(bounds)]
    framer = Framer(1000)
    found = read(framer, pieces)
    assert framer.idle
    assert [len(response) for response in found] == [1, 1, 3, 3, 1, 1, 3, 1]
    assert values(found[1], 7) == [[b"\\HasNoChildren"], b"/", b'A * B "C" \\']
    assert values(found[2], 7) == [[], None, b"INBOX"]
    first = fetched_of(items_of(found[3]))
    assert first is not None
    assert (first.uid, first.content, first.keywords) == (7, b")\r\n* 2 FETCH", ("$X",))
    assert first.internal_date == 1788762600
    contents = [message and message.content for message in map(fetched_of, map(items_of, found[4:7]))]
    assert contents == [b"", None, b""]


def test_a_large_literal_goes_to_a_file_and_a_larger_one_nowhere() -> None:
    framer = Framer(2 * IN_MEMORY)
    for size in (IN_MEMORY, 2 * IN_MEMORY, 2 * IN_MEMORY + 1):
        (found,) = framer.feed(b"* 1 FETCH (BODY[] {%d}\r\n" % size + b"x" * size + b" UID 3)\r\n")
        literal = found[1]
        assert isinstance(literal, Oversize) is (size > 2 * IN_MEMORY)
        assert isinstance(literal, bytes) is (size <= IN_MEMORY)
        assert values(found, len(b"* 1 FETCH "))[0] == [b"BODY[]", literal, b"UID", b"3"]
        discard(found)


def test_a_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_wire, "MAX_TEXT", 1000)
    framer = Framer(1000)
    with pytest.raises(WireError):
        list(framer.feed(b"x" * 1001))
    framer = Framer(1000)
    with pytest.raises(WireError):
        list(framer.feed(b"a b {1}\r\nx" * 200))
    framer.close()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.lists(st.sampled_from([b"(", b")", b'"', b"\\", b"NIL", b" ", b"a", b"{3}\r\n"])))
def test_any_octets_are_read_or_refused(octets_: bytes, tokens: list[bytes]) -> None:
    for data in (octets_, b"".join(tokens) + b"\r\n", b"* 1 FETCH (" + b" ".join(tokens) + b")\r\n"):
        framer = Framer(100)
        for response in framer.feed(data):
            with contextlib.suppress(WireError):
                fetched_of(items_of(response))
            discard(response)
        framer.close()


def test_nesting_is_bounded() -> None:
    with pytest.raises(WireError):
        values([b"(" * 5000 + b")" * 5000])


def test_sets_names_and_flags() -> None:
    assert uid_set([1, 2, 3, 5, 7, 8]) == "1:3,5,7:8"
    assert levels_of("Bo&AO4-te.6&AOg-me", ".") == ("Boîte", "6ème")
    assert levels_of("R&D.\xc3\xa9.\xff", ".") == ("R&D", "é", "\\xff")
    assert levels_of("...", ".") == ("...",)
    assert levels_of("a/b", "") == ("a/b",)
    assert flags_of([b"\\SEEN", b"\\Seen", b"\\Recent", b"\\*", b"Urgent", b"urgent", b"bad]", b"x" * 101]) == (
        1,
        ("Urgent",),
    )
