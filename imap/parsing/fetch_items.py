"""What FETCH can ask for, as values (RFC 9051 section 6.4.5, RFC 3516, RFC 7162, RFC 8474, RFC 8514, RFC 8970)."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias


class FetchAttribute(enum.Enum):
    """The items without arguments; the value is the name on the wire."""

    __hash__ = object.__hash__  # each is there once: Enum's own, written in Python, is ten times as slow

    UID = "UID"
    FLAGS = "FLAGS"
    MODSEQ = "MODSEQ"
    INTERNALDATE = "INTERNALDATE"
    RFC822_SIZE = "RFC822.SIZE"
    ENVELOPE = "ENVELOPE"
    BODY = "BODY"
    BODYSTRUCTURE = "BODYSTRUCTURE"
    RFC822 = "RFC822"
    RFC822_HEADER = "RFC822.HEADER"
    RFC822_TEXT = "RFC822.TEXT"
    EMAILID = "EMAILID"
    THREADID = "THREADID"
    SAVEDATE = "SAVEDATE"


class SectionText(enum.Enum):
    """What of a part is asked for, when it is not the part itself."""

    HEADER = "HEADER"
    HEADER_FIELDS = "HEADER.FIELDS"
    HEADER_FIELDS_NOT = "HEADER.FIELDS.NOT"
    TEXT = "TEXT"
    MIME = "MIME"


@dataclass(frozen=True, slots=True)
class Section:
    """The text between the brackets: ``BODY[]`` is ``Section()``, ``BODY[1.2.MIME]`` is ``Section((1, 2), MIME)``."""

    part: tuple[int, ...] = ()
    text: SectionText | None = None
    fields: tuple[str, ...] = ()
    """The names of HEADER.FIELDS as the client wrote them: the response repeats them."""


@dataclass(frozen=True, slots=True)
class Partial:
    """``<start.length>``, in octets; the length is above zero."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class BodySection:
    """``BODY[section]<partial>``; ``peek`` leaves ``\\Seen`` alone."""

    section: Section
    partial: Partial | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinarySection:
    """``BINARY[part]<partial>`` (RFC 3516): the part without its transfer encoding."""

    part: tuple[int, ...]
    partial: Partial | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinarySize:
    """``BINARY.SIZE[part]`` (RFC 3516)."""

    part: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """``PREVIEW``, and ``PREVIEW (LAZY)``: only where it is at hand (RFC 8970)."""

    lazy: bool = False


FetchItem: TypeAlias = FetchAttribute | Preview | BodySection | BinarySection | BinarySize
