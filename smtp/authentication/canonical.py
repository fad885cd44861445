"""A message in the forms that DKIM hashes: canonicalization and the choice of fields (RFC 6376 sections 3.4, 5.4.2).

The body is taken in pieces of any size and never held; the header comes as `smtp.header` reads it.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from smtp.header import Field

_WSP: Final = re.compile(rb"[ \t]+")
_EMPTY_LINES: Final = b"\r\n" * 4_096


def canonical(one: Field, *, relaxed: bool) -> bytes:
    """A field as it is hashed (RFC 6376 sections 3.4.1 and 3.4.2)."""
    return relaxed_field(one.name, one.value) if relaxed else one.whole


def relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376 section 3.4.2."""
    return name.lower() + b":" + _WSP.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ") + b"\r\n"


def select(header: Sequence[Field], names: Iterable[bytes]) -> Iterator[Field]:
    """The fields that a list of names (in small letters) means, each instance once, from the bottom up.

    Names for which there is no field (any more) mean nothing (RFC 6376 section 5.4.2).
    """
    instances = defaultdict[bytes, list[Field]](list)
    for one in header:
        instances[one.name].append(one)
    for name in names:
        if left := instances.get(name):
            yield left.pop()


class BodyHash:
    """SHA-256 of a canonicalized body (RFC 6376 sections 3.4.3 and 3.4.4), taken in pieces.

    A bare CR or LF counts as a line end, as section 5.3 has it before a message is signed; what comes in from other
    servers has none.
    """

    def __init__(self, *, relaxed: bool) -> None:
        self._relaxed = relaxed
        self._hash = hashlib.sha256()
        self._held = b""
        """A CR, or in a relaxed body a space, whose meaning the next octet decides."""
        self._line_ends = 0
        """CRLFs that count only if something follows."""
        self.size = 0
        """Octets of the canonicalized body so far; after `digest`, of the whole."""

    def update(self, block: bytes) -> None:
        """Take the next octets."""
        data = self._held + block
        self._held = b""
        if data.endswith(b"\r"):
            self._held, data = b"\r", data[:-1]
        self._take(data)

    def digest(self) -> bytes:
        """Of the whole. It ends here."""
        if self._held:
            data = self._held.removesuffix(b"\r") + (b"\r\n" if self._held.endswith(b"\r") else b"")
            self._held = b""
            self._take(data)
        if self.size or not self._relaxed:
            self._add(b"\r\n")
        return self._hash.digest()

    def _take(self, data: bytes) -> None:
        """Octets that end in no CR."""
        ends = data.count(b"\r\n")
        if data.count(b"\n") != ends or data.count(b"\r") != ends:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if self._relaxed:
            data = _squeezed(data)
            if data.endswith(b" "):
                self._held, data = b" " + self._held, data[:-1]
        text = data.rstrip(b"\r\n")
        if text:
            while self._line_ends:
                some = min(self._line_ends, len(_EMPTY_LINES) // 2)
                self._add(_EMPTY_LINES[: 2 * some])
                self._line_ends -= some
            self._add(text)
        self._line_ends += (len(data) - len(text)) // 2

    def _add(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)


def _squeezed(data: bytes) -> bytes:
    """White space reduced to one space, and none at the ends of lines."""
    data = data.replace(b"\t", b" ")
    while b"  " in data:  # each turn halves the runs: much quicker than an expression
        data = data.replace(b"  ", b" ")
    return data.replace(b" \r\n", b"\r\n")


def hash_body(blocks: Iterable[bytes], kinds: Iterable[bool]) -> dict[bool, tuple[bytes, int]]:
    """The hash and the size of a canonicalized body, simple (False) or relaxed (True): those that are asked for."""
    hashes = {relaxed: BodyHash(relaxed=relaxed) for relaxed in kinds}
    for block in blocks:
        for one in hashes.values():
            one.update(block)
    return {relaxed: (one.digest(), one.size) for relaxed, one in hashes.items()}
