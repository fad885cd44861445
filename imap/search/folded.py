"""The text of a message as it is compared: folded, in one piece for the header and one for the body.

Both are UTF-8. Texts stand side by side with a NUL between them, which no needle holds; so none matches across two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from imap.backend import TextKey, TextScope
from imap.collation import fold

_SEAM: Final = "\0"
_END_OF_FIELDS: Final = b"\0\0"


class Texts(Protocol):
    """The decoded text of one message."""

    def header(self) -> Iterator[str]:
        """The header's fields, each ``name: value``."""
        ...

    def mime(self) -> Iterator[str]:
        """Fields of the parts' MIME headers, and names of attachments."""
        ...

    def body(self) -> Iterator[str]:
        """Text parts, and headers of messages within."""
        ...


def folded_header(texts: Texts) -> bytes:
    """The fields, an empty text, then what TEXT searches beside them."""
    return b"%b\0%b" % (_joined(texts.header()), _joined(texts.mime()))


def folded_body(texts: Texts) -> bytes:
    """The text of the body."""
    return _joined(texts.body())


def select_folded(header: bytes, fields: Iterable[str]) -> bytes:
    """The fields of these lower-case names alone, as `folded_header` has them."""
    prefixes = tuple(map(_prefix, fields))
    end = header.find(_END_OF_FIELDS)
    kept = [field for field in header[: end if end >= 0 else None].split(b"\0") if field.startswith(prefixes)]
    return b"\0%b\0\0" % b"\0".join(kept) if kept else b"\0\0"


def field_values(header: bytes, field: str) -> str:
    """The values of the fields of a lower-case name, one after the other."""
    prefix = _prefix(field)
    found = select_folded(header, (field,)).split(b"\0")
    return "\0".join(value.removeprefix(prefix).decode("utf-8", "surrogatepass") for value in found)


def _joined(texts: Iterable[str]) -> bytes:
    folded = [fold(text).replace(_SEAM, " ") for text in texts]
    joined = _SEAM.join(["", *filter(None, folded), ""])
    return joined.encode("utf-8", "surrogatepass")


def _prefix(field: str) -> bytes:
    return fold(f"{field.encode().decode('latin-1')}: ").encode("utf-8", "surrogatepass")


class Matcher:
    """A text key that is not fuzzy, made ready for many messages."""

    __slots__ = ("_field", "_needle", "scope")

    def __init__(self, key: TextKey) -> None:
        self.scope = key.scope
        self._needle = key.needle.encode("utf-8", "surrogatepass")
        self._field = b"\0" + _prefix(key.field)

    def in_field(self, header: bytes) -> bool:
        """Whether a field of the key's name holds the needle."""
        field, needle = self._field, self._needle
        if needle not in header or (start := header.find(field)) < 0:
            return False
        end_of_fields = header.find(_END_OF_FIELDS)
        while 0 <= start < end_of_fields:
            start += len(field)
            end = header.find(b"\0", start)
            if header.find(needle, start, end) >= 0:
                return True
            start = header.find(field, end)
        return False

    def within(self, text: bytes) -> bool:
        """Whether the needle stands in the header or in the body."""
        return self._needle in text

    def fits(self, header: bytes, body: bytes) -> bool:
        """Whether the message fits."""
        match self.scope:
            case TextScope.FIELD:
                return self.in_field(header)
            case TextScope.BODY:
                return self._needle in body
            case TextScope.TEXT:
                return self._needle in body or self._needle in header
