"""The part table: where each MIME part begins and ends in the stored octets (RFC 9051 6.4.5.1)."""

from __future__ import annotations

from typing import Literal

import msgspec

SectionText = Literal["HEADER", "TEXT", "MIME"]


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One MIME part; all positions are octets from the start of the stored message."""

    header_start: int
    body_start: int
    body_end: int
    media_type: str
    """Lower case, such as ``text``."""
    subtype: str
    encoding: str
    """Content-Transfer-Encoding in lower case; ``7bit`` where the part names none."""
    charset: str | None = None
    """In lower case, as the part names it."""
    children: tuple[Part, ...] = ()
    """The parts of a multipart; of an encapsulated message the one message."""

    @property
    def is_multipart(self) -> bool:
        """Whether the part was split at its boundary."""
        return self.media_type == "multipart"

    @property
    def message(self) -> Part | None:
        """The message that a message/rfc822 or message/global part holds."""
        return self.children[0] if self.media_type == "message" and self.children else None


class PartTable(msgspec.Struct, frozen=True, array_like=True):
    """All parts of one message."""

    root: Part

    def encode(self) -> bytes:
        """The table in few octets, to store beside the message."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, encoded: bytes) -> PartTable:
        """Read what `encode` gave. Raises ValueError when it is something else."""
        return msgspec.msgpack.decode(encoded, type=cls)

    def locate(self, part: tuple[int, ...]) -> Part | None:
        """The part of this number, None when there is none; ``()`` is the whole message."""
        found = self.root
        container: Part | None = self.root
        for number in part:
            if container is None:
                return None
            if container.is_multipart:
                if not 1 <= number <= len(container.children):
                    return None
                found = container.children[number - 1]
            elif number == 1:
                found = container
            else:
                return None
            container = found if found.is_multipart else found.message
        return found

    def section(self, part: tuple[int, ...], text: SectionText | None = None) -> tuple[int, int] | None:
        """The octets ``(start, stop)`` that a section names, None where the message has no such section.

        HEADER.FIELDS is a subset of HEADER: see `imap.message.filter_header`.
        """
        if not part:
            whole = self.root
            ranges = {
                None: (whole.header_start, whole.body_end),
                "HEADER": (whole.header_start, whole.body_start),
                "TEXT": (whole.body_start, whole.body_end),
            }
            return ranges.get(text)
        found = self.locate(part)
        if found is None:
            return None
        if text is None:
            return found.body_start, found.body_end
        if text == "MIME":
            return found.header_start, found.body_start
        inner = found.message
        if inner is None:
            return None
        return (inner.header_start, inner.body_start) if text == "HEADER" else (inner.body_start, inner.body_end)
