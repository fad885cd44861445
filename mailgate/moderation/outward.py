"""A letter to a writer outside whose message was held: that it is not delivered after all (RFC 5321 section 6.1)."""

from __future__ import annotations

from typing import IO, Final

from mailgate.config import Queue
from mailgate.database import Database
from mailgate.moderation.held import HeldMessage, read_content
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueuing
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schedule import Priority
from mailgate.store import Parcel
from smtp.tls_demand import TlsDemand

_FIELD: Final = b"Return-Path: <"
_READ: Final = 4_096


async def parcel(database: Database, queue: Queue, held: HeldMessage, letter: IO[bytes]) -> Parcel | None:
    """The letter as an entry of the queue; None where nothing leaves, or where the reverse path was null."""
    if queue.route == "none" or not (to := await _reverse_path(database, held)):
        return None
    eightbit = not letter.read().isascii()
    letter.seek(0)
    never = frozenset({"NEVER"})
    out = Outgoing(
        None, "", [OutsideRecipient(to, never)], Priority.NORMAL, eightbit=eightbit, utf8=not to.isascii(),
        tls=TlsDemand(held.require_tls),
    )  # fmt: skip
    return Parcel(letter, frozenset(), list_id=None, stored=enqueuing(out, schedule_of(queue)))


async def _reverse_path(database: Database, held: HeldMessage) -> str:
    """It is the first field of what final delivery would have stored."""
    content = await read_content(database, held, _READ)
    if content is None:
        return ""
    with content:
        line = content.readline()
    return line.removeprefix(_FIELD).strip().removesuffix(b">").decode() if line.startswith(_FIELD) else ""
