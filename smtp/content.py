"""Message data as it arrives: end-of-data found, dots removed, line ends checked, size counted, spooled to disk.

All work is done on large blocks, never per line, and keeps at most `spool_memory` octets of a message in memory.
"""

from __future__ import annotations

import tempfile
from typing import IO, Final

from smtp.handler import SmtpError
from smtp.limits import Limits

END: Final = b"\r\n.\r\n"


class DotDecoder:
    """Finds the end of DATA and removes the transparency dots (RFC 5321 section 4.5.2), whatever the packet borders.

    Only CR LF "." CR LF ends the data; every look-alike with a bare CR or LF stays inside the message.
    """

    def __init__(self) -> None:
        # The CRLF of the DATA command line counts as the one before the first dot.
        self._carry = b"\r\n"
        self._leading = True

    def feed(self, block: bytes) -> tuple[bytes, bytes | None]:
        """Give the clear octets that are settled, and what follows the end of the data (None while it has not come)."""
        data = self._carry + block
        end = data.find(END)
        rest: bytes | None = None
        if end >= 0:
            rest = data[end + len(END) :]
            data = data[: end + 2]
        else:
            kept = next((size for size in (4, 3, 2, 1) if data.endswith(END[:size])), 0)
            self._carry = data[len(data) - kept :]
            data = data[: len(data) - kept]
        if self._leading and data:
            self._leading = False
            return data.replace(b"\r\n.", b"\r\n")[2:], rest
        return data.replace(b"\r\n.", b"\r\n"), rest


class Content:
    """One message on its way in.

    Nothing is raised while it arrives: the stream must be read to its end to stay in step.
    """

    def __init__(self, limits: Limits, directory: str | None = None) -> None:
        self._limit = limits.message_size
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(limits.spool_memory, dir=directory)  # noqa: SIM115
        self._held = b""
        self.received = 0
        """Octets of message data so far, never counting beyond the size limit."""
        self.fault: SmtpError | None = None
        """Why this message will be refused, once that is certain."""

    def write(self, block: bytes) -> None:
        """Take the next clear octets."""
        if self.fault is not None or not block:
            return
        if self.received + len(block) > self._limit:
            self._refuse(SmtpError(552, "5.3.4", f"Message is larger than {self._limit} octets"))
            return
        self.received += len(block)
        if self._held:
            block = self._held + block
            self._held = b""
        if block.endswith(b"\r"):
            self._held = b"\r"
            block = block[:-1]
        self._store(block)

    def finish(self) -> IO[bytes]:
        """The whole message, rewound. Raises SmtpError when it must be refused."""
        if self._held:
            self._store(self._held)
            self._held = b""
        if self.fault is not None:
            raise self.fault
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Free memory and disk."""
        self._file.close()

    def _store(self, block: bytes) -> None:
        # A join of a split is the fastest way to look past good line ends: a third of two counts, a tenth of a regex.
        rest = b"".join(block.split(b"\r\n"))
        if b"\n" in rest or b"\r" in rest:
            self._refuse(SmtpError(554, "5.6.0", "Message has a CR or LF that is not part of a CR LF"))
        elif b"\0" in rest:
            self._refuse(SmtpError(554, "5.6.0", "Message has a NUL octet"))
        else:
            try:
                self._file.write(block)
            except OSError:
                self._refuse(SmtpError(452, "4.3.1", "No room to store the message now, please try again later"))

    def _refuse(self, fault: SmtpError) -> None:
        self.fault = fault
        self._file.close()
