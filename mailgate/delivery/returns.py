"""What comes back from outside of what people wished to have there: a report of failure counts against their address.

It comes to a reverse path of one recipient's own (`mailgate.queue.reverse_paths`), from the null reverse path (RFC 5321
section 6.1), and goes into nobody's mailbox. Only a report that programs can read (RFC 3464) counts, and only one that
says that delivery failed for good: of a delay, and of an answer of a program, nothing follows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

import structlog
from sqlalchemy import select

from directory.reserved import BOUNCES
from imap.message.scanner import scan
from mailgate.config import Settings
from mailgate.database import Database, Statement
from mailgate.delivery.admission import Admission
from mailgate.queue.leaving import Leaving
from mailgate.queue.schema import queued_recipient
from mailgate.queue.suspending import Failure, SuspendedMeanwhile, Suspensions, counts
from mailgate.store import MailStore
from mailgate.store.schema import number
from smtp.handler import Recipient, Transaction
from smtp.header import read_fields

log = structlog.stdlib.get_logger("mailgate.delivery")

READ: Final = 256 * 1024
"""Octets of a report that are read: the message that it is about comes last."""
_TRIES: Final = 3

_r = queued_recipient.c
_SENT_TO: Final = Statement(
    select(_r.address).where(_r.queue_id == number("of"), _r.person_id == number("person")).limit(1)
)


@dataclass(frozen=True, slots=True)
class ServiceRecipient:
    """A recipient that is the gateway itself: what is sent to it goes to nobody else."""


@dataclass(frozen=True, slots=True)
class Returned(ServiceRecipient):
    """Whose copy of which message of the queue a report is about."""

    person_id: int
    queue_id: int


class Returns:
    """Takes reports of failure at the MX."""

    def __init__(self, database: Database, store: MailStore, settings: Settings, admission: Admission) -> None:
        self._database = database
        self._store = store
        self._leaving = Leaving(database, settings)
        self._suspensions = Suspensions(database, settings)
        self._admission = admission

    def is_for(self, address: str) -> bool:
        """Whether such reports come to this address."""
        return address.lower().startswith(f"{BOUNCES}+")

    async def rcpt_to(self, envelope: Transaction, address: str) -> Returned:
        """Raises SmtpError for a forged token, and for what is no report."""
        named = await self._leaving.named(address)
        if named is None:
            raise await self._admission.unknown(address)
        if envelope.mail_from:
            raise self._admission.refusal(550, "5.7.1", _("Only reports about failed deliveries are taken here."))
        return Returned(*named)

    def check_alone(self, envelope: Transaction, recipient: Recipient) -> None:
        """What the gateway itself takes goes to nobody else; another recipient is asked for in a transaction of its own
        (RFC 5321 section 4.5.3.1.10). Raises SmtpError.
        """
        both = (recipient, *envelope.recipients)
        if envelope.recipients and any(isinstance(one.resolved, ServiceRecipient) for one in both):
            raise self._admission.refusal(452, "4.5.3", _("Too many recipients. Please send to the others apart."))

    async def deliver(self, returned: Returned, content: IO[bytes]) -> str:
        """Count it, if it is a failure; committed when this returns."""
        status = status_of(content.read(READ))
        row = await self._database.read(
            lambda tx: tx.one(_SENT_TO, of=returned.queue_id, person=returned.person_id)
        )  # fmt: skip
        counted = status is not None and counts(status) and row is not None
        log.info(
            "returned", queue_id=f"{returned.queue_id:x}", person=returned.person_id, status=status, counted=counted
        )
        if counted and row is not None:
            await self._count(returned, row[0])
        return "Report taken"

    async def _count(self, returned: Returned, address: str) -> None:
        failures = [Failure(returned.person_id, address)]
        for _try in range(_TRIES):
            counted = await self._suspensions.count(returned.queue_id, failures, int(time.time()))
            try:
                return await self._store.deliver_all(counted.letters, first=counted.write)
            except SuspendedMeanwhile:
                continue
        raise SuspendedMeanwhile


def status_of(report: bytes) -> str | None:
    """The Status (RFC 3464 section 2.3.4) of a delivery that failed for good; None when this reports no such thing.

    The report may be cut off behind its second part.
    """
    root = scan(report)
    if root.maintype != b"multipart" or root.content_type.subtype.lower() != b"report":
        return None
    for part in root.children:
        if part.maintype == b"message" and part.content_type.subtype.lower() == b"delivery-status":
            for found in _groups(report[part.body_start : part.body_end]):
                if found.get(b"action", b"").strip().lower() == b"failed":
                    status = found.get(b"status", b"").split()
                    text = status[0].decode("ascii", "replace") if status else ""
                    return text if text.startswith("5.") else "5.0.0" if not text else None
    return None


def _groups(block: bytes) -> Iterator[dict[bytes, bytes]]:
    """The fields of each group, by name: of the message, then of its recipients (RFC 3464 section 2.1)."""
    for group in block.split(b"\r\n\r\n"):
        yield {name: value for name, value, _ in read_fields(group.lstrip(b"\r\n") + b"\r\n")}


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
