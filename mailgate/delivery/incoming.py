"""Mail from other servers: for whom it is taken, in whose name it may not come, and the transaction that delivers it.

What is refused is refused in SMTP, so that the server that has the message tells its writer: nothing is bounced later.
"""

from __future__ import annotations

import datetime
import os
import secrets
import time
import unicodedata
from collections.abc import Awaitable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import IO, Final

import structlog

from directory.reserved import ROLES
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.database.contract import Work
from mailgate.database.unit import in_turn
from mailgate.delivery import lookups, recipients, success
from mailgate.delivery.admission import Admission
from mailgate.delivery.copies import Copies
from mailgate.delivery.ending import Ending, Endings
from mailgate.delivery.lookups import Reader
from mailgate.delivery.notices import Notices
from mailgate.delivery.recipients import ListRecipient
from mailgate.delivery.reports import Reporter
from mailgate.delivery.returns import Returned, Returns, ServiceRecipient
from mailgate.delivery.sorting import SortedOut, sorted_out
from mailgate.delivery.writers import FRESH
from mailgate.filtering.audience import Audience
from mailgate.filtering.chain import Chain, Outcome
from mailgate.filtering.contract import Arriving
from mailgate.i18n import ascii_only, translator
from mailgate.moderation.deciding import Moderation
from mailgate.moderation.holding import Holding, Message
from mailgate.policy.matrix import Verdict
from mailgate.policy.schools import language_of_school
from mailgate.policy.stops import HOLDING_UNTIL_COMMIT, Stop, asked, stop_of
from mailgate.policy.targets import OUTSIDE_WRITER
from mailgate.store import Dispatch, Gate, MailStore, Parcel
from mailgate.store.contents import opened
from mailgate.strangers.door import Door, Reputation
from smtp.arrival import arrived
from smtp.handler import Recipient, SmtpError, Transaction
from smtp.header import Header
from smtp.message import Prepared
from smtp.resolver import Resolver
from smtp.server import is_among
from smtp.trace import trace

log = structlog.stdlib.get_logger("mailgate.delivery")

_POSTMASTER: Final = "postmaster"


@dataclass(slots=True)
class _Course:
    """What is known of a message under way."""

    schools: dict[int, frozenset[int]] = field(default_factory=dict)
    """Whose stops concern it, by list or account."""
    offices: set[int] = field(default_factory=set)
    """The recipients to whom everybody may write."""
    reputation: Reputation = field(default_factory=Reputation)
    begun: float = field(default_factory=time.monotonic)


class Incoming:
    """`smtp.handler.Handler` over the directory and the store, for a mail exchanger."""

    def __init__(
        self,
        database: Database,
        store: MailStore,
        settings: Settings,
        moderation: Moderation,
        checks: Chain,
        resolver: Resolver,
    ) -> None:
        language, service = settings.gateway.language, moderation.service
        self._database = database
        self._store = store
        self._directory = settings.directory
        self._hostname = settings.gateway.hostname
        self._imap_url = service.imap_url
        self._admission = Admission(database, store, language)
        self._holding = Holding(database, service, language=language, expiry=settings.moderation.expiry)
        self._notices = Notices(database, settings)
        self._returns = Returns(database, store, settings, self._admission)
        self.endings = Endings(database, store, settings, self._admission)
        self._checks = checks
        self._reports = settings.reports_outside
        self._reporter = Reporter(f"postmaster@{settings.directory.domain}", settings.gateway.hostname)
        self._queue = settings.queue
        self._door = Door(database, resolver, settings, self._admission)
        self._trusted = settings.mx.networks()
        self._admitted = settings.filters.authentication.admitted() - {settings.gateway.hostname.lower()}

    async def mail_from(self, envelope: Transaction) -> None:
        """The null reverse path, or one that is not here: people of the school sign in to write."""
        self._check_name(envelope.mail_from)
        envelope.application = _Course()

    async def rcpt_to(self, envelope: Transaction, recipient: Recipient) -> None:
        """The recipient is here, can take mail, and may have it from outside."""
        address = recipient.address if "@" in recipient.address else f"{recipient.address}@{self._directory.domain}"
        if not self._directory.holds(address):
            raise self._admission.refusal(550, "5.7.1", _("Only messages for addresses of the school are taken here."))
        for service in (self._returns, self.endings):
            if service.is_for(address):
                recipient.resolved = await service.rcpt_to(envelope, address)
        self._returns.check_alone(envelope, recipient)
        if isinstance(recipient.resolved, ServiceRecipient):
            return
        if recipients.fold(address).partition("@")[0] in ROLES:
            await self._admit(envelope, recipient, address, office=True)
            return
        await self._door.check_server(envelope, _course(envelope).reputation)
        await self._admit(envelope, recipient, address, office=False)
        await self._door.check_greylist(envelope, address)

    async def _admit(self, envelope: Transaction, recipient: Recipient, address: str, *, office: bool) -> None:
        """Whoever sends it: there is such a recipient, it can take mail, and but for an office may have it."""
        course = _course(envelope)
        found = await self._resolved(address)
        if found is None:
            raise await self._admission.unknown(address)
        recipient.resolved = found.person if isinstance(found, Reader) else found
        if isinstance(found, Reader):
            self._admission.check_open(found.person)
        if office:
            course.offices.add(recipients.number_of(recipient.resolved))
        elif isinstance(found, Reader):
            await self._check_policy_for_person(course, recipient, found)
        else:
            await self._check_policy(course, recipient, found)
        match found:
            case Reader():
                self._admission.check_room(found.room, envelope.declared_size)
            case ListRecipient():
                await self._admission.check_size([found], envelope.declared_size)

    async def maintain(self) -> None:
        """The daily upkeep."""
        await self._door.maintain()

    async def _resolved(self, address: str) -> Reader | ListRecipient | None:
        """What an address stands for; the offices of mail itself (RFC 5321 section 4.5.1) are those of the gateway's
        domain, where another domain has none of its own.
        """
        found = await self._found(address)
        local = recipients.fold(address).partition("@")[0]
        if found is None and local in ROLES:
            return await self._found(f"{local}@{self._directory.domain}")
        return found

    async def _found(self, address: str) -> Reader | ListRecipient | None:
        reader = await self._database.read(lambda tx: lookups.reader_from_outside(tx, address))
        return reader or await self._database.read(lambda tx: recipients.resolve_list(tx, address))

    async def _check_policy_for_person(self, course: _Course, recipient: Recipient, found: Reader) -> None:
        stop = found.stop
        if stop is not None and stop.verdict is Verdict.REFUSE:
            raise await self._database.read(lambda tx: self._stopped(tx, stop))
        course.schools[found.person.account_id] = found.schools
        await self._admission.admit(OUTSIDE_WRITER, recipient, found.person, stop, found.decision)

    async def _check_policy(self, course: _Course, recipient: Recipient, found: ListRecipient) -> None:
        schools = frozenset() if found.target.school_id is None else frozenset({found.target.school_id})

        async def look(tx: Tx) -> Stop | None:
            stop = await stop_of(tx, OUTSIDE_WRITER, lists=[found.list_id], list_schools=schools)
            if stop is not None and stop.verdict is Verdict.REFUSE:
                raise await self._stopped(tx, stop)
            return stop

        course.schools[found.list_id] = schools
        await self._admission.admit(OUTSIDE_WRITER, recipient, found, await self._database.read(look))

    async def deliver(self, envelope: Transaction, header: Header, content: IO[bytes]) -> str:
        """Store the message once and one row for each person it reaches; committed when this returns."""
        match envelope.recipients[0].resolved:
            case Returned() as returned:
                return await self._returns.deliver(returned, content)
            case Ending() as ending:
                return await self.endings.deliver(ending)
        identity = secrets.token_hex(8)
        now = datetime.datetime.now(datetime.UTC)
        on_top = trace(envelope, hostname=self._hostname, identity=identity, when=now, disclose=True)
        message = arrived(header, on_top, admitted=self._admitted if self._is_trusted(envelope) else ())
        self._check_names(message)
        outcome = await self._examined(envelope, message, content, identity)
        await self._look_again(envelope)
        await self._check_posting(envelope, message, content.seek(0, os.SEEK_END))
        await self._hold_junk(envelope, outcome)
        return await self._deliver(envelope, message, content, identity, outcome)

    def _is_trusted(self, envelope: Transaction) -> bool:
        return envelope.lmtp or is_among(envelope.peer.host, self._trusted)

    async def _examined(self, envelope: Transaction, message: Prepared, content: IO[bytes], identity: str) -> Outcome:
        """What the checks say. Raises SmtpError."""
        if not self._checks:
            return Outcome()
        with opened(content) as octets:
            audience = Audience(self._database, envelope.recipients, OUTSIDE_WRITER)
            trusted = self._is_trusted(envelope)
            return await self._checks.examine(Arriving(identity, envelope, message, octets, audience, trusted=trusted))

    def _check_names(self, message: Prepared) -> None:
        for address in (*message.authors, message.sender or ""):
            self._check_name(address)

    async def _deliver(
        self, envelope: Transaction, message: Prepared, content: IO[bytes], identity: str, outcome: Outcome
    ) -> str:
        to, now = sorted_out(envelope), int(time.time())
        dispatch = Dispatch(
            identity, OUTSIDE_WRITER, OUTSIDE_WRITER,
            author=message.authors[0], internet_id=message.message_id, at=now,
        )  # fmt: skip
        with ExitStack() as stack:
            copies = Copies(
                outcome.on(message, marked=False), content, stack, self._imap_url,
                outcome.on(message, marked=True), _junk_for(envelope, outcome),
            )  # fmt: skip
            fresh = not _is_late(_course(envelope))
            if fresh and not to.lists:
                parcels = copies.of_people(frozenset(to.people), None)
            else:
                parcels = await self._database.read(lambda tx: copies.parcels(tx, to.people, to.lists, None))
            reached = sum(len(parcel.account_ids) for parcel in parcels)
            if not reached and not to.held:
                raise self._admission.refusal(554, "5.1.1", _("None of the recipients has a mailbox any more."))
            first = self._guard(_course(envelope), to)
            gate = None if to.held else _gate(_course(envelope), to)
            if to.held:
                # Whoever approves it says that it is no junk: those who then get it see no mark.
                whole = Message(copies.message, *copies.whole(), require_tls=envelope.require_tls)
                wishes = success.wishes(self._asker(envelope), envelope) if self._reports else {}
                held = await self._holding.hold(dispatch, whole, to.held, (to.people, to.lists), stack, wishes)
                parcels += held.parcels
                first = in_turn(first, held.write)
            if self._reports:
                parcels += await self._reported(envelope, message, parcels, outcome)
            if not (fresh and to.stays_inside):
                parcels = await self._notices.joined(parcels, dispatch, now, require_tls=envelope.require_tls)
            await self._store.deliver_all(parcels, first=first, dispatch=dispatch, gate=gate)
        log.info(
            "received", id=identity, peer=envelope.peer.host, recipients=len(envelope.recipients), mailboxes=reached,
            held=len(to.held), junk=len(copies.junk),
            octets=message.size(content),
        )  # fmt: skip
        return f"Accepted as {identity}" if to.held else f"Delivered as {identity}"

    async def _reported(
        self, envelope: Transaction, message: Prepared, parcels: Sequence[Parcel], outcome: Outcome
    ) -> list[Parcel]:
        """What the writer is told because of NOTIFY (RFC 3461); of junk nobody is told, whose reverse path is false."""
        wanted = [one for one in success.asked(envelope) if not outcome.is_junk_for(one.address)]
        if not wanted:
            return []
        asker = self._asker(envelope)
        delivered = await self._database.read(lambda tx: success.look(tx, asker, wanted, parcels))
        return [success.parcel(asker, envelope, message, delivered, reporter=self._reporter)]

    def _asker(self, envelope: Transaction) -> success.Asker:
        post = success.post_of(self._queue, int(envelope.require_tls))
        return success.Asker(OUTSIDE_WRITER, staff=False, language=self._admission.language, post=post)

    def _guard(self, course: _Course, to: SortedOut) -> Work[None]:
        """What the delivering transaction does first: look for a stop once more; none begins before the commit."""
        lists = [one.list_id for one in to.lists]
        at_once = {*to.people, *lists} & course.schools.keys()

        async def stop_for(tx: Tx, concerned: Iterable[int], lists: list[int]) -> Stop | None:
            schools = frozenset[int]().union(*(course.schools[number] for number in concerned))
            return await stop_of(tx, OUTSIDE_WRITER, lists=lists, list_schools=schools, until_commit=True)

        async def work(tx: Tx) -> None:
            if not course.schools:
                return
            stop = await stop_for(tx, course.schools, [one.list_id for one in to.all_lists])
            if stop is not None and stop.verdict is Verdict.MODERATE:
                stop = await stop_for(tx, at_once, lists) if at_once else None
            if stop is not None:
                raise await self._stopped(tx, stop)

        return work

    async def _look_again(self, envelope: Transaction) -> None:
        """Ask the policy once more about a message that took its time."""
        course = _course(envelope)
        if not _is_late(course):
            return
        for recipient in envelope.recipients:
            if recipients.number_of(recipient.resolved) not in course.offices:
                await _alone(envelope, recipient, self._admission.look_again(OUTSIDE_WRITER, recipient))

    async def _check_posting(self, envelope: Transaction, message: Prepared, octets: int) -> None:
        """Refuse what a list does not take."""
        if not envelope.lmtp:
            await self._admission.check_posting(sorted_out(envelope).all_lists, message.header, octets)
            return
        for recipient in envelope.recipients:
            lists = sorted_out(replace(envelope, recipients=[recipient])).all_lists
            await _alone(envelope, recipient, self._admission.check_posting(lists, message.header, octets))

    async def _hold_junk(self, envelope: Transaction, outcome: Outcome) -> None:
        """Have somebody look at the copies of lists, but for those to which everybody may write."""
        for recipient in envelope.recipients:
            is_office = recipients.number_of(recipient.resolved) in _course(envelope).offices
            if outcome.is_junk_for(recipient.address) and not is_office:
                await _alone(envelope, recipient, self._admission.hold_junk(OUTSIDE_WRITER, recipient))

    def _check_name(self, address: str) -> None:
        """Refuse an address of ours, in whatever letters a program may show it."""
        if self._directory.holds(unicodedata.normalize("NFKC", address)):
            text = _("Who writes from an address of the school must sign in to send.")
            raise self._admission.refusal(550, "5.7.1", text)

    async def _stopped(self, tx: Tx, stop: Stop) -> SmtpError:
        """For now: the other server keeps the message and tries again, so that it comes when the stop has ended."""
        language = await language_of_school(tx, stop.school_id, self._admission.language)
        otherwise = translator(language)(_("Messages are suspended for the moment. Please try again later."))
        return SmtpError(451, "4.7.1", ascii_only(stop.reason(language) or otherwise))


def _is_late(course: _Course) -> bool:
    """Whether what was looked up for the recipients may be true no more."""
    return time.monotonic() - course.begun > FRESH


def _gate(course: _Course, to: SortedOut) -> Gate:
    """What may stand for the guard of a message of which nothing waits."""
    schools = frozenset[int]().union(*course.schools.values())
    return Gate(HOLDING_UNTIL_COMMIT, asked(OUTSIDE_WRITER, [one.list_id for one in to.all_lists], schools))


async def _alone(envelope: Transaction, recipient: Recipient, check: Awaitable[None]) -> None:
    """Do a check of one recipient: who is answered alone is refused alone, else all are (RFC 2033 section 4.2)."""
    try:
        await check
    except SmtpError as refusal:
        if not envelope.lmtp:
            raise
        recipient.refusal = refusal


def _junk_for(envelope: Transaction, outcome: Outcome) -> frozenset[int]:
    """The accounts and lists that get it as junk."""
    junk = (one.resolved for one in envelope.recipients if outcome.is_junk_for(one.address))
    return frozenset(map(recipients.number_of, junk))


def _course(envelope: Transaction) -> _Course:
    course: _Course = envelope.application
    return course


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
