"""The header of a message as all who look at one take it: its fields, read once (RFC 5322 section 2.2).

A header is the whole fields at the beginning of a message: what is no field and no continuation of one begins the body.
Octets of any kind may stand in a value (RFC 6532), and lines of any length; nothing here decodes or unfolds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

_FIELD: Final = re.compile(rb"([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")
_IDENTIFIER: Final = re.compile(rb"<[^<>\s]+>")


class Field(NamedTuple):
    """A header field."""

    name: bytes
    """In small letters."""
    value: bytes
    """What follows the colon, folded as it came, without the CRLF at its end."""
    whole: bytes
    """With its CRLF."""

    @classmethod
    def of(cls, whole: bytes) -> Field:
        """One that is written here."""
        name, _, value = whole.partition(b":")
        return cls(name.lower(), value.removesuffix(b"\r\n"), whole)


@dataclass(frozen=True, slots=True)
class Header:
    """Fields from the top."""

    fields: tuple[Field, ...]

    @property
    def octets(self) -> bytes:
        """As it stands in front of a body: with the empty line."""
        return b"".join([one.whole for one in self.fields]) + b"\r\n"

    @property
    def size(self) -> int:
        """Of `octets`."""
        return sum([len(one.whole) for one in self.fields]) + 2

    def values(self, name: bytes) -> list[bytes]:
        """Those of all fields of this name, which is in small letters."""
        return [one.value for one in self.fields if one.name == name]

    def without(self, name: bytes) -> Header:
        """The same without the fields of this name, which is in small letters."""
        return Header(tuple([one for one in self.fields if one.name != name]))

    @property
    def message_id(self) -> str:
        """What others call the message by (RFC 5322 section 3.6.4): with its angle brackets, of the first Message-ID
        that has any; empty where there is none.
        """
        return next((found for value in self.values(b"message-id") if (found := identifier(value))), "")


def read_fields(block: bytes) -> tuple[Field, ...]:
    """The fields at the beginning of `block`."""
    found = []
    at = 0
    while match := _FIELD.match(block, at):
        found.append(Field(match[1].lower(), match[2], match[0]))
        at = match.end()
    return tuple(found)


def identifier(value: bytes) -> str:
    """The first ``<…>`` without blanks; empty where there is none."""
    found = _IDENTIFIER.search(value)
    return found[0].decode("utf-8", "replace") if found else ""
