"""Whatever a client sends, the parser gives a command or one of its two errors, and never anything else."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap.errors import BadCommand, CommandRefused
from imap.parsing import CommandInput, Literal, announced_literal, parse_command, peek_command
from imap.parsing.commands import Command
from tests.imap_parsing.test_client_transcripts import OTHERS, THUNDERBIRD
from tests.imap_parsing.test_malformed_commands import MALFORMED

SORTING = [
    b"A UID SORT RETURN (MIN PARTIAL -1:-100 UPDATE) (REVERSE DATE SUBJECT) UTF-8 OLDER 100 SAVEDON 1-Feb-2026",
    b'A SORT (DISPLAYFROM) US-ASCII KEYWORD "x" NOT 1:*,$',
    b"A UID THREAD REFERENCES UTF-8 OR YOUNGER 5 MODSEQ 7",
    b'A CANCELUPDATE "a1" "a2"',
    b"A UID FETCH 1:* FLAGS (PARTIAL 1:10 CHANGEDSINCE 5)",
]
KNOWN = SORTING + [wire for wire, _ in THUNDERBIRD + OTHERS] + [wire for wire in MALFORMED if len(wire) < 200]
TOKENS = sorted({token for wire in KNOWN for token in wire.replace(b"(", b" ( ").replace(b")", b" ) ").split(b" ")})
LITERALS = st.builds(lambda data, binary: Literal(len(data), data, binary), st.binary(max_size=20), st.booleans())


def check(parts: list[bytes | Literal], *, utf8: bool) -> None:
    try:
        tag, command = parse_command(CommandInput(parts), utf8=utf8)
    except (BadCommand, CommandRefused):
        return
    assert isinstance(command, Command)
    assert isinstance(parts[0], bytes)
    assert peek_command(parts[0])[0] == tag


@given(st.lists(st.binary() | LITERALS, max_size=4), st.booleans())
def test_any_octets(parts: list[bytes | Literal], utf8: bool) -> None:  # noqa: FBT001
    check(parts, utf8=utf8)


@given(st.lists(st.lists(st.sampled_from(TOKENS)).map(b" ".join) | LITERALS, min_size=1, max_size=4), st.booleans())
def test_any_words_of_the_grammar(parts: list[bytes | Literal], utf8: bool) -> None:  # noqa: FBT001
    check([b"A " + parts[0] if isinstance(parts[0], bytes) else b"A ", *parts[1:]], utf8=utf8)


@given(
    st.sampled_from(KNOWN),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), st.binary(max_size=3)), max_size=4),
    st.booleans(),
)
def test_known_commands_with_octets_changed(
    wire: bytes,
    changes: list[tuple[int, int, bytes]],
    utf8: bool,  # noqa: FBT001
) -> None:
    for at, removed, added in changes:
        wire = wire[:at] + added + wire[at + removed :]
    check([wire], utf8=utf8)


@given(st.binary())
def test_peeking_never_raises(line: bytes) -> None:
    announced_literal(line)
    peek_command(line)


@pytest.mark.parametrize(
    "wire",
    [
        b"A " + b"x" * 65_000,
        b'A LOGIN "' + b"\\\\" * 32_000,
        b"A LIST (" + b"(" * 60_000,
        b"A SEARCH " + b"(" * 60_000,
        b"A SEARCH " + b"NOT " * 15_000,
        b"A SEARCH " + b"OR " * 20_000,
        b"A FETCH " + b"1," * 32_000 + b"0 FLAGS",
        b"A FETCH " + b"9" * 65_000 + b" FLAGS",
        b"A FETCH " + b"0" * 65_000 + b" FLAGS",
        b"A SORT (" + b"REVERSE DATE " * 5_000,
        b"A SORT RETURN (" + b"PARTIAL 1:2 " * 5_000,
        b"A CANCELUPDATE" + b' "a"' * 15_000,
        b"A SELECT " + b"&-" * 32_000,
        b"A SELECT " + b"&AOk-a" * 10_000,
        b"A SELECT " + b"&" * 65_000,
        b"A STORE 1 FLAGS " + b"a " * 32_000,
        b"A FETCH 1 BODY[" + b"1." * 32_000 + b"]",
        b"A ENABLE" + b" X" * 32_000,
        b"A AUTHENTICATE PLAIN " + b"A" * 65_000,
    ],
    ids=lambda wire: repr(wire[:24]),
)
def test_a_long_line_costs_milliseconds(wire: bytes) -> None:
    start = time.process_time()
    check([wire], utf8=False)
    assert time.process_time() - start < 0.5
