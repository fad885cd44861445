"""A sender asks by mail what became of a message, from any program: an answer to one's own message, sent to
``delivery@`` or ``remise@`` the people's domain. The letter that comes back says it for each recipient and for
families.

It says what the report of ``NOTIFY=SUCCESS`` says, at any later time, and who opened it where the school shows that.
Members of lists are the staff's business alone: others read that a list took their message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import IO, Final

from directory.reserved import DELIVERY
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.database.contract import Work
from mailgate.delivery import states
from mailgate.delivery.own_messages import answer, named_in, sent_among
from mailgate.delivery.posting import wants_no_answer
from mailgate.delivery.saying import refusal, said
from mailgate.delivery.states import Delivery, Report
from mailgate.delivery.success import NAMES_AT_MOST
from mailgate.i18n import Language, ascii_only
from mailgate.policy.schools import language_of_person
from mailgate.store import MailStore, Parcel
from smtp.handler import Envelope
from smtp.header import Header

_PEOPLE_AT_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class _Found:
    reports: Sequence[Report]
    language: Language


class StatesByMail:
    """What the submission server does with messages to the addresses of `DELIVERY`."""

    def __init__(self, database: Database, store: MailStore, settings: Settings) -> None:
        self._database = database
        self._store = store
        self._domain = settings.directory.domain
        self._language: Language = settings.gateway.language

    def is_for(self, address: str) -> bool:
        """Whether an address is one of these."""
        local, _, domain = address.strip().lower().rpartition("@")
        return local in DELIVERY and domain == self._domain

    async def deliver(
        self,
        envelope: Envelope,
        header: Header,
        content: IO[bytes],
        own: Collection[int],
        first: Work[None],
        *,
        staff: bool,
    ) -> str:
        """Answer after `first`; give the text after ``250``. `own` are the accounts that this person may send from.

        Raises SmtpError when no message of theirs is meant.
        """
        if wants_no_answer(header) or not envelope.mail_from:
            raise refusal(self._language, _("Lists take no automatic answers."))
        names, sender = named_in(header, content), envelope.sender

        async def look(tx: Tx) -> _Found:
            mine = await sent_among(tx, names, sender, own)
            language = await language_of_person(tx, sender.account_id) or self._language
            return _Found([await states.report(tx, one) for one in mine.values()], language)

        found = await self._database.read(look)
        if not found.reports:
            text = _("No message of yours was found. Please answer to the message itself, in your Sent mailbox.")
            raise refusal(found.language, text)
        if len({one.dispatch.internet_id for one in found.reports}) > 1:
            raise refusal(found.language, _("Please name one message only."))
        texts = [text for one in found.reports for text in _texts(one, found.language, staff=staff)]
        texts.append(said(found.language, _("Message: {id}"), id=found.reports[0].dispatch.internet_id))
        local = DELIVERY[1] if found.language == "fr" else DELIVERY[0]
        letter = answer(header, envelope, found.language, local, _("What became of your message"), texts)
        parcel = Parcel(letter, frozenset([sender.account_id]), list_id=None)
        await self._store.deliver_all([parcel], first=first)
        return ascii_only(said(found.language, _("The answer is in your mailbox.")))


def _texts(report: Report, language: Language, *, staff: bool) -> list[str]:
    """Paragraphs: people that were named, each list, what waits or left, families."""
    named = [one for one in report.recipients if one.list_id == 0]
    lines = [_line(f"{one.name} <{one.address}>", one.state, language) for one in named[:_PEOPLE_AT_MOST]]
    found = ["\n".join(lines)] if lines else []
    for each in report.lists:
        if not staff:
            found.append(said(language, _("{address}: delivered"), address=each.address))
            continue
        lines = [f"{each.label} <{each.address}>", *_counted(report.count(each.list_id), language)]
        without = [
            one.name for one in report.recipients if one.list_id == each.list_id and one.state is Delivery.NO_ACCOUNT
        ]
        if without:
            text = _("  Without account, so that they did not get it ({number}): {names}")
            names = ", ".join(without[:NAMES_AT_MOST]) + (" …" if len(without) > NAMES_AT_MOST else "")
            lines.append(said(language, text, number=str(len(without)), names=names))
        found.append("\n".join(lines))
    if report.waiting:
        found.append("\n".join(_line(one.address, one.state, language) for one in report.waiting))
    if staff and report.families:
        found.append("\n".join([said(language, _("Families:")), *_counted(Counter(report.families), language)]))
    return found


def _counted(counts: Counter[Delivery], language: Language) -> list[str]:
    text = _("{name}: {value}")
    return [
        "  " + said(language, text, name=said(language, _STATES[state]), value=str(counts[state]))
        for state in Delivery
        if counts[state]
    ]


def _line(to: str, state: Delivery, language: Language) -> str:
    return said(language, _("{name}: {value}"), name=to, value=said(language, _STATES[state]))


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


_STATES: Final = {
    Delivery.OPENED: _("opened"),
    Delivery.DELIVERED: _("delivered"),
    Delivery.SENT: _("taken by the server outside"),
    Delivery.QUEUED: _("waits to be sent outside"),
    Delivery.FAILED: _("not delivered outside"),
    Delivery.TAKEN_BACK: _("taken back"),
    Delivery.PURGED: _("removed by an administrator"),
    Delivery.HELD: _("waits for approval"),
    Delivery.WAITING: _("waits for the minutes of the list"),
    Delivery.REFUSED: _("refused"),
    Delivery.NO_ACCOUNT: _("no account, or a closed one"),
}
