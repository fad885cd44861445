"""What a signed-in person may send, and to whom; then the one transaction that makes it visible (RFC 6409, RFC 5321).

Every refusal comes while the writer can still mend it, in words a parent understands, in the gateway's language.
"""

from __future__ import annotations

import datetime
import os
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO, Final

import msgspec
import structlog

from mailgate.accounts import Accounts
from mailgate.accounts.smtp_sign_in import SmtpSignIn
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.database.unit import in_turn
from mailgate.delivery import lookups, recipients, success
from mailgate.delivery.admission import Admission
from mailgate.delivery.brakes import Brakes
from mailgate.delivery.copies import Copies
from mailgate.delivery.list_commands import ListCommands, Wish
from mailgate.delivery.lookups import Reader, Room, Writer
from mailgate.delivery.notices import Notices
from mailgate.delivery.outside import Outside
from mailgate.delivery.postponing import kept, waiting_of
from mailgate.delivery.recall import RecallByMail
from mailgate.delivery.recipients import ListRecipient
from mailgate.delivery.releasing import Releasing, Settling
from mailgate.delivery.reports import Reporter
from mailgate.delivery.sorting import SortedOut, sorted_out
from mailgate.delivery.state_letters import StatesByMail
from mailgate.filtering.audience import Audience
from mailgate.filtering.chain import Chain, Outcome
from mailgate.filtering.contract import Arriving
from mailgate.i18n import ascii_only, long_date, translator
from mailgate.moderation import wording
from mailgate.moderation.by_mail import DecisionsByMail
from mailgate.moderation.deciding import Moderation, Ticket
from mailgate.moderation.holding import Holding, Later, Message
from mailgate.policy.matrix import Verdict
from mailgate.policy.profiles import STAFF
from mailgate.policy.targets import OutsideTarget
from mailgate.retention.days import last_day
from mailgate.store import Dispatch, MailStore, Parcel, archives
from mailgate.store.contents import opened
from smtp.handler import Envelope, Recipient, SmtpError
from smtp.header import Header
from smtp.message import Prepared, prepare
from smtp.trace import trace

_RECALL: Final = object()
"""What the address is resolved to that takes a message back."""
_STATES: Final = object()
"""What the address is resolved to that says what became of a message."""

log = structlog.stdlib.get_logger("mailgate.delivery")


class Submission(SmtpSignIn):
    """`smtp.handler.SubmissionHandler` over the directory and the store."""

    def __init__(
        self,
        database: Database,
        store: MailStore,
        accounts: Accounts,
        settings: Settings,
        moderation: Moderation,
        checks: Chain,
        signed_in: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(accounts, signed_in)
        language, service = settings.gateway.language, moderation.service
        self._decisions = DecisionsByMail(moderation, service, language)
        self._holding = Holding(database, service, language=language, expiry=settings.moderation.expiry)
        self._list_commands = ListCommands(database, store, service, settings)
        self._imap_url = service.imap_url
        self._database = database
        self._store = store
        self._recall = RecallByMail(database, store, moderation, settings)
        self._states = StatesByMail(database, store, settings)
        self._directory = settings.directory
        self._hostname = settings.gateway.hostname
        self._brakes = Brakes(database, settings.gateway)
        self._outside = Outside(settings.queue, language)
        self._notices = Notices(database, settings)
        self._language = settings.gateway.language
        self._smtp = settings.smtp
        self._zone = settings.gateway.zone()
        self._admission = Admission(database, store, language)
        self._checks = checks
        reporter = Reporter(f"postmaster@{settings.directory.domain}", settings.gateway.hostname)
        moderation.release = Releasing(database, store, self, reporter, moderation.clock, moderation.is_open).release

    async def mail_from(self, envelope: Envelope) -> None:
        """The reverse path is the person's own, or one that the person may send as, or null as read receipts have it
        (RFC 8098 section 3).
        """
        account_id = envelope.sender.account_id
        known = await self._brakes.look_up(account_id)
        writer = known.writer
        if not writer.is_open:
            raise self._admission.refusal(550, "5.7.1", _("Your account is closed."))
        if writer.reads_until is not None:
            raise self._has_left(writer)
        if envelope.mail_from and recipients.fold(envelope.mail_from) not in writer.addresses:
            await self._refuse_shared(envelope.mail_from)
            raise self._admission.refusal(550, "5.7.1", _("Please send from an address of your own."))
        self._brakes.begin(envelope, known)
        await self._check_room(envelope, envelope.declared_size)

    def _has_left(self, writer: Writer) -> SmtpError:
        """Who has left the school reads on for a while, and writes to nobody."""
        language = writer.standing.language or self._language
        day = long_date(last_day(writer.reads_until or 0, self._zone), language)
        text = translator(language)(_("You have left: you can read your messages until {day}, and send none."))
        return SmtpError(550, "5.7.1", ascii_only(text.format(day=day)))

    async def _check_room(self, envelope: Envelope, octets: int) -> None:
        """Refuse what is to be sent later where too much of this person waits for that (RFC 4865 section 6)."""
        if not envelope.release_at:
            return
        number, size = await waiting_of(self._database, envelope.sender.account_id)
        if number >= self._smtp.send_later_messages or size + octets > self._smtp.send_later_size:
            text = _("Too many of your messages wait to be sent later. Please wait until some have gone.")
            raise self._admission.refusal(552, "5.7.16", text)

    async def rcpt_to(self, envelope: Envelope, recipient: Recipient) -> None:
        """The recipient exists, can take mail, and this person may write to it, and so much."""
        if await self._is_for_the_service(envelope, recipient):
            self._check_at_once(envelope)
            return
        sender = envelope.sender.account_id
        if reader := await self._database.read(lambda tx: lookups.reader(tx, sender, recipient.address)):
            await self._rcpt_person(envelope, recipient, reader)
            return
        found = await self._database.read(lambda tx: recipients.resolve_list(tx, recipient.address))
        recipient.resolved = found
        match found:
            case ListRecipient():
                await self._check_policy(envelope, recipient, found)
                await self._admission.check_size([found], envelope.declared_size)
                await self._brakes.admit(envelope, found)
            case None if self._directory.holds(recipient.address):
                if wish := await self._list_commands.rcpt_to(envelope, recipient.address):
                    self._check_at_once(envelope)
                    recipient.resolved = wish
                    return
                raise await self._admission.unknown(recipient.address)
            case None:
                await self._rcpt_outside(envelope, recipient)

    async def _rcpt_person(self, envelope: Envelope, recipient: Recipient, reader: Reader) -> None:
        recipient.resolved = person = reader.person
        self._admission.check_open(person)
        self._brakes.check(envelope, reader.stop)
        await self._admission.admit(envelope.sender.account_id, recipient, person, reader.stop, reader.decision)
        self._admission.check_room(reader.room, envelope.declared_size)
        await self._brakes.admit(envelope, person)

    def _check_at_once(self, envelope: Envelope) -> None:
        if envelope.release_at:
            text = _("What is for the service itself cannot be sent later.")
            raise self._admission.refusal(550, "5.7.1", text)

    async def _rcpt_outside(self, envelope: Envelope, recipient: Recipient) -> None:
        await self._check_policy(envelope, recipient, None)
        if not self._outside.open:
            raise self._admission.refusal(550, "5.7.1", _("Messages cannot be sent outside the school network."))
        recipient.resolved = leaving = self._outside.recipient(recipient)
        await self._brakes.admit(envelope, leaving)

    async def _is_for_the_service(self, envelope: Envelope, recipient: Recipient) -> bool:
        """Whether it is a decision, or takes a message back: such a message goes to nobody else."""
        if self._decisions.is_for(recipient.address):
            recipient.resolved = await self._decisions.rcpt_to(envelope, recipient.address)
            return True
        if any(isinstance(one.resolved, Ticket | Wish) for one in envelope.recipients):
            raise self._admission.refusal(550, "5.7.1", _("Please send a decision alone, to nobody else."))
        before = _about_sent(envelope)
        about = _RECALL if self._recall.is_for(recipient.address) else None
        if self._states.is_for(recipient.address):
            about = _STATES
        if envelope.recipients and about is not before:
            if _RECALL not in {about, before}:
                raise self._admission.refusal(550, "5.7.1", _("Please send this wish alone, to nobody else."))
            raise self._admission.refusal(550, "5.7.1", _("A message is taken back by one that goes to nobody else."))
        if about is not None:
            recipient.resolved = about
        return about is not None

    async def _check_policy(self, envelope: Envelope, recipient: Recipient, found: ListRecipient | None) -> None:
        """Refuse what a stop or the policy refuses, and note in `recipient` what somebody must approve first."""
        stop = await self._brakes.verdict(envelope, found)
        sender = envelope.sender.account_id
        if found is not None:
            await self._admission.admit(sender, recipient, found, stop)
            return
        decision, language = await self._admission.decision(sender, OutsideTarget())
        if self._outside.open and (decision.verdict is Verdict.MODERATE or stop is not None):
            raise self._admission.nobody_approves(wording.Writer(language))

    async def _look_again(self, envelope: Envelope) -> None:
        """Ask the policy once more about a message that took its time: somebody may have been excluded meanwhile."""
        if self._brakes.is_late(envelope):
            for recipient in envelope.recipients:
                await self._admission.look_again(envelope.sender.account_id, recipient)

    async def deliver(self, envelope: Envelope, header: Header, content: IO[bytes]) -> str:
        """Store the message once and one row for each person it reaches; committed when this returns.

        What is to wait is held in the same transaction.
        """
        if isinstance(ticket := envelope.recipients[0].resolved, Ticket):
            return await self._decisions.deliver(ticket, header, content)
        if isinstance(wish := envelope.recipients[0].resolved, Wish):
            return await self._list_commands.deliver(wish, header, content, self._brakes.guard(envelope, 1))
        self._brakes.check_content(envelope, content)
        if (about := _about_sent(envelope)) is not None:
            own = set((await self._senders(envelope)).values())
            if about is _RECALL:
                return await self._recall.deliver(envelope, header, content, own)
            staff = self._brakes.standing(envelope).profile in STAFF
            first = self._brakes.guard(envelope, 1)
            return await self._states.deliver(envelope, header, content, own, first, staff=staff)
        identity = secrets.token_hex(8)
        now = datetime.datetime.now(datetime.UTC)
        on_top = trace(envelope, hostname=self._hostname, identity=identity, when=now)
        prepared = prepare(header, envelope, on_top, hostname=self._hostname, now=now)
        return await self.submit(envelope, prepared, content, identity)

    async def submit(
        self, envelope: Envelope, message: Prepared, content: IO[bytes], identity: str, settling: Settling | None = None
    ) -> str:
        """Deliver a prepared message, with what `settling` has for the transaction, or have it wait until it is to be
        sent (RFC 4865); give the text after ``250``. Raises SmtpError.
        """
        sent_as = await self._check_authors(envelope, message.authors, message.sender)
        outcome = await self._examined(envelope, message, content, identity)
        await self._look_again(envelope)
        prepared = message if settling is not None else outcome.on(message, marked=False)
        dispatch = Dispatch(
            identity, envelope.sender.account_id, sent_as or envelope.sender.account_id,
            author=prepared.authors[0], internet_id=prepared.message_id, at=envelope.release_at or int(time.time()),
        )  # fmt: skip
        to = sorted_out(envelope)
        await self._admission.check_posting(to.all_lists, prepared.header, content.seek(0, os.SEEK_END))
        if envelope.release_at:
            return await self._postpone(envelope, dispatch, prepared, content)
        return await self._deliver(envelope, dispatch, prepared, content, to, settling or Settling(_nothing))

    async def _postpone(self, envelope: Envelope, dispatch: Dispatch, prepared: Prepared, content: IO[bytes]) -> str:
        """Keep the message until its time; it counts among what its writer has sent when it goes."""
        with ExitStack() as stack:
            copies = Copies(prepared, content, stack, self._imap_url)
            message = Message(prepared, *copies.whole(), require_tls=envelope.require_tls)
            await self._check_room(envelope, message.size)
            found = kept(envelope)
            language = self._brakes.standing(envelope).language
            later = Later(
                msgspec.json.encode(found).decode(), found.named, len(found.recipients), int(time.time()), language
            )
            held = await self._holding.postpone(dispatch, message, later, stack)
            await self._store.deliver_all(held.parcels, first=held.write, dispatch=dispatch)
        log.info(
            "postponed", id=dispatch.dispatch_id, sender=envelope.sender.account_id, until=dispatch.at,
            recipients=len(envelope.recipients), octets=message.size,
        )  # fmt: skip
        return f"Accepted as {dispatch.dispatch_id}"

    async def _deliver(
        self, envelope: Envelope, dispatch: Dispatch, prepared: Prepared, content: IO[bytes], to: SortedOut,
        settling: Settling,
    ) -> str:  # fmt: skip
        identity = dispatch.dispatch_id
        with ExitStack() as stack:
            copies = Copies(prepared, content, stack, self._imap_url)
            author = await self._keeps_copy(envelope, dispatch, content)
            fresh = not self._brakes.is_late(envelope)
            if fresh and not to.lists:
                parcels = copies.of_people(frozenset(to.people), author)
            else:
                parcels = await self._database.read(lambda tx: copies.parcels(tx, to.people, to.lists, author))
            reached = sum(len(parcel.account_ids) for parcel in parcels) + len(to.outside)
            if not reached and not to.held:
                raise self._admission.refusal(554, "5.1.1", _("None of the recipients has a mailbox any more."))
            first = self._brakes.guard(envelope, reached)
            gate = None if to.held or settling.first is not _nothing else self._brakes.gate(envelope, reached)
            if to.held:
                message = Message(prepared, *copies.whole(), require_tls=envelope.require_tls)
                wishes = success.wishes(await self._asker(envelope), envelope) if envelope.mail_from else {}
                held = await self._holding.hold(dispatch, message, to.held, (to.people, to.lists), stack, wishes)
                parcels += held.parcels
                first = in_turn(self._brakes.guard(envelope, reached + held.reach), held.write)
            if wanted := success.asked(envelope):
                parcels.append(await self._report_success(envelope, wanted, prepared, parcels))
            if to.outside:
                self._outside.add(parcels, envelope, to.outside, copies, dispatch_id=identity)
            if not (fresh and to.stays_inside):
                parcels = await self._notices.joined(parcels, dispatch, dispatch.at, require_tls=envelope.require_tls)
            parcels = [*parcels, *settling.parcels]
            await self._store.deliver_all(parcels, first=in_turn(settling.first, first), dispatch=dispatch, gate=gate)
        octets = prepared.size(content)
        sender = envelope.sender.account_id
        self._brakes.sent(envelope, octets * ((author == sender) + (sender in to.people)))
        log.info(
            "delivered", id=identity, sender=sender, recipients=len(envelope.recipients),
            mailboxes=reached, held=len(to.held),
            octets=octets,
        )  # fmt: skip
        return f"Accepted as {identity}" if to.held else f"Delivered as {identity}"

    async def _examined(self, envelope: Envelope, message: Prepared, content: IO[bytes], identity: str) -> Outcome:
        """What the checks say. Raises SmtpError."""
        if not self._checks:
            return Outcome()
        with opened(content) as octets:
            sender = envelope.sender.account_id
            audience = Audience(self._database, envelope.recipients, sender)
            outcome = await self._checks.examine(Arriving(identity, envelope, message, octets, audience, sender))
        if outcome.junk:
            # The writer is there and can mend it; in a Junk mailbox nobody would see it.
            text = _(
                "This message looks like junk and is not sent. Please write it in other words, or with fewer links."
            )
            raise self._admission.refusal(550, "5.7.1", text)
        return outcome

    async def _report_success(
        self, envelope: Envelope, wanted: Sequence[Recipient], message: Prepared, parcels: Sequence[Parcel]
    ) -> Parcel:
        """What `NOTIFY=SUCCESS` asks for, to the owner of the reverse path."""
        asker = await self._asker(envelope)
        delivered = await self._database.read(lambda tx: success.look(tx, asker, wanted, parcels))
        reporter = Reporter(f"postmaster@{self._directory.domain}", self._hostname)
        return success.parcel(asker, envelope, message, delivered, reporter=reporter)

    async def _keeps_copy(self, envelope: Envelope, dispatch: Dispatch, content: IO[bytes]) -> int | None:
        """Whose Sent mailbox gets a copy: the author's, if it has room. Of a read receipt nobody keeps one."""
        if dispatch.author_id == dispatch.sender_id and not (self._smtp.keep_sent and envelope.mail_from):
            return None
        writer = self._brakes.writer(envelope)
        if writer is not None and dispatch.author_id == dispatch.sender_id:
            room = writer.room
        else:
            quota = await self._store.account(dispatch.author_id, "").quota()
            room = Room(quota.limit, quota.used)
        return dispatch.author_id if room.takes(content.seek(0, os.SEEK_END)) else None

    async def _asker(self, envelope: Envelope) -> success.Asker:
        account_id = (await self._senders(envelope))[recipients.fold(envelope.mail_from)]
        standing = self._brakes.standing(envelope)
        return success.Asker(account_id, standing.profile in STAFF, standing.language or self._language)

    async def maintain(self) -> None:
        """The daily upkeep: forget what was sent long ago, and what archives of lists have kept long enough."""
        await self._brakes.forget()
        await archives.expire(self._database)

    async def _check_authors(self, envelope: Envelope, authors: Sequence[str], sender: str | None) -> int | None:
        """Refuse authors that are neither the person nor lent; give the account whose Sent mailbox gets a copy.

        That is the one whose address is in From: who works in an office is to find there what its others answered.
        """
        senders = await self._senders(envelope)
        for author in (*authors, *filter(None, [sender])):
            if recipients.fold(author) not in senders:
                await self._refuse_shared(author)
                raise self._admission.refusal(550, "5.7.1", _("The From field must be an address of your own."))
        found = [senders[recipients.fold(author)] for author in authors]
        return next((account_id for account_id in found if account_id != envelope.sender.account_id), None)

    async def _refuse_shared(self, address: str) -> None:
        if await self._database.read(lambda tx: recipients.is_shared(tx, address)):
            raise self._admission.refusal(550, "5.7.1", _("You have no right to send from this shared address."))

    async def _senders(self, envelope: Envelope) -> dict[str, int]:
        """The addresses that this person may send from, with the account of each."""
        if writer := self._brakes.writer(envelope):
            return writer.addresses
        account_id = envelope.sender.account_id
        return await self._database.read(lambda tx: recipients.sending_addresses(tx, account_id))


async def _nothing(tx: Tx) -> None:
    """What goes into the transaction beside a message that is sent at once."""


def _about_sent(envelope: Envelope) -> object | None:
    """`_RECALL` or `_STATES`; None for a message that is none of these requests."""
    found = (one.resolved for one in envelope.recipients)
    return next((one for one in found if one is _RECALL or one is _STATES), None)


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
