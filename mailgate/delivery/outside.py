"""What leaves: recipients outside at RCPT TO, and their copy put into the queue in the transaction of the 250."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import IO, Final

from mailgate.config import Queue
from mailgate.delivery.copies import Copies
from mailgate.i18n import Language, ascii_only, translator
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueuing
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schedule import priority_of
from mailgate.store import Parcel
from smtp.handler import Envelope, Recipient, SmtpError
from smtp.tls_demand import demanded

_DOMAIN: Final = re.compile(r"[^.\[\]@]+(\.[^.\[\]@]+)+")
_BLOCK: Final = 1024 * 1024


class Outside:
    """The door to the world, which the settings open by naming a way out."""

    def __init__(self, settings: Queue, language: Language) -> None:
        self.open = settings.route != "none"
        self._schedule = schedule_of(settings)
        self._translate = translator(language)

    def recipient(self, recipient: Recipient) -> OutsideRecipient:
        """That of an address. Raises SmtpError 550 5.1.2 for a domain that no name server can know."""
        found = OutsideRecipient(recipient.address, recipient.notify, recipient.original)
        if not _DOMAIN.fullmatch(found.domain):
            text = _("There is no such domain. Please check how the address is written.")
            raise SmtpError(550, "5.1.2", ascii_only(self._translate(text)))
        return found

    def add(
        self,
        parcels: list[Parcel],
        envelope: Envelope,
        to: Sequence[OutsideRecipient],
        copies: Copies,
        *,
        dispatch_id: str,
    ) -> None:
        """Have the message leave with these parcels: the one for people has the same content, if there is one."""
        at = next((at for at, parcel in enumerate(parcels) if parcel.list_id == 0), None)
        content = copies.whole()[0]
        addresses = [envelope.mail_from, *(one.address for one in to)]
        out = Outgoing(
            sender_id=envelope.sender.account_id,
            mail_from=envelope.mail_from,
            recipients=to,
            priority=priority_of(len(envelope.recipients)),
            dispatch_id=dispatch_id,
            eightbit=_has_eight_bits(content),
            utf8=not (all(map(str.isascii, addresses)) and copies.message.header.octets.isascii()),
            ret=envelope.dsn_return,
            envelope_id=envelope.envelope_id,
            release_request=envelope.release_request,
            accepted_at=envelope.accepted_at,
            tls=demanded(copies.message.header, require_tls=envelope.require_tls),
        )
        stored = enqueuing(out, self._schedule)
        if at is None:
            parcels.append(Parcel(content, frozenset(), stored=stored))
        else:
            parcels[at] = replace(parcels[at], stored=stored)


def _has_eight_bits(content: IO[bytes]) -> bool:
    """Whether a server must offer 8BITMIME to take it (RFC 6152); the content is left rewound."""
    content.seek(0)
    found = any(not block.isascii() for block in iter(lambda: content.read(_BLOCK), b""))
    content.seek(0)
    return found


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
