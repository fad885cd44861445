"""What holds a message back that the matrix would let pass: limits of sending, and the emergency stop.

At MAIL FROM and RCPT TO the writer is told while the message can still be mended; what counts is the last look, in the
transaction that delivers.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final, TypeAlias

from sqlalchemy import BigInteger, bindparam, func, literal, select

from directory.schema import list_member
from mailgate.config import Gateway
from mailgate.database import Database, Statement, Tx
from mailgate.database.contract import Work
from mailgate.delivery.lookups import Writer
from mailgate.delivery.recipients import ListRecipient, Moderated, PersonRecipient, reached
from mailgate.delivery.writers import Known, Writers
from mailgate.i18n import ascii_only, translator
from mailgate.policy.allowance import Window, opens_at, used, with_message
from mailgate.policy.limits import MB
from mailgate.policy.matrix import Verdict
from mailgate.policy.sending import (
    TURN,
    Standing,
    counting,
    counting_parameters,
    forget_old,
    held_window,
    keep,
)
from mailgate.policy.stops import HOLDING_UNTIL_COMMIT, Stop, asked, now, stop_of
from mailgate.queue.enqueue import OutsideRecipient
from mailgate.store import Gate
from smtp.handler import Envelope, SmtpError

_few = (
    select(literal(1).label("one"))
    .where(list_member.c.list_id == bindparam("list_id", type_=BigInteger))
    .limit(bindparam("most", type_=BigInteger))
    .subquery("few")
)
_MEMBERS_UP_TO: Final = Statement(select(func.count()).select_from(_few))


Found: TypeAlias = PersonRecipient | ListRecipient | OutsideRecipient | None
"""What an address stands for."""


@dataclass(slots=True)
class _Course:
    """What is known of a message under way."""

    known: Known
    reach: int = 0
    """Mailboxes that the recipients so far reach, at the most: who is on two lists may be counted twice."""
    window: Window | None = None
    """What the delivery counts: what is counted for the sender with this message."""

    @property
    def standing(self) -> Standing:
        """Who sends, as the limits see it."""
        return self.known.writer.standing


class Brakes:
    """Limits and stops for the messages of one gateway process."""

    def __init__(self, database: Database, settings: Gateway) -> None:
        self._database = database
        self._language = settings.language
        self._zone = settings.zone()
        self._writers = Writers(database)

    async def look_up(self, account_id: int) -> Known:
        """MAIL FROM: who sends. Raises LookupError when there is no such person."""
        return await self._writers.known(account_id)

    def begin(self, envelope: Envelope, known: Known) -> None:
        """MAIL FROM: refuse a message that is too large. Who is stopped, or has sent enough for this hour, hears so at
        RCPT TO: to take a message back, or to decide about one, is not to send.
        """
        self._check_size(known.writer.standing, envelope.declared_size)
        envelope.application = _Course(known)

    def writer(self, envelope: Envelope) -> Writer | None:
        """Who sends, as looked up at MAIL FROM; None when that may be true no more."""
        return None if self.is_late(envelope) else _course(envelope).known.writer

    def standing(self, envelope: Envelope) -> Standing:
        """Who sends, as looked up at MAIL FROM."""
        return _course(envelope).standing

    def is_late(self, envelope: Envelope) -> bool:
        """Whether what was looked up for the recipients may be true no more: a session can be kept open."""
        return _course(envelope).known.is_late

    async def verdict(self, envelope: Envelope, found: Found) -> Stop | None:
        """RCPT TO: the stop that sends this recipient's copy to a moderator. Raises SmtpError for one that refuses, and
        for a sender who has sent enough for this hour.
        """
        stop = await self._database.read(_look(envelope, [found]))
        self.check(envelope, stop)
        return stop

    def check(self, envelope: Envelope, stop: Stop | None) -> None:
        """RCPT TO: refuse what `stop` refuses, and who has sent enough for this hour. Raises SmtpError."""
        if stop is not None and stop.verdict is Verdict.REFUSE:
            raise self._stopped(_course(envelope).standing, stop)
        standing = _course(envelope).standing
        self._check_hour(standing, standing.window, 451, recipients=1)

    async def admit(self, envelope: Envelope, found: PersonRecipient | ListRecipient | OutsideRecipient) -> None:
        """RCPT TO, when nothing else refuses it: count the recipient."""
        course = _course(envelope)
        most = course.standing.limits.recipients_per_message
        if most is not None and len(envelope.recipients) >= most:
            text = _("A message may have {limit} recipients. Please write to fewer people, or to a list.")
            raise self._refusal(course.standing, 550, "5.5.3", text, limit=str(most))
        hourly = course.standing.limits.recipients_per_hour
        if hourly is not None:
            reach = course.reach + await self._members_up_to(found, hourly)
            if used(course.standing.window, now()).recipients + reach > hourly:
                reach = await self._database.read(_counting([*_resolved(envelope), found]))
            self._check_hour(course.standing, course.standing.window, 452, recipients=reach)
            course.reach = reach

    async def _members_up_to(self, found: PersonRecipient | ListRecipient | OutsideRecipient, hourly: int) -> int:
        if not isinstance(found, ListRecipient):
            return 1
        list_id = found.list_id
        row = await self._database.read(lambda tx: tx.one(_MEMBERS_UP_TO, list_id=list_id, most=hourly + 1))
        return int(row[0]) if row else 0

    def check_content(self, envelope: Envelope, content: IO[bytes]) -> None:
        """The end of the data: refuse what is too large, and leave `content` rewound."""
        size = content.seek(0, os.SEEK_END)
        content.seek(0)
        self._check_size(_course(envelope).standing, size)

    def guard(self, envelope: Envelope, mailboxes: int) -> Work[None]:
        """What the delivering transaction does first: look at stops and limits once more, and count the message.

        A delivery that is undone counts nothing, and no stop begins between this look and the commit.
        """
        course = _course(envelope)
        sender = envelope.sender.account_id

        async def work(tx: Tx) -> None:
            if stop := await self._stop_now(tx, envelope):
                raise self._stopped(course.standing, stop)
            if course.standing.limits.uncounted:
                return
            at = now()
            window = await held_window(tx, sender, at)
            self._check_hour(course.standing, window, 451, recipients=mailboxes)
            course.window = with_message(window, at, mailboxes)
            await keep(tx, sender, course.window)

        return work

    def gate(self, envelope: Envelope, mailboxes: int) -> Gate | None:
        """What may stand for `guard`; None when that has to say what is wrong."""
        course, at = _course(envelope), now()
        standing = course.standing
        parameters = asked(envelope.sender.account_id, *_lists(_resolved(envelope)))
        if standing.limits.uncounted:
            return Gate(HOLDING_UNTIL_COMMIT, parameters)
        if opens_at(standing.window, standing.limits.hourly, at, recipients=mailboxes) != at:
            return None
        course.window = with_message(standing.window, at, mailboxes)
        counted = counting_parameters(standing, course.window)
        return Gate(HOLDING_UNTIL_COMMIT, parameters | counted, counting, TURN)

    def sent(self, envelope: Envelope, octets: int) -> None:
        """The message is delivered, a copy of so many octets to its writer."""
        course = _course(envelope)
        self._writers.sent(envelope.sender.account_id, course.known, course.window, octets)

    async def _stop_now(self, tx: Tx, envelope: Envelope) -> Stop | None:
        """What refuses the message, or would have it approved for a recipient who is to get it at once."""
        stop = await _look(envelope, _resolved(envelope), until_commit=True)(tx)
        if stop is None or stop.verdict is Verdict.REFUSE:
            return stop
        at_once = [one.resolved for one in envelope.recipients if not isinstance(one.resolved, Moderated)]
        return await _look(envelope, at_once)(tx) if at_once else None

    async def forget(self) -> None:
        """The daily upkeep: what was sent long ago."""
        await forget_old(self._database, now())

    def _stopped(self, standing: Standing, stop: Stop) -> SmtpError:
        """Permanent, so that nothing that was written during a stop goes out by itself when it ends."""
        reason = stop.reason(standing.language or self._language)
        otherwise = {
            Verdict.REFUSE: _("Sending is suspended for the moment. You can still read your messages."),
            Verdict.MODERATE: _("Messages must be approved first for the moment."),
        }
        if reason:
            return SmtpError(550, "5.7.1", ascii_only(reason))
        return self._refusal(standing, 550, "5.7.1", otherwise[stop.verdict])

    def _check_size(self, standing: Standing, size: int) -> None:
        most = standing.limits.message_size
        if most is not None and size > most:
            text = _("Your messages may have {limit} MB, attachments included.")
            raise self._refusal(standing, 552, "5.3.4", text, limit=f"{most / MB:g}")

    def _check_hour(self, standing: Standing, window: Window, code: int, *, recipients: int) -> None:
        """Refuse one more message to so many: for now, with the time when it may be sent, or for ever."""
        moment, hourly = now(), standing.limits.hourly
        at = opens_at(window, hourly, moment, recipients=recipients)
        if at == moment:
            return
        if hourly.messages is not None and used(window, moment).messages >= hourly.messages:
            text, limit = _("Only {limit} messages an hour may be sent."), str(hourly.messages)
        else:
            text = _("Only {limit} recipients an hour are possible, with all of each list.")
            limit = str(hourly.recipients)
        refusal = self._refusal(standing, 550, "5.7.1", text, limit=limit)
        if at is not None:
            clock = datetime.datetime.fromtimestamp(at, self._zone).strftime("%H:%M")
            more = self._refusal(standing, code, "4.7.1", _("You can send this message at {time}."), time=clock)
            refusal = SmtpError(code, "4.7.1", f"{refusal.text} {more.text}")
        raise refusal

    def _refusal(self, standing: Standing, code: int, status: str, text: str, **values: str) -> SmtpError:
        translate = translator(standing.language or self._language)
        return SmtpError(code, status, ascii_only(translate(text).format(**values)))


def _resolved(envelope: Envelope) -> list[Found]:
    found = [recipient.resolved for recipient in envelope.recipients]
    return [one.found if isinstance(one, Moderated) else one for one in found]


def _look(envelope: Envelope, found: Sequence[Found], *, until_commit: bool = False) -> Work[Stop | None]:
    """The unit of work that looks for a stop of this message to these recipients."""
    sender = envelope.sender.account_id
    lists, schools = _lists(found)
    return lambda tx: stop_of(tx, sender, lists=lists, list_schools=schools, until_commit=until_commit)


def _lists(found: Sequence[Found]) -> tuple[list[int], list[int]]:
    """The lists among these, and their schools."""
    lists = [one for one in found if isinstance(one, ListRecipient)]
    schools = [one.target.school_id for one in lists if one.target.school_id is not None]
    return [one.list_id for one in lists], schools


def _counting(found: Sequence[Found]) -> Work[int]:
    """The unit of work that counts the mailboxes behind these recipients, each once, and the addresses outside."""
    people = [one.account_id for one in found if isinstance(one, PersonRecipient)]
    lists = [one.list_id for one in found if isinstance(one, ListRecipient)]

    outside = {one.key for one in found if isinstance(one, OutsideRecipient)}

    async def work(tx: Tx) -> int:
        return sum(map(len, (await reached(tx, people, lists)).values())) + len(outside)

    return work


def _course(envelope: Envelope) -> _Course:
    course: _Course = envelope.application
    return course


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
