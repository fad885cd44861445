"""The names of the files in a ZIP archive, found while its octets pass by; nothing is unpacked.

Both kinds of headers are looked for (APPNOTE.TXT 4.3.7 and 4.3.12), wherever they stand: programs that unpack archives
do not agree which of the two counts, and where the first begins. So the files of an archive that stands uncompressed
in another are named, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

_LOCAL: Final = b"PK\x03\x04"
_CENTRAL: Final = b"PK\x01\x02"
MAGIC: Final = b"PK"
"""How an archive begins."""
_FIXED: Final = {_LOCAL: (30, 26), _CENTRAL: (46, 28)}
"""Octets of a header before the name, and where the length of the name stands, followed by that of the extra fields."""
_UNICODE_PATH: Final = 0x7075
"""The extra field with a name that takes the place of the other (APPNOTE.TXT 4.6.9)."""


MOST: Final = 100_000
"""Headers of one archive."""
_TAIL: Final = 300
"""Octets at the end of a name that are looked at: it is long enough for an extension, short enough for many headers."""
_EXTRA: Final = 2_048
"""Octets of extra fields that are looked at."""


class TooManyNames(ValueError):
    """The archive has more than `MOST` headers."""


class ZipNames:
    """Takes an archive piece by piece; holds back what one header may have at the most, 131 KB."""

    def __init__(self) -> None:
        self._held = b""
        self._headers = 0

    def feed(self, piece: bytes, *, last: bool = False) -> Iterator[str]:
        """The ends of the names in the headers that are complete by now, and with `last` in those that are cut off.

        Raises TooManyNames.
        """
        data = self._held + piece
        at, kept = 0, len(data) - (len(_LOCAL) - 1)
        while (start := data.find(b"PK", at)) >= 0:
            at = start + 2
            if (header := data[start : start + 4]) not in _FIXED:
                continue
            fixed, lengths = _FIXED[header]
            sizes = data[start + lengths : start + lengths + 4]
            name = start + fixed
            extra = name + int.from_bytes(sizes[:2], "little")
            end = extra + int.from_bytes(sizes[2:], "little")
            if (len(sizes) < len(header) or end > len(data)) and not last:
                kept = start
                break
            self._headers += 1
            if self._headers > MOST:
                raise TooManyNames
            yield data[max(name, extra - _TAIL) : extra].decode("utf-8", "replace")
            yield from _other_names(data[extra : min(end, extra + _EXTRA)])
        self._held = data[max(kept, 0) :]


def _other_names(extra: bytes) -> Iterator[str]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = (int.from_bytes(extra[offset : offset + 2], "little") for offset in (at, at + 2))
        if kind == _UNICODE_PATH:
            yield extra[at + 9 : at + 4 + size][-_TAIL:].decode("utf-8", "replace")
        at += 4 + size
