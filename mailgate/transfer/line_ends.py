"""Line ends: the store keeps CRLF, files on a Unix machine have LF (RFC 5322 section 2.1, RFC 4155 appendix A).

All work on pieces of any size, so that a large message is never in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class BareLineFeed(ValueError):
    """A message has an LF without CR: as text with LF ends it could not be told from a line end."""


def to_lf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """CRLF as LF, which `every_lf_to_crlf` takes back exactly. Raises BareLineFeed, perhaps after some pieces."""
    for piece in _whole_ends(pieces):
        if piece.count(b"\n") != piece.count(b"\r\n"):
            raise BareLineFeed
        yield piece.replace(b"\r\n", b"\n")


def every_lf_to_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """LF as CRLF, one that follows a CR too: the inverse of `to_lf`."""
    for piece in pieces:
        yield piece.replace(b"\n", b"\r\n")


def bare_lf_to_crlf(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """LF as CRLF, leaving CRLF as it is: for files of other programs."""
    for piece in _whole_ends(pieces):
        yield piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _whole_ends(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same octets in pieces that part no CR from its LF."""
    held = b""
    for piece in pieces:
        whole = held + piece
        held = b"\r" if whole.endswith(b"\r") else b""
        yield whole[: len(whole) - len(held)]
    if held:
        yield held
