"""What a signed-in person may send, and to whom; then the one transaction that makes it visible (RFC 6409, RFC 5321).

Every refusal comes while the writer can still mend it, in words a parent understands, in the gateway's language.
"""

from __future__ import annotations

import datetime
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Final

import structlog

from mailgate.accounts import Accounts
from mailgate.accounts.smtp_sign_in import SmtpSignIn
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.database.contract import Work
from mailgate.delivery import posting, recipients, success
from mailgate.delivery.brakes import Brakes
from mailgate.delivery.copies import Copies
from mailgate.delivery.list_commands import ListCommands, Wish
from mailgate.delivery.notices import Notices
from mailgate.delivery.outside import Outside
from mailgate.delivery.recall import RecallByMail
from mailgate.delivery.recipients import ListRecipient, Moderated, PersonRecipient
from mailgate.delivery.reports import Reporter
from mailgate.i18n import Language, ascii_only, translator
from mailgate.moderation.by_mail import DecisionsByMail
from mailgate.moderation.deciding import Moderation, Ticket
from mailgate.moderation.holding import Holding, Message
from mailgate.moderation.moderators import moderators_of
from mailgate.moderation.wording import Writer
from mailgate.policy import words
from mailgate.policy.matrix import Decision, Verdict, default_cells
from mailgate.policy.profiles import STAFF
from mailgate.policy.schools import SchoolSettings, settings_of
from mailgate.policy.targets import OutsideTarget, Target
from mailgate.policy.writing import may_write
from mailgate.queue.enqueue import OutsideRecipient
from mailgate.store import Dispatch, MailStore, Parcel, archives
from smtp.handler import Envelope, Recipient, SmtpError
from smtp.message import Prepared, prepare
from smtp.trace import received

_RECALL: Final = object()
"""What the address is resolved to that takes a message back."""

log = structlog.stdlib.get_logger("mailgate.delivery")


class Submission(SmtpSignIn):
    """`smtp.handler.SubmissionHandler` over the directory and the store."""

    def __init__(
        self, database: Database, store: MailStore, accounts: Accounts, settings: Settings, moderation: Moderation
    ) -> None:
        super().__init__(accounts)
        language, service = settings.gateway.language, moderation.service
        self._decisions = DecisionsByMail(moderation, service, language)
        self._holding = Holding(database, service, language=language, expiry=settings.moderation.expiry)
        self._list_commands = ListCommands(database, store, service, settings)
        self._imap_url = service.imap_url
        self._database = database
        self._store = store
        self._recall = RecallByMail(database, store, moderation, settings)
        self._directory = settings.directory
        self._hostname = settings.gateway.hostname
        self._brakes = Brakes(database, settings.gateway)
        self._outside = Outside(settings.queue, language)
        self._notices = Notices(database, settings)
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
        if await self._is_for_the_service(envelope, recipient):
            return
        found = await self._database.read(lambda tx: recipients.resolve(tx, recipient.address))
        recipient.resolved = found
        match found:
            case PersonRecipient(open=False):
                raise self._refusal(550, "5.2.1", _("This mailbox is closed: the person has left."))
            case PersonRecipient(account_id=account_id):
                await self._check_policy(envelope, recipient, found)
                quota = await self._store.account(account_id, recipient.address).quota()
                if quota.limit and quota.used + envelope.declared_size > quota.limit:
                    raise self._refusal(452, "4.2.2", _("This mailbox is full. Please try again later."))
                await self._brakes.admit(envelope, found)
            case ListRecipient():
                await self._check_policy(envelope, recipient, found)
                await self._check_size([found], envelope.declared_size)
                await self._brakes.admit(envelope, found)
            case None if self._directory.holds(recipient.address):
                if wish := await self._list_commands.rcpt_to(envelope, recipient.address):
                    recipient.resolved = wish
                    return
                await self._refuse_closed(recipient.address)
                raise self._refusal(550, "5.1.1", _("There is no such address here. Please check how it is written."))
            case None:
                await self._rcpt_outside(envelope, recipient)

    async def _rcpt_outside(self, envelope: Envelope, recipient: Recipient) -> None:
        await self._check_policy(envelope, recipient, None)
        if not self._outside.open:
            raise self._refusal(550, "5.7.1", _("Messages cannot be sent outside the school network."))
        recipient.resolved = leaving = self._outside.recipient(recipient)
        await self._brakes.admit(envelope, leaving)

    async def _is_for_the_service(self, envelope: Envelope, recipient: Recipient) -> bool:
        """Whether it is a decision, or takes a message back: such a message goes to nobody else."""
        if self._decisions.is_for(recipient.address):
            recipient.resolved = await self._decisions.rcpt_to(envelope, recipient.address)
            return True
        if any(isinstance(one.resolved, Ticket | Wish) for one in envelope.recipients):
            raise self._refusal(550, "5.7.1", _("Please send a decision alone, to nobody else."))
        recalls = self._recall.is_for(recipient.address)
        if envelope.recipients and recalls is not _is_recall(envelope):
            raise self._refusal(550, "5.7.1", _("A message is taken back by one that goes to nobody else."))
        if recalls:
            recipient.resolved = _RECALL
        return recalls

    async def _check_policy(
        self, envelope: Envelope, recipient: Recipient, found: PersonRecipient | ListRecipient | None
    ) -> None:
        """Refuse what a stop or the communication policy refuses, in the language of the school whose rule it is, and
        note in `recipient` what somebody must approve first.
        """
        stop = await self._brakes.verdict(envelope, found)
        target = OutsideTarget() if found is None else found.target
        decision, language = await self._decision(envelope, target)
        if found is None:
            if self._outside.open and (decision.verdict is Verdict.MODERATE or stop is not None):
                raise self._nobody_approves(Writer(language))
        elif decision.verdict is Verdict.MODERATE:
            await self._moderate(envelope, recipient, found, decision.school_id, "policy", Writer(language))
        elif stop is not None:
            await self._moderate(envelope, recipient, found, decision.school_id, "stop", Writer(language))
            if reason := stop.reason(language):
                recipient.text = f"{ascii_only(reason)} {recipient.text}"
        elif isinstance(found, ListRecipient) and found.hold_minutes:
            recipient.text = ascii_only(Writer(self._language).at_the_door(minutes=found.hold_minutes))

    async def _decision(self, envelope: Envelope, target: Target) -> tuple[Decision, Language]:
        """What the matrix says, and in which language. Raises SmtpError when it refuses."""
        decision = await self._database.read(lambda tx: may_write(tx, envelope.sender.account_id, target))
        # Apart: on PostgreSQL a unit of one statement needs no transaction around it.
        school_id = None if decision.verdict is Verdict.ALLOW else decision.school_id
        school = await self._database.read(lambda tx: settings_of(tx, school_id)) if school_id else SchoolSettings()
        language = school.language or self._language
        if decision.verdict is Verdict.REFUSE:
            raise SmtpError(550, "5.7.1", ascii_only(words.refusal(decision, default_cells(), translator(language))))
        return decision, language

    async def _look_again(self, envelope: Envelope) -> None:
        """Refuse, at the end of the data, what the matrix refuses by now: somebody may have been excluded meanwhile."""
        if not self._brakes.is_late(envelope):
            return
        for recipient in envelope.recipients:
            found = recipient.resolved
            waits = isinstance(found, Moderated)
            found = found.found if isinstance(found, Moderated) else found
            if isinstance(found, PersonRecipient | ListRecipient | OutsideRecipient):
                target = OutsideTarget() if isinstance(found, OutsideRecipient) else found.target
                decision, language = await self._decision(envelope, target)
                if decision.verdict is Verdict.MODERATE and not waits:
                    raise self._nobody_approves(Writer(language))

    async def _moderate(
        self,
        envelope: Envelope,
        recipient: Recipient,
        found: PersonRecipient | ListRecipient,
        school_id: int | None,
        reason: str,
        writer: Writer,
    ) -> None:
        """Have somebody approve this recipient's copy. Raises SmtpError when there is nobody who could."""
        sender = envelope.sender.account_id
        if not await self._database.read(
            lambda tx: moderators_of(tx, sender, found.target, recipients.number_of(found), school_id)
        ):
            raise self._nobody_approves(writer)
        recipient.resolved = Moderated(found, recipients.fold(recipient.address), school_id, reason)
        recipient.text = ascii_only(writer.at_the_door())

    def _nobody_approves(self, writer: Writer) -> SmtpError:
        text = _("This message would have to be approved first, and nobody can do so at the moment.")
        return SmtpError(550, "5.7.1", ascii_only(writer.translate(text)))

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
        """Store the message once and one row for each person it reaches; committed when this returns.

        What is to wait is held in the same transaction.
        """
        if isinstance(ticket := envelope.recipients[0].resolved, Ticket):
            return await self._decisions.deliver(ticket, content)
        if isinstance(wish := envelope.recipients[0].resolved, Wish):
            return await self._list_commands.deliver(wish, content, self._brakes.guard(envelope, 1))
        self._brakes.check_content(envelope, content)
        if _is_recall(envelope):
            return await self._recall.deliver(envelope, content, set((await self._senders(envelope)).values()))
        await self._look_again(envelope)
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
        to = _sorted_out(envelope)
        await self._check_size(to.all_lists, content.seek(0, os.SEEK_END))
        for one in (*to.lists, *to.held):
            self._check_posting(prepared.header, one)
        with ExitStack() as stack:
            copies = Copies(prepared, content, stack, self._imap_url)
            parcels = await self._database.read(lambda tx: copies.parcels(tx, to.people, to.lists, sent_as))
            reached = sum(len(parcel.account_ids) for parcel in parcels) + len(to.outside)
            if not reached and not to.held:
                raise self._refusal(554, "5.1.1", _("None of the recipients has a mailbox any more."))
            first = self._brakes.guard(envelope, reached)
            if to.held:
                message = Message(prepared, *copies.whole())
                wishes = success.wishes(await self._asker(envelope), envelope) if success.asked(envelope) else {}
                held = await self._holding.hold(dispatch, message, to.held, (to.people, to.lists), stack, wishes)
                parcels += held.parcels
                first = _both(self._brakes.guard(envelope, reached + held.reach), held.write)
            if wanted := success.asked(envelope):
                parcels.append(await self._report_success(envelope, wanted, prepared, parcels))
            if to.outside:
                self._outside.add(parcels, envelope, to.outside, copies, dispatch_id=identity)
            parcels += await self._notices.parcels(parcels, dispatch.author_id, dispatch.at)
            await self._store.deliver_all(parcels, first=first, dispatch=dispatch)
        log.info(
            "delivered", id=identity, sender=envelope.sender.account_id, recipients=len(envelope.recipients),
            mailboxes=reached, held=len(to.held),
            octets=len(prepared.header) + content.seek(0, os.SEEK_END) - prepared.body_offset,
        )  # fmt: skip
        return f"Accepted as {identity}" if to.held else f"Delivered as {identity}"

    async def _report_success(
        self, envelope: Envelope, wanted: Sequence[Recipient], message: Prepared, parcels: Sequence[Parcel]
    ) -> Parcel:
        """What `NOTIFY=SUCCESS` asks for, to the owner of the reverse path."""
        asker = await self._asker(envelope)
        delivered = await self._database.read(lambda tx: success.look(tx, asker, wanted, parcels))
        reporter = Reporter(f"postmaster@{self._directory.domain}", self._hostname)
        return success.parcel(asker, envelope, message, delivered, reporter=reporter)

    async def _asker(self, envelope: Envelope) -> success.Asker:
        account_id = (await self._senders(envelope))[recipients.fold(envelope.mail_from)]
        standing = self._brakes.standing(envelope)
        return success.Asker(account_id, standing.profile in STAFF, standing.language or self._language)

    async def maintain(self) -> None:
        """The daily upkeep: forget what was sent long ago, and what archives of lists have kept long enough."""
        await self._brakes.forget()
        await archives.expire(self._database)

    def _check_posting(self, header: bytes, to: Moderated | ListRecipient) -> None:
        if isinstance(to, Moderated):
            if isinstance(to.found, ListRecipient):
                self._check_posting(header, to.found)
            return
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


def _is_recall(envelope: Envelope) -> bool:
    return any(recipient.resolved is _RECALL for recipient in envelope.recipients)


@dataclass(slots=True)
class _SortedOut:
    """The recipients of a message, each once."""

    people: list[int] = field(default_factory=list)
    lists: list[ListRecipient] = field(default_factory=list)
    outside: list[OutsideRecipient] = field(default_factory=list)
    held: list[Moderated | ListRecipient] = field(default_factory=list)
    """Those whose copy waits: for a moderator, or for the minutes of a list."""

    @property
    def all_lists(self) -> list[ListRecipient]:
        """The lists, whether their copies wait or not."""
        waiting = [one.found if isinstance(one, Moderated) else one for one in self.held]
        return [*self.lists, *(one for one in waiting if isinstance(one, ListRecipient))]


def _sorted_out(envelope: Envelope) -> _SortedOut:
    to = _SortedOut()
    seen: set[int | str] = set()
    for recipient in envelope.recipients:
        found = recipient.resolved
        if isinstance(found, OutsideRecipient) and found.key not in seen:
            seen.add(found.key)
            to.outside.append(found)
        if not isinstance(found, PersonRecipient | ListRecipient | Moderated):
            continue
        number = recipients.number_of(found)
        if number in seen:
            continue
        seen.add(number)
        match found:
            case PersonRecipient(account_id=account_id):
                to.people.append(account_id)
            case ListRecipient(hold_minutes=0):
                to.lists.append(found)
            case _:
                to.held.append(found)
    return to


def _both(one: Work[None], other: Work[None]) -> Work[None]:
    async def work(tx: Tx) -> None:
        await one(tx)
        await other(tx)

    return work


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
