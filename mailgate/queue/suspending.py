"""Addresses outside that keep refusing what people wished to have there: nothing more goes to them after a while.

What comes back for good counts once for each message; when there is too much of it within some days, the wish is
suspended, and its owner is told once, in the mailbox here; who manages lists is told later
(`mailgate.queue.suspension_notices`). An answer about the message itself counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Text, delete, func, select, update

from directory.schema import address
from mailgate.config import Settings
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import insert, member, rows
from mailgate.delivery import recipients
from mailgate.i18n import Language, translator
from mailgate.policy.audit import record_in
from mailgate.policy.schools import language_of_person
from mailgate.queue.letters import write
from mailgate.queue.wishes import outside_failure, outside_wish
from mailgate.store import Parcel
from mailgate.store.schema import number

_DAY: Final = 86_400
_OF_THE_MESSAGE: Final = ("5.2.3", "5.3.", "5.6.", "5.7.10", "5.7.30")
"""Status codes (RFC 3463, RFC 8689): this message is too large or of the wrong kind, a system is at fault, or there is
no such TLS as the writer asks for.
"""

_w = outside_wish.c
_f = outside_failure.c
_failed = rows("failed", person_id=BigInteger, address=Text)
_COUNT: Final = Statement(
    select(_w.person_id, func.count(_f.queue_id))
    .join_from(_failed, outside_wish, (_w.person_id == _failed.c.person_id) & (_w.address == _failed.c.address))
    .outerjoin(
        outside_failure,
        (_f.person_id == _w.person_id) & (_f.failed_at > number("since")) & (_f.queue_id != number("of")),
    )
    .where(_w.suspended_at == 0)
    .group_by(_w.person_id)
    .order_by(_w.person_id)
)
_NOTE: Final = Statement(
    insert(outside_failure)
    .from_select(
        ["person_id", "queue_id", "failed_at"],
        select(_w.person_id, number("of"), number("now")).join_from(
            _failed, outside_wish, (_w.person_id == _failed.c.person_id) & (_w.address == _failed.c.address)
        ),
    )
    .on_conflict_do_nothing()
)
_SUSPEND: Final = Statement(
    update(outside_wish).where(member(_w.person_id, "people"), _w.suspended_at == 0).values(suspended_at=number("now"))
)
_ADDRESS: Final = Statement(
    select(address.c.address).where(address.c.person_id == number("person"), address.c.is_primary)
)
_FORGET: Final = Statement(delete(outside_failure).where(_f.failed_at <= number("before")))


class SuspendedMeanwhile(Exception):
    """Another failure was counted first: count again."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A copy that an address refused for good."""

    person_id: int
    address: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What came back of one message: to be written in the transaction that settles it, with the letters."""

    queue_id: int
    failures: Sequence[Failure]
    suspended: Sequence[int]
    letters: Sequence[Parcel]
    now: int

    async def write(self, tx: Tx) -> None:
        """Raises SuspendedMeanwhile."""
        if self.failures:
            failed = [(one.person_id, one.address) for one in self.failures]
            await tx.run(_NOTE, failed=failed, of=self.queue_id, now=self.now)
        if self.suspended and await tx.run(_SUSPEND, people=self.suspended, now=self.now) != len(self.suspended):
            raise SuspendedMeanwhile
        for one in self.suspended:
            owner, _language = await owner_of(tx, one, "fr")
            await record_in(tx, "person outside", owner, "suspended: too much came back", actor="mailgate", at=self.now)


def counts(status: str) -> bool:
    """Whether a permanent refusal with this status tells of the address."""
    return not status.startswith(_OF_THE_MESSAGE)


class Suspensions:
    """Counts what comes back, and writes to whose wish is suspended."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._most = settings.queue.suspend_after
        self._days = settings.queue.suspend_days
        self._settings = settings
        self._language = settings.gateway.language

    async def count(self, queue_id: int, failures: Sequence[Failure], now: int) -> Counted:
        """What follows from these failures of one message."""
        if not failures:
            return Counted(queue_id, (), (), (), now)
        failed = [(one.person_id, one.address) for one in failures]
        since = now - self._days * _DAY

        async def work(tx: Tx) -> tuple[list[int], dict[int, tuple[str, Language]]]:
            counted = await tx.all(_COUNT, failed=failed, since=since, of=queue_id)
            full = [row[0] for row in counted if row[1] + 1 >= self._most]
            reached = (await recipients.reached(tx, full, []))[0]
            return full, {one: await owner_of(tx, one, self._language) for one in sorted(reached)}

        suspended, owners = await self._database.read(work)
        to = {one.person_id: one.address for one in failures}
        letters = [
            Parcel(self._letter(mail, language, to[one]), frozenset({one}), list_id=None)
            for one, (mail, language) in owners.items()
        ]
        return Counted(queue_id, failures, suspended, letters, now)

    async def forget(self, now: int) -> None:
        """The daily upkeep: what came back too long ago to count."""
        await self._database.write(lambda tx: tx.run(_FORGET, before=now - self._days * _DAY))

    def _letter(self, to: str, language: Language, outside: str) -> bytes:
        translate = translator(language)
        words = [
            translate(_("What you asked to have sent to {address} came back {count} times within {days} days.")),
            translate(_("Nothing more is sent there for now. All your messages are in your mailbox here.")),
            translate(_("Once that address takes mail again, or you have another one, please tell the school.")),
        ]
        text = "\n\n".join(words).format(address=outside, count=self._most, days=self._days)
        return write(self._settings, language, _("Nothing more is sent to your address outside"), text, to)


async def owner_of(tx: Tx, person_id: int, otherwise: Language) -> tuple[str, Language]:
    """A person's address and language."""
    row = await tx.one(_ADDRESS, person=person_id)
    return "" if row is None else row[0], await language_of_person(tx, person_id) or otherwise


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
