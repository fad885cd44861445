"""Leavers are told until when they read: at the start of the grace, 14 days and 3 days before its end, each once.

What is due is noted in the transaction that delivers it, so that nothing is told twice or not at all, whoever is killed
and however many nodes look. Who comes late, as for a grace of ten days or after a gateway that stood still, has one
letter, not three. It goes to the mailbox, and to the address outside that the person wished to be told at, where the
schools that he or she was of let that out.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import structlog
from sqlalchemy import and_, case, select, update

from directory.family_schema import person_merge
from directory.schema import former_school
from mailgate.config import Settings
from mailgate.database import Database, Statement, Tx
from mailgate.database.statement import member
from mailgate.delivery.wished import REPORTS
from mailgate.i18n import Language, long_date, translator
from mailgate.policy.schools import SchoolSettings, settings_of_all
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueue
from mailgate.queue.leaving import outward_of
from mailgate.queue.letters import write
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schedule import Priority
from mailgate.retention.days import last_day
from mailgate.retention.leavers import DAY
from mailgate.retention.schema import leaver
from mailgate.store import MailStore, Parcel
from mailgate.store.provisioning import RECEIVES, SIGNS_IN
from mailgate.store.schema import account, number

log = structlog.stdlib.get_logger("mailgate.retention")

_BEFORE: Final = (14 * DAY, 3 * DAY)
"""Seconds before the end of the grace at which there is a notice, after the first one."""
_AT_ONCE: Final = 500
_LAST: Final = 1 + len(_BEFORE)

_now = number("now")
_left = leaver.c.reads_until - _now
_stage = case((_left <= _BEFORE[1], 3), (_left <= _BEFORE[0], 2), else_=1)
_due = and_(leaver.c.reads_until > _now, leaver.c.told < _stage)
_DUE: Final = Statement(
    select(
        leaver.c.account_id, leaver.c.profile, leaver.c.reads_until, leaver.c.told, leaver.c.outside, account.c.state
    )
    .join(account, and_(account.c.account_id == leaver.c.account_id, account.c.state.in_(sorted(SIGNS_IN))))
    .where(_due, leaver.c.account_id.not_in(select(person_merge.c.dropped_id)))
    .order_by(leaver.c.account_id)
    .limit(_AT_ONCE)
)
_TOLD: Final = Statement(
    update(leaver)
    .where(member(leaver.c.account_id, "accounts"), _due)
    .values(told=_stage, outside=case((_stage == _LAST, ""), else_=leaver.c.outside))
)
_SCHOOLS: Final = Statement(
    select(former_school.c.person_id, former_school.c.school_id).where(member(former_school.c.person_id, "accounts"))
)


class _Leaver(NamedTuple):
    account_id: int
    profile: str
    reads_until: int
    told: int
    outside: str
    state: str


class _Words(NamedTuple):
    """What makes one letter differ from another: in which language, the first or one more, and what is in it."""

    language: Language
    first: bool
    reads_until: int
    kept_until: int
    receives: bool


@dataclass(frozen=True, slots=True)
class LeaverNotices:
    """Writes these letters; any number of nodes may do so at once."""

    database: Database
    store: MailStore
    settings: Settings
    clock: Callable[[], float] = time.time

    async def look(self) -> int:
        """Tell everybody whose notice is due; give the number of people."""
        told = 0
        while True:
            now = int(self.clock())
            due, schools = await self.database.read(partial(_look, now=now))
            if not due:
                return told
            if not await self._tell(due, schools, now):
                return told  # another node tells them, or somebody is back: who is left is told at the next look
            told += len(due)
            log.info("leavers told", accounts=len(due))

    async def _tell(self, due: Sequence[_Leaver], schools: dict[int, list[SchoolSettings]], now: int) -> bool:
        alike = defaultdict[_Words, list[_Leaver]](list)
        for one in due:
            alike[self._words(one, schools[one.account_id])].append(one)

        async def note(tx: Tx) -> bool:
            return await tx.run(_TOLD, accounts=[one.account_id for one in due], now=now) == len(due)

        parcels = [self._parcel(words, people, schools, now) for words, people in alike.items()]
        return await self.store.deliver_once(parcels, note)

    def _words(self, one: _Leaver, schools: Iterable[SchoolSettings]) -> _Words:
        said = {each.language or self.settings.gateway.language for each in schools}
        language: Language = "fr" if "fr" in said else "en" if said else self.settings.gateway.language
        kept = one.reads_until + self.settings.retention.of(one.profile).kept_days * DAY
        return _Words(language, one.told == 0, one.reads_until, kept, one.state in RECEIVES)

    def _parcel(
        self, words: _Words, people: Sequence[_Leaver], schools: dict[int, list[SchoolSettings]], now: int
    ) -> Parcel:
        outside = {
            one.outside: OutsideRecipient(one.outside, REPORTS, person_id=one.account_id)
            for one in people
            if self.settings.queue.route != "none"
            and one.outside
            and not self.settings.directory.holds(one.outside)
            and any(each.outside != "none" for each in schools[one.account_id])
        }

        async def stored(tx: Tx, content_id: bytes, size: int) -> None:
            out = Outgoing(
                None, outward_of(self.settings).mark, list(outside.values()), Priority.NORMAL, ret="HDRS", verp=True
            )
            await enqueue(tx, out, content_id, size, schedule_of(self.settings.queue), now=now)

        accounts = frozenset(one.account_id for one in people)
        return Parcel(self._letter(words), accounts, list_id=None, stored=stored if outside else None)

    def _letter(self, words: _Words) -> bytes:
        translate = translator(words.language)
        day, kept = self._day(words.reads_until, words.language), self._day(words.kept_until, words.language)
        subject = (
            _("You have left: your mailbox is open until {day}") if words.first else _("Your mailbox closes: {day}")
        )
        said = [_("You are in the school’s directory no more. You can read your messages until {day}, and send none.")]
        if words.first:
            said.append(
                _("Messages to you still come in until then; tell those who write to you where to write instead.")
                if words.receives
                else _("No new messages come in.")
            )
        said += [
            _("What you want to keep you can copy to your own computer until then, with any mail program."),
            _("After that day the mailbox is closed. What is in it is deleted after {kept}."),
            _("If you have not left, please tell the school: once the directory has you again, all is as before."),
        ]
        text = "\n\n".join(translate(one).format(day=day, kept=kept) for one in said)
        return write(self.settings, words.language, translate(subject).format(day=day), text)

    def _day(self, at: int, language: Language) -> str:
        return long_date(last_day(at, self.settings.gateway.zone()), language)


async def _look(tx: Tx, now: int) -> tuple[list[_Leaver], dict[int, list[SchoolSettings]]]:
    """Some of those whose notice is due, and what each school that they were of has set."""
    due = [_Leaver(*row) for row in await tx.all(_DUE, now=now)]
    rows = await tx.all(_SCHOOLS, accounts=[one.account_id for one in due])
    settings = await settings_of_all(tx, {row[1] for row in rows})
    schools: dict[int, list[SchoolSettings]] = {one.account_id: [] for one in due}
    for account_id, school_id in rows:
        schools[account_id].append(settings[school_id])
    return due, schools


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
