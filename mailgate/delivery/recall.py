"""A sender takes a message back by mail, from any program: an answer to one's own message, sent to ``recall@`` or
``rappel@`` the people's domain. Copies that nobody has opened go; how many, the sender reads at once and in a letter.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO

from directory.reserved import RECALL
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.delivery.own_messages import answer, named_in, sent_among
from mailgate.delivery.posting import is_automatic_reply
from mailgate.delivery.waiting import held_of
from mailgate.delivery.whereabouts import seek
from mailgate.delivery.withdrawing import Order, Tally, report, take_back, tally
from mailgate.i18n import Language, ascii_only, translator
from mailgate.moderation.deciding import Moderation
from mailgate.moderation.held import OPEN, State
from mailgate.policy.schools import SchoolSettings, language_of_person, settings_of_person
from mailgate.queue.outcome import State as Leaving
from mailgate.queue.withdrawing import outside_of
from mailgate.store import Dispatch, MailStore, dispatches
from smtp.handler import Envelope, Sender, SmtpError
from smtp.header import Header


@dataclass(frozen=True, slots=True)
class _Found:
    """The messages meant, and what the sender's schools say."""

    sent: Sequence[Dispatch]
    delivered: bool
    """Whether it went to anybody: what waits alone can be taken back for as long as it waits."""
    minutes: int
    language: Language


class RecallByMail:
    """What the submission server does with messages to the addresses of `RECALL`."""

    def __init__(self, database: Database, store: MailStore, moderation: Moderation, settings: Settings) -> None:
        self._database = database
        self._moderation = moderation
        self._store = store
        self._domain = settings.directory.domain
        self._language: Language = settings.gateway.language

    def is_for(self, address: str) -> bool:
        """Whether an address is one of these."""
        local, _, domain = address.strip().lower().rpartition("@")
        return local in RECALL and domain == self._domain

    async def deliver(self, envelope: Envelope, header: Header, content: IO[bytes], own: Collection[int]) -> str:
        """Take back the message that a request names; give the text after ``250``.

        `own` are the accounts that this person may send from. Raises SmtpError when nothing can be taken back.
        """
        if is_automatic_reply(header):
            raise self._refusal(self._language, _("Automatic answers take nothing back."))
        names = named_in(header, content)
        sender = envelope.sender
        found = await self._database.read(lambda tx: self._look(tx, names, sender, own))
        self._check(found)
        counted, waits = await self._take_back(found, sender)
        text = _said(found.language, counted, waits)
        local = RECALL[1] if found.language == "fr" else RECALL[0]
        about = translator(found.language)(_("Message: {id}")).format(id=found.sent[0].internet_id)
        subject = _("Your message was taken back")
        letter = answer(header, envelope, found.language, local, subject, [text, about])
        await self._store.deliver(letter, [sender.account_id])
        return ascii_only(text)

    async def _look(self, tx: Tx, names: Sequence[str], sender: Sender, own: Collection[int]) -> _Found:
        mine = await sent_among(tx, names, sender, own)
        delivered = [one for one in mine if await dispatches.copies_of(tx, one)]
        waits = [one for name in mine for one in await held_of(tx, name) if one.state in OPEN]
        schools = await settings_of_person(tx, sender.account_id)
        minutes = max((school.recall_minutes for school in schools), default=SchoolSettings().recall_minutes)
        language = await language_of_person(tx, sender.account_id) or self._language
        return _Found(list(mine.values()), bool(delivered) or not waits, minutes, language)

    def _check(self, found: _Found) -> None:
        if not found.sent:
            text = _("No message of yours was found. Please answer to the message itself, in your Sent mailbox.")
            raise self._refusal(found.language, text)
        if len({one.internet_id for one in found.sent}) > 1:
            raise self._refusal(found.language, _("Please name one message only."))
        if not found.delivered:
            return
        if not found.minutes:
            raise self._refusal(found.language, _("Your school does not let messages be taken back."))
        if time.time() - min(one.at for one in found.sent) > found.minutes * 60:
            text = _("It is too late: a message can be taken back for {minutes} min.")
            raise self._refusal(found.language, text, minutes=found.minutes)

    async def _take_back(self, found: _Found, sender: Sender) -> tuple[Tally, int]:
        """Count the copies, and the recipients whose copies waited and will not go."""
        order = Order("recall", sender.username, "", sender.username, sender.account_id)
        traces = []
        ended = 0
        for one in found.sent:
            sought = await self._database.read(partial(seek, dispatch=one))
            sought = await take_back(self._database, self._moderation, sought, order)
            traces += await report(self._database, sought)
            held = await self._database.read(partial(held_of, dispatch_id=one.dispatch_id))
            ended += sum(each.state is State.CANCELLED for each in held)
            outside = await self._database.read(partial(outside_of, dispatch_id=one.dispatch_id))
            ended += sum(each.state is Leaving.DELETED for each in outside)
        return tally(traces), ended

    def _refusal(self, language: Language, text: str, **values: int) -> SmtpError:
        return SmtpError(550, "5.7.1", ascii_only(translator(language)(text).format(**values)))


def _said(language: Language, counted: Tally, waits: int) -> str:
    translate = translator(language)
    everybody = counted.withdrawn + counted.kept + counted.gone
    texts = []
    if everybody or not waits:
        text = translate(_("Taken back: {withdrawn} of {all}. Already opened: {kept}. No longer there: {gone}."))
        texts.append(text.format(withdrawn=counted.withdrawn, all=everybody, kept=counted.kept, gone=counted.gone))
    if waits:
        texts.append(translate(_("Waited, and will not be sent: {number}.")).format(number=waits))
    return " ".join(texts)


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
