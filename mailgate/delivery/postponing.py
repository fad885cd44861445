"""A message that its writer wants to be sent later (RFC 4865): kept whole, with its envelope, among what waits.

It waits as one, whoever it is for, where `mailgate moderation`, a recall, a purge and the writer's own link find it.
When its time has come it is submitted once more (`mailgate.delivery.releasing`).
"""

from __future__ import annotations

from typing import IO, Final

import msgspec
from sqlalchemy import bindparam, func, select

from mailgate.database import Database, Statement, Tx
from mailgate.moderation.held import POSTPONED, HeldMessage, State
from mailgate.moderation.schema import held_message
from smtp.handler import Envelope, Peer, Recipient, Sender
from smtp.header import Header, read_fields
from smtp.message import Prepared, writers

_NAMED: Final = 500
"""Letters of the recipients that a list of what waits shows."""
_HERE: Final = Peer("127.0.0.1", 0, "")

_h = held_message.c
_KEPT: Final = Statement(
    select(func.count(), func.coalesce(func.sum(_h.size), 0)).where(
        _h.state == State.WAITING, _h.kind == POSTPONED, _h.sender_id == bindparam("sender")
    )
)


class KeptRecipient(msgspec.Struct, frozen=True):
    """One RCPT TO."""

    address: str
    notify: tuple[str, ...] = ()
    original: str | None = None


class Postponed(msgspec.Struct, frozen=True):
    """The envelope, as it is kept with the message."""

    username: str
    mail_from: str
    recipients: tuple[KeptRecipient, ...]
    release_at: int
    request: str
    utf8: bool = False
    eightbit: bool = False
    ret: str | None = None
    envelope_id: str | None = None

    @property
    def named(self) -> str:
        """Its recipients in a line, cut."""
        return ", ".join(one.address for one in self.recipients)[:_NAMED]


def kept(envelope: Envelope) -> Postponed:
    """What is kept of a transaction."""
    to = tuple(KeptRecipient(one.address, tuple(sorted(one.notify)), one.original) for one in envelope.recipients)
    return Postponed(
        envelope.sender.username, envelope.mail_from, to, envelope.release_at, envelope.release_request,
        envelope.smtputf8, envelope.body_8bit, envelope.dsn_return, envelope.envelope_id,
    )  # fmt: skip


def postponed_of(held: HeldMessage) -> Postponed:
    """What was kept with a message of kind `POSTPONED`."""
    return msgspec.json.decode(held.envelope or "{}", type=Postponed)


def begun_again(held: HeldMessage) -> tuple[Envelope, list[Recipient]]:
    """The transaction once more, without its recipients, and those."""
    found = postponed_of(held)
    envelope = Envelope(
        _HERE, "localhost", found.mail_from, smtputf8=found.utf8, body_8bit=found.eightbit, declared_size=held.size,
        dsn_return=found.ret, envelope_id=found.envelope_id, require_tls=bool(held.require_tls),
        sender=Sender(held.sender_id, found.username), release_request=found.request, accepted_at=held.created_at,
    )  # fmt: skip
    return envelope, [Recipient(one.address, frozenset(one.notify), one.original) for one in found.recipients]


def prepared_of(held: HeldMessage, content: IO[bytes]) -> Prepared:
    """The message as it was prepared when it was accepted; `content` is the whole of it."""
    content.seek(0)
    header = Header(read_fields(content.read(held.header_size)))
    return Prepared(header, header, *writers(header))


async def waiting_of(database: Database, sender: int) -> tuple[int, int]:
    """How many messages of somebody wait to be sent later, and their octets."""

    async def work(tx: Tx) -> tuple[int, int]:
        row = await tx.one(_KEPT, sender=sender)
        return (0, 0) if row is None else (int(row[0]), int(row[1]))

    return await database.read(work)
