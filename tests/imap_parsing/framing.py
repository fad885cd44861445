"""A command as a client writes it, cut into text and literals as the connection does it."""

from __future__ import annotations

from imap.parsing import CommandInput, Literal, announced_literal, parse_command
from imap.parsing.commands import Command


def frame(wire: bytes) -> CommandInput:
    """One whole command; its last CRLF may be left out."""
    parts: list[bytes | Literal] = []
    while True:
        line, _, rest = wire.partition(b"\r\n")
        announced = announced_literal(line)
        if announced is None:
            assert not rest
            return CommandInput([*parts, line])
        content, wire = rest[: announced.size], rest[announced.size :]
        parts += [line[: announced.start], Literal(announced.size, content, announced.binary)]


def parse(wire: bytes, *, utf8: bool = False) -> Command:
    """The value of a command, whose tag is ``A``."""
    tag, command = parse_command(frame(wire), utf8=utf8)
    assert tag == "A"
    return command
