"""What a signed-in person may send, and to whom; then the one transaction that makes it visible (RFC 6409, RFC 5321).

Every refusal comes while the writer can still mend it, in words a parent understands, in the gateway's language.
"""

from __future__ import annotations

import datetime
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO

import structlog

from mailgate.accounts import Accounts
from mailgate.accounts.smtp_sign_in import SmtpSignIn
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.delivery import posting, recipients
from mailgate.delivery.brakes import Brakes
from mailgate.delivery.copies import Copies
from mailgate.delivery.recipients import ListRecipient, PersonRecipient
from mailgate.i18n import ascii_only, translator
from mailgate.policy import words
from mailgate.policy.matrix import Decision, Verdict, default_cells
from mailgate.policy.schools import SchoolSettings, settings_of
from mailgate.policy.writing import OutsideTarget, Target, may_write
from mailgate.store import Dispatch, MailStore
from smtp.handler import Envelope, Recipient, SmtpError
from smtp.message import prepare
from smtp.trace import received

log = structlog.stdlib.get_logger("mailgate.delivery")


class Submission(SmtpSignIn):
    """`smtp.handler.SubmissionHandler` over the directory and the store."""

    def __init__(self, database: Database, store: MailStore, accounts: Accounts, settings: Settings) -> None:
        super().__init__(accounts)
        self._database = database
        self._store = store
        self._directory = settings.directory
        self._hostname = settings.gateway.hostname
        self._brakes = Brakes(database, settings.gateway)
        self._language = settings.gateway.language
        self._translate = translator(settings.gateway.language)

    def _refusal(self, code: int, status: str, text: str) -> SmtpError:
        return SmtpError(code, status, ascii_only(self._translate(text)))

    async def mail_from(self, envelope: Envelope) -> None:
        """The reverse path is the person's own, or one that the person may send as, or null as read receipts have it
        (RFC 8098 section 3).
        """
        if envelope.mail_from and recipients.fold(envelope.mail_from) not in await self._senders(envelope):
            await self._refuse_shared(envelope.mail_from)
            raise self._refusal(550, "5.7.1", _("Please send from an address of your own."))
        await self._brakes.begin(envelope)

    async def rcpt_to(self, envelope: Envelope, recipient: Recipient) -> None:
        """The recipient exists, can take mail, and this person may write to it, and so much."""
        found = await self._database.read(lambda tx: recipients.resolve(tx, recipient.address))
        recipient.resolved = found
        match found:
            case PersonRecipient(open=False):
                raise self._refusal(550, "5.2.1", _("This mailbox is closed: the person has left."))
            case PersonRecipient(account_id=account_id, target=target):
                await self._check_policy(envelope, target, found)
                quota = await self._store.account(account_id, recipient.address).quota()
                if quota.limit and quota.used + envelope.declared_size > quota.limit:
                    raise self._refusal(452, "4.2.2", _("This mailbox is full. Please try again later."))
                await self._brakes.admit(envelope, found)
            case ListRecipient(target=target):
                await self._check_policy(envelope, target, found)
                await self._check_size([found], envelope.declared_size)
                await self._brakes.admit(envelope, found)
            case None if self._directory.holds(recipient.address):
                await self._refuse_closed(recipient.address)
                raise self._refusal(550, "5.1.1", _("There is no such address here. Please check how it is written."))
            case None:
                await self._check_policy(envelope, OutsideTarget(), None)
                raise self._refusal(550, "5.7.1", _("Messages cannot be sent outside the school network."))

    async def _check_policy(
        self, envelope: Envelope, target: Target, found: PersonRecipient | ListRecipient | None
    ) -> None:
        """Refuse what a stop or the communication policy refuses, in the language of the school whose rule it is."""
        stop = await self._brakes.verdict(envelope, found)

        async def work(tx: Tx) -> tuple[Decision, SchoolSettings]:
            decision = await may_write(tx, envelope.sender.account_id, target)
            refused = decision.verdict is not Verdict.ALLOW
            return decision, await settings_of(tx, decision.school_id if refused else None)

        decision, school = await self._database.read(work)
        translate = translator(school.language or self._language)
        if decision.verdict is Verdict.REFUSE:
            raise SmtpError(550, "5.7.1", ascii_only(words.refusal(decision, default_cells(), translate)))
        if decision.verdict is Verdict.MODERATE:
            raise SmtpError(550, "5.7.1", ascii_only(translate(_("Messages to this list must be approved first."))))
        if stop is not None:
            raise self._brakes.moderated(envelope, stop)

    async def _refuse_closed(self, address: str) -> None:
        closed = await self._database.read(lambda tx: recipients.closed_list(tx, address))
        if closed is not None:
            translate = await self._words_of(closed.school_id)
            raise SmtpError(550, "5.7.1", ascii_only(translate(_("This list is closed: it takes no more messages."))))

    async def _check_size(self, lists: Sequence[ListRecipient], octets: int) -> None:
        """Refuse what is larger than one of the lists takes."""
        limits = await self._database.read(lambda tx: recipients.size_limits(tx, [one.list_id for one in lists]))
        for one in lists:
            limit = limits.get(one.list_id, 0)
            if limit and octets > limit:
                translate = await self._words_of(one.target.school_id)
                text = translate(_("Messages to {address} may have {limit} KB, attachments included."))
                raise SmtpError(552, "5.3.4", ascii_only(text.format(address=one.address, limit=limit // 1024)))

    async def _words_of(self, school_id: int | None) -> Callable[[str], str]:
        """The translator of a school's language."""
        school = await self._database.read(lambda tx: settings_of(tx, school_id))
        return translator(school.language or self._language)

    async def deliver(self, envelope: Envelope, content: IO[bytes]) -> str:
        """Store the message once and one row for each person it reaches; committed when this returns."""
        self._brakes.check_content(envelope, content)
        identity = secrets.token_hex(8)
        now = datetime.datetime.now(datetime.UTC)
        trace = received(envelope, hostname=self._hostname, identity=identity, when=now)
        prepared = prepare(
            content,
            envelope,
            hostname=self._hostname,
            received=b"Return-Path: <%s>\r\n" % envelope.mail_from.encode() + trace,
            now=now,
        )
        sent_as = await self._check_authors(envelope, prepared.authors, prepared.sender)
        dispatch = Dispatch(
            identity, envelope.sender.account_id, sent_as or envelope.sender.account_id,
            author=prepared.authors[0], internet_id=prepared.message_id, at=int(now.timestamp()),
        )  # fmt: skip
        people, lists = _sorted_out(envelope)
        await self._check_size(lists, content.seek(0, os.SEEK_END))
        for one in lists:
            self._check_posting(prepared.header, one)
        with ExitStack() as stack:
            copies = Copies(prepared, content, stack)
            parcels = await self._database.read(lambda tx: copies.parcels(tx, people, lists, sent_as))
            if not any(parcel.account_ids for parcel in parcels):
                raise self._refusal(554, "5.1.1", _("None of the recipients has a mailbox any more."))
            reached = sum(len(parcel.account_ids) for parcel in parcels)
            await self._store.deliver_all(parcels, first=self._brakes.guard(envelope, reached), dispatch=dispatch)
        log.info(
            "delivered", id=identity, sender=envelope.sender.account_id, recipients=len(envelope.recipients),
            mailboxes=reached,
            octets=len(prepared.header) + content.seek(0, os.SEEK_END) - prepared.body_offset,
        )  # fmt: skip
        return f"Delivered as {identity}"

    async def maintain(self) -> None:
        """The daily upkeep: forget what was sent long ago."""
        await self._brakes.forget()

    def _check_posting(self, header: bytes, to: ListRecipient) -> None:
        if posting.has_passed(header, to.address):
            raise self._refusal(554, "5.4.6", _("This message has been through this list before."))
        if posting.is_automatic_reply(header):
            raise self._refusal(550, "5.7.1", _("Lists take no automatic answers."))

    async def _check_authors(self, envelope: Envelope, authors: Sequence[str], sender: str | None) -> int | None:
        """Refuse authors that are neither the person nor lent; give the account whose Sent mailbox gets a copy.

        That is the one whose address is in From: who works in an office is to find there what its others answered.
        """
        senders = await self._senders(envelope)
        for author in (*authors, *filter(None, [sender])):
            if recipients.fold(author) not in senders:
                await self._refuse_shared(author)
                raise self._refusal(550, "5.7.1", _("The From field must be an address of your own."))
        found = [senders[recipients.fold(author)] for author in authors]
        return next((account_id for account_id in found if account_id != envelope.sender.account_id), None)

    async def _refuse_shared(self, address: str) -> None:
        if await self._database.read(lambda tx: recipients.is_shared(tx, address)):
            raise self._refusal(550, "5.7.1", _("You have no right to send from this shared address."))

    async def _senders(self, envelope: Envelope) -> dict[str, int]:
        """The addresses that this person may send from, with the account of each."""
        account_id = envelope.sender.account_id

        async def work(tx: Tx) -> dict[str, int]:
            own = await recipients.own_addresses(tx, account_id)
            return {**await recipients.lent_addresses(tx, account_id), **dict.fromkeys(own, account_id)}

        return await self._database.read(work)


def _sorted_out(envelope: Envelope) -> tuple[list[int], list[ListRecipient]]:
    """The accounts of people, and lists, each once."""
    found = [recipient.resolved for recipient in envelope.recipients]
    lists = {one.list_id: one for one in found if isinstance(one, ListRecipient)}
    return [one.account_id for one in found if isinstance(one, PersonRecipient)], list(lists.values())


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
