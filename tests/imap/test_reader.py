"""Octets to commands: however the network cuts them, and whatever they are."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from imap.errors import ImapError
from imap.limits import Limits
from imap.parsing.literals import CommandInput, Literal
from imap.parsing.parser import parse_command
from imap.reader import CommandReader, Event, Overrun

SMALL = replace(
    Limits(),
    line=300,
    command=600,
    literal=100,
    message=500,
    append=900,
    swallow=1000,
    spool=64,
    line_before_sign_in=280,
)

_pieces = st.sampled_from(
    [
        b"a NOOP\r\n",
        b"b LOGIN {3}\r\nada {6+}\r\nsecret\r\n",
        b"c APPEND INBOX {5+}\r\na: bc\r\n",
        b"d APPEND {5+}\r\nINBOX (\\Seen) ~{80+}\r\n" + b"x" * 80 + b" {2}\r\nyz\r\n",
        b"e SEARCH TEXT {101+}\r\n" + b"f NOOP\r\n" * 12 + b"12345\r\n",
        b"g APPEND INBOX {501+}\r\n" + b"z" * 501 + b"\r\n",
        b"h APPEND INBOX {999}\r\n",
        b"i " + b"l" * 400 + b"\r\n",
        b"j " + b"l" * 400 + b" {4+}\r\nk LO\r\n",
        b"m APPEND INBOX {99999999999999999999+}\r\n",
        b"n NOOP\n",
        b"\r\n",
    ]
)
_noise = st.binary(max_size=60) | st.text('{}+~0123456789 aAPEND\r\n"\\()[]<>*%', max_size=60).map(str.encode)


def events(octets: bytes, cuts: list[int], *, signed_in: bool) -> list[object]:
    """All that a reader makes of the octets when they come in these pieces."""
    reader = CommandReader(SMALL)
    reader.signed_in = signed_in
    reader.message_limit = SMALL.message
    found: list[object] = []
    edges = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    for start, stop in itertools.pairwise(edges):
        reader.feed(octets[start:stop])
        while (event := reader.event()) is not None:
            found.append(plain(event))
            if isinstance(event, Overrun):
                return found
    assert reader.held <= SMALL.line + 64
    reader.drop()
    return found


def plain(event: Event) -> object:
    """An event that can be compared; a command's files are read and closed."""
    if not isinstance(event, CommandInput):
        return event
    return [part if isinstance(part, bytes) else (part.size, content(part), part.binary) for part in event.parts]


def content(literal: Literal) -> bytes:
    if isinstance(literal.data, bytes):
        return literal.data
    with literal.data as file:
        return file.read()


@given(st.lists(_pieces | _noise, max_size=6).map(b"".join), st.lists(st.integers(0, 5000), max_size=12), st.booleans())
def test_the_cuts_of_the_network_change_nothing(octets: bytes, cuts: list[int], signed_in: bool) -> None:  # noqa: FBT001
    assert events(octets, cuts, signed_in=signed_in) == events(octets, [], signed_in=signed_in)


@given(st.lists(_pieces | _noise, max_size=6).map(b"".join))
def test_whatever_is_read_can_be_parsed_or_refused(octets: bytes) -> None:
    reader = CommandReader(SMALL)
    reader.signed_in = True
    reader.feed(octets)
    while (event := reader.event()) is not None and not isinstance(event, Overrun):
        if isinstance(event, CommandInput):
            with contextlib.suppress(ImapError):
                parse_command(event)
            plain(event)
    reader.drop()


def test_a_refused_literal_is_never_a_command() -> None:
    octets = b"e SEARCH TEXT {101+}\r\n" + b"f NOOP\r\n" * 12 + b"12345\r\ng NOOP\r\n"
    refused, command = events(octets, [], signed_in=True)
    assert getattr(refused, "tag", None) == "e"
    assert command == [b"g NOOP"]


def test_a_refused_command_cannot_go_on_for_ever() -> None:
    octets = b"e SEARCH TEXT {101+}\r\n" + b"x" * 101 + b" {0+}\r\n" * 1000
    assert events(octets, [], signed_in=True) == [Overrun("Command too long")]
