"""Who has copies or words outside ends that by a message from there, to the address that stands in each of them.

The address is the right to do so (`mailgate.queue.stop_addresses`): it was sent to the address outside alone, and who
else comes by it can do no more than end what anybody may have begun again. So what is written, and in whose name, does
not matter; only the null reverse path is refused, which programs answer from (RFC 3834 section 3.3). What follows is
told to the address outside, and in the mailbox here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import structlog
from sqlalchemy import delete, select

from directory.merged import current
from directory.reserved import STOP
from mailgate.config import Settings
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import member
from mailgate.delivery import recipients
from mailgate.delivery.admission import Admission
from mailgate.delivery.returns import ServiceRecipient
from mailgate.i18n import Language, translator
from mailgate.policy.audit import record_in
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueuing
from mailgate.queue.leaving import Leaving
from mailgate.queue.letters import write
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schedule import Priority
from mailgate.queue.stop_addresses import Claim, parse
from mailgate.queue.suspending import owner_of
from mailgate.queue.wishes import outside_failure, outside_wish
from mailgate.store import MailStore, Parcel
from mailgate.store.schema import number
from smtp.handler import Transaction

log = structlog.stdlib.get_logger("mailgate.delivery")

_w = outside_wish.c
_WISH: Final = Statement(select(_w.person_id, _w.address).where(_w.person_id == current(number("person"))))
_END: Final = Statement(delete(outside_wish).where(_w.person_id == number("person"), member(_w.address, "addresses")))
_FORGET: Final = Statement(delete(outside_failure).where(outside_failure.c.person_id == number("person")))


@dataclass(frozen=True, slots=True)
class Ending(ServiceRecipient):
    """Whose wish is to end, and the address outside that it is about."""

    person_id: int
    outside: str


class Endings:
    """Takes such messages at the MX."""

    def __init__(self, database: Database, store: MailStore, settings: Settings, admission: Admission) -> None:
        self._database = database
        self._store = store
        self._settings = settings
        self._leaving = Leaving(database, settings)
        self._admission = admission

    def is_for(self, address: str) -> bool:
        """Whether one ends it at such an address."""
        return address.lower().startswith(STOP)

    async def rcpt_to(self, envelope: Transaction, address: str) -> Ending:
        """Raises SmtpError for a forged token, and for one about what has ended."""
        ending = await self.claimed(parse(self._leaving.outward.domain, address))
        if ending is None:
            raise self._admission.refusal(550, "5.1.1", _("Nothing more is sent outside under this address."))
        if not envelope.mail_from:
            raise self._admission.refusal(550, "5.7.1", _("Automatic answers end nothing."))
        return ending

    async def claimed(self, claim: Claim | None) -> Ending | None:
        """What a claim is about; None for a forged one, and for what has ended."""
        if claim is None:
            return None
        row = await self._database.read(lambda tx: tx.one(_WISH, person=claim.person_id))
        if row is None or not row[1] or not await self._leaving.is_stop_address(claim, row[1]):
            return None
        return Ending(row[0], row[1])

    async def deliver(self, ending: Ending) -> str:
        """End it and tell its owner; committed when this returns."""
        await self.end(ending, "by mail from there")
        return "Nothing more is sent"

    async def end(self, ending: Ending, actor: str) -> None:
        """The same; `actor` for the audit."""
        if await self._store.deliver_once(await self._letter(ending), lambda tx: self._end(tx, ending, actor)):
            log.info("outside wish ended", person=ending.person_id, by=actor)

    async def _end(self, tx: Tx, ending: Ending, actor: str) -> bool:
        """False when somebody was first, or the wish is another now."""
        if not await tx.run(_END, person=ending.person_id, addresses=[ending.outside]):
            return False
        await tx.run(_FORGET, person=ending.person_id)
        owner, _language = await owner_of(tx, ending.person_id, "fr")
        await record_in(tx, "person outside", owner, "nowhere", actor=actor, at=int(time.time()))
        return True

    async def _letter(self, ending: Ending) -> list[Parcel]:
        settings, person_id = self._settings, ending.person_id

        async def work(tx: Tx) -> tuple[frozenset[int], Language]:
            _owner, language = await owner_of(tx, person_id, settings.gateway.language)
            return (await recipients.reached(tx, [person_id], []))[0], language

        accounts, language = await self._database.read(work)
        translate = translator(language)
        words = [
            translate(_("As was asked from there, nothing more is sent to {address}.")).format(address=ending.outside),
            translate(_("All your messages are in your mailbox at the school.")),
            translate(_("If that was not you, or you want it again, please tell the school.")),
        ]
        letter = write(settings, language, _("Nothing more is sent to your address outside"), "\n\n".join(words))
        stored = None
        if settings.queue.route != "none":
            to = OutsideRecipient(ending.outside, frozenset({"NEVER"}))
            stored = enqueuing(Outgoing(None, "", [to], Priority.NORMAL), schedule_of(settings.queue))
        return [Parcel(BytesIO(letter), accounts, list_id=None, stored=stored)] if accounts or stored else []


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
