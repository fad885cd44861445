"""The grammar of IMAP: commands from the wire to values (`parser`, one module for each family), and back (`wire`)."""

from imap.parsing.literals import CommandInput, Literal, LiteralAnnouncement, Peeked, announced_literal, peek_command
from imap.parsing.parser import parse_command

__all__ = [
    "CommandInput",
    "Literal",
    "LiteralAnnouncement",
    "Peeked",
    "announced_literal",
    "parse_command",
    "peek_command",
]
