"""A message on the wire: dots doubled at the start of lines, block by block (RFC 5321 section 4.5.2)."""

from __future__ import annotations


class Stuffing:
    """Takes octets with CRLF line ends in any pieces; what it gives, joined, is the data with its end."""

    def __init__(self) -> None:
        self._kept = b""
        self._at_start = True

    def feed(self, block: bytes) -> bytes:
        """The next octets for the wire. The last two are kept back where a line end may go on in the next piece."""
        data = self._kept + block
        if self._at_start and data[:1] == b".":
            data = b"." + data
        self._at_start = self._at_start and not data
        keep = 2 if data.endswith(b"\r\n") else 1 if data.endswith(b"\r") else 0
        self._kept = data[len(data) - keep :]
        return data[: len(data) - keep].replace(b"\r\n.", b"\r\n..")

    def end(self) -> bytes:
        """The rest, a line end where it is missing, and the end of data."""
        rest = self._kept if self._kept == b"\r\n" or self._at_start else self._kept + b"\r\n"
        return rest + b".\r\n"
