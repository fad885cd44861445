"""A sender takes a message back by mail, from any program: an answer to one's own message, sent to ``recall@`` or
``rappel@`` the people's domain. Copies that nobody has opened go; how many, the sender reads at once and in a letter.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from functools import partial
from typing import IO, Final

from directory.reserved import RECALL
from imap.message import readable_text
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.delivery.posting import is_automatic_reply
from mailgate.delivery.waiting import held_of
from mailgate.delivery.whereabouts import seek
from mailgate.delivery.withdrawing import Order, Tally, report, take_back, tally
from mailgate.i18n import Language, ascii_only, translator
from mailgate.moderation.deciding import Moderation
from mailgate.moderation.held import OPEN, State
from mailgate.policy.schools import SchoolSettings, settings_of_person
from mailgate.queue.outcome import State as Leaving
from mailgate.queue.withdrawing import outside_of
from mailgate.store import Dispatch, MailStore, dispatches
from smtp.handler import Envelope, Sender, SmtpError
from smtp.message import fields, read_header

_READ: Final = 64 * 1024
"""Octets of a request that are looked through for a Message-ID, when it answers to none."""
_MOST: Final = 20
_ID: Final = re.compile(rb"<[^<>\s@]{1,400}@[^<>\s@]{1,255}>")


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

    async def deliver(self, envelope: Envelope, content: IO[bytes], own: Collection[int]) -> str:
        """Take back the message that a request names; give the text after ``250``.

        `own` are the accounts that this person may send from. Raises SmtpError when nothing can be taken back.
        """
        header = read_header(content)
        if is_automatic_reply(header.block):
            raise self._refusal(self._language, _("Automatic answers take nothing back."))
        names = _named(header.block, content)
        sender = envelope.sender
        found = await self._database.read(lambda tx: self._look(tx, names, sender, own))
        self._check(found)
        counted, waits = await self._take_back(found, sender)
        text = _said(found.language, counted, waits)
        await self._store.deliver(_letter(header.block, envelope, text, found), [sender.account_id])
        return ascii_only(text)

    async def _look(self, tx: Tx, names: Sequence[str], sender: Sender, own: Collection[int]) -> _Found:
        mine: dict[str, Dispatch] = {}
        for name in names:
            for one in await dispatches.find(tx, name):
                if one.sender_id == sender.account_id or one.author_id in own:
                    mine[one.dispatch_id] = one
        delivered = [one for one in mine if await dispatches.copies_of(tx, one)]
        waits = [one for name in mine for one in await held_of(tx, name) if one.state in OPEN]
        schools = await settings_of_person(tx, sender.account_id)
        minutes = max((school.recall_minutes for school in schools), default=SchoolSettings().recall_minutes)
        languages = {school.language for school in schools} - {None}
        language = self._language if not languages else "fr" if "fr" in languages else "en"
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
            text = _("It is too late: a message can be taken back for {minutes} minutes.")
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


def _named(header: bytes, content: IO[bytes]) -> list[str]:
    """What a request is about: what it answers to, else the Message-IDs in its text."""
    values = {name: value for name, value, _ in fields(header) if name in {b"in-reply-to", b"references"}}
    named = _ID.findall(values.get(b"in-reply-to", b"")) or _ID.findall(values.get(b"references", b""))[-1:]
    if not named:
        content.seek(0)
        own = [value.strip() for name, value, _ in fields(header) if name == b"message-id"]
        text = readable_text(content.read(_READ), _READ).encode("utf-8", "replace")
        named = [one for one in _ID.findall(text) if one not in own]
    return [one.decode("utf-8", "replace") for one in dict.fromkeys(named[:_MOST])]


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


def _letter(header: bytes, envelope: Envelope, text: str, found: _Found) -> bytes:
    """The answer to keep; programs are not to answer it (RFC 3834 section 5)."""
    request = next((value.strip() for name, value, _ in fields(header) if name == b"message-id"), b"")
    translate = translator(found.language)
    domain = envelope.sender.username.rpartition("@")[2] or "localhost"
    letter = EmailMessage(policy=SMTP)
    letter["From"] = f"{RECALL[1] if found.language == 'fr' else RECALL[0]}@{domain}"
    letter["To"] = envelope.sender.username
    letter["Subject"] = translate(_("Your message was taken back"))
    letter["Date"] = format_datetime(datetime.now(UTC))
    letter["Message-ID"] = make_msgid(domain=domain)
    letter["Auto-Submitted"] = "auto-replied"
    if _ID.fullmatch(request):
        letter["In-Reply-To"] = request.decode("ascii", "replace")
    about = translate(_("Message: {id}")).format(id=found.sent[0].internet_id)
    letter.set_content(f"{text}\n\n{about}\n")
    return letter.as_bytes()


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
