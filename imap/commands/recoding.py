"""Messages that came as literal8, made fit for clients that know base IMAP alone (RFC 3516 sections 4.4 and 6)."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Final, cast

from imap.errors import CommandRefused, MessageTooLarge, ServiceUnavailable
from imap.message.recode import SignedPartError, UndividedPartError, recode
from imap.parsing.append import Url
from imap.parsing.literals import Literal

if TYPE_CHECKING:
    from imap.session import Session

_INLINE: Final = 256 * 1024
"""Above this many octets a message is read in pieces, in a thread."""


class _FileOctets:
    """The octets of a file, wherever it is, read as they are asked for."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, octets: slice, /) -> bytes:
        start, stop, _ = octets.indices(self._size)
        self._file.seek(start)
        return self._file.read(max(stop - start, 0))


def is_literal8(parts: Sequence[Literal | Url]) -> bool:
    """Whether a message, or a text that CATENATE put into it, came as literal8."""
    return any(isinstance(part, Literal) and part.binary for part in parts)


async def recoded(session: Session, file: IO[bytes], size: int, most: int, stack: ExitStack) -> tuple[IO[bytes], int]:
    """The message with its binary parts in base64, at its beginning, and its size; `file` itself where it may stay.

    Raises MessageTooLarge, ServiceUnavailable, and CommandRefused with UNKNOWN-CTE.
    """
    target = tempfile.SpooledTemporaryFile(max_size=session.context.limits.spool)  # noqa: SIM115
    stack.enter_context(target)
    new = cast("IO[bytes]", target)
    try:
        if size > _INLINE:
            written = await asyncio.to_thread(_recode, file, size, new, most)
        else:
            written = _recode(file, size, new, most)
    except SignedPartError as error:
        raise CommandRefused(
            "A binary part of this message is under a signature; please encode it before signing", code="UNKNOWN-CTE"
        ) from error
    except UndividedPartError as error:
        raise CommandRefused(
            "A binary part of this message cannot be encoded here; please send it in base64", code="UNKNOWN-CTE"
        ) from error
    except OSError as error:
        raise ServiceUnavailable("No room for this message right now, please try again later") from error
    if written is None:
        file.seek(0)
        return file, size
    if written > most:
        limit = session.connection.reader.message_limit
        raise MessageTooLarge("A message has {most} octets at most", most=limit)
    file.close()
    new.seek(0)
    return new, written


def _recode(file: IO[bytes], size: int, target: IO[bytes], most: int) -> int | None:
    """Write the message anew, as far as it is not above `most`; the octets that this takes, None when it may stay."""
    octets = _FileOctets(file, size)
    pieces = recode(octets[0:size] if size <= _INLINE else octets)
    if pieces is None:
        return None
    written = 0
    for piece in pieces:
        written += len(piece)
        if written > most:
            break
        target.write(piece)
    return written
