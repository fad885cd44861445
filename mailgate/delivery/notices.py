"""A word to a relative's address outside that a message came: who wrote, never what. Once an hour at the most.

The school and the person must both want it (``outside`` of `mailgate school set`, `mailgate person outside`). It is put
into the queue in the transaction that delivers, so for a message that waits for approval not before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import Final

from sqlalchemy import BigInteger, and_, bindparam, exists, select, update

from directory.nomenclature import LEGAL_GUARDIAN
from directory.schema import enrolment, guardian, person
from mailgate.config import Settings
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import member
from mailgate.i18n import translator
from mailgate.policy.schema import school_setting
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueue
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schedule import Priority
from mailgate.queue.wishes import outside_wish
from mailgate.store import Parcel
from mailgate.store.retained import let_go, retain

HOUR: Final = 3_600
"""Seconds between two words to one person."""
NEVER: Final = frozenset({"NEVER"})
_NOBODY: Final = 1

_w = outside_wish.c
_wanted = and_(
    member(_w.person_id, "accounts"),
    _w.notified_at <= bindparam("before", type_=BigInteger),
    exists()
    .where(
        guardian.c.person_id == _w.person_id,
        guardian.c.legal == LEGAL_GUARDIAN,
        enrolment.c.person_id == guardian.c.pupil_id,
        school_setting.c.school_id == enrolment.c.school_id,
        school_setting.c.name == "outside",
        school_setting.c.value == "notify",
    )
    .correlate(outside_wish),
)
_ANY: Final = Statement(select(_w.person_id).where(_wanted).limit(1))
_TAKE: Final = Statement(
    update(outside_wish)
    .where(_wanted)
    .values(notified_at=bindparam("now", type_=BigInteger))
    .returning(_w.person_id, _w.address)
)
_NAME: Final = Statement(select(person.c.display).where(person.c.person_id == bindparam("author", type_=BigInteger)))


@dataclass(frozen=True, slots=True)
class Notices:
    """Tells relatives outside of messages that are delivered to them here, where the settings name a way out."""

    database: Database
    settings: Settings

    async def parcels(
        self, delivered: Sequence[Parcel], author_id: int, now: int, *, address: str = ""
    ) -> list[Parcel]:
        """The word about these parcels, to be delivered with them: nobody's copy, but an entry of the queue.

        `address` is the writer's, for one who is nobody here.
        """
        accounts = sorted(frozenset().union(*(one.account_ids for one in delivered if one.list_id is not None)))
        if self.settings.queue.route == "none" or not accounts:
            return []

        async def look(tx: Tx) -> str | None:
            if await tx.one(_ANY, accounts=accounts, before=now - HOUR) is None:
                return None
            row = await tx.one(_NAME, author=author_id)
            return address if row is None else str(row[0])

        name = await self.database.read(look)
        if name is None:
            return []

        async def stored(tx: Tx, content_id: bytes, size: int) -> None:
            rows = await tx.all(_TAKE, accounts=accounts, before=now - HOUR, now=now)
            if not rows:  # another message was quicker
                await retain(tx, content_id, _NOBODY)
                await let_go(tx, content_id, _NOBODY, now)
                return
            to = [OutsideRecipient(row[1], NEVER) for row in sorted(map(tuple, rows))]
            out = Outgoing(None, self._sender, to, Priority.NORMAL, eightbit=False)
            await enqueue(tx, out, content_id, size, schedule_of(self.settings.queue), now=now)

        return [Parcel(self._letter(name), frozenset(), list_id=None, stored=stored)]

    @property
    def _sender(self) -> str:
        return f"postmaster@{self.settings.directory.domain}"

    def _letter(self, name: str) -> bytes:
        translate = translator(self.settings.gateway.language)
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        message["From"] = Address(translate(_("The school’s mail")), addr_spec=self._sender)
        message["To"] = "undisclosed-recipients:;"
        message["Subject"] = translate(_("You have a message in the school’s mail"))
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = make_msgid(domain=self.settings.gateway.hostname)
        message["Auto-Submitted"] = "auto-generated"
        words = [
            translate(_("You have a message from {name} in the school’s mail.")).format(name=name),
            translate(_("Please read it there. For an hour, no further word follows.")),
        ]
        message.set_content("\n\n".join(words) + "\n", charset="utf-8")
        return message.as_bytes()


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
