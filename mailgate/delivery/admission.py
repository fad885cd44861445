"""What stands between a message and a recipient here, whoever writes it and by whichever door it comes: what the policy
says, who is to approve it, and what a mailbox or a list does not take.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from directory.school_year import year_label
from mailgate.database import Database, Tx
from mailgate.delivery import posting, recipients
from mailgate.delivery.lookups import Room
from mailgate.delivery.recipients import ListRecipient, Moderated, PersonRecipient
from mailgate.i18n import Language, ascii_only, translator
from mailgate.moderation.held import JUNK
from mailgate.moderation.moderators import moderators_of
from mailgate.moderation.wording import Writer
from mailgate.policy import words
from mailgate.policy.matrix import Decision, Verdict, default_cells
from mailgate.policy.schools import language_of_person, language_of_school, settings_of
from mailgate.policy.stops import Stop
from mailgate.policy.targets import ListTarget, OutsideTarget, PersonTarget, Target
from mailgate.policy.writing import may_write
from mailgate.queue.enqueue import OutsideRecipient
from mailgate.store import MailStore
from smtp.handler import Recipient, SmtpError
from smtp.header import Header


class Admission:
    """Refusals in words that a parent understands, in the language of the school whose rule it is, else `language`."""

    def __init__(self, database: Database, store: MailStore, language: Language) -> None:
        self._database = database
        self._store = store
        self.language = language
        self._translate = translator(language)

    def refusal(self, code: int, status: str, text: str, **values: str) -> SmtpError:
        """One in the gateway's language; `text` is one of the catalogue, with the names of `values` in braces."""
        return SmtpError(code, status, ascii_only(self._translate(text).format(**values)))

    async def decision(self, sender: int, target: Target) -> tuple[Decision, Language]:
        """What the matrix says, and in which language. Raises SmtpError when it refuses."""
        decision = await self._database.read(lambda tx: may_write(tx, sender, target))
        return decision, await self._language(decision, sender, target)

    async def _language(self, decision: Decision, sender: int, target: Target) -> Language:
        """In which language one talks about a decision. Raises SmtpError when it refuses."""
        # Apart: on PostgreSQL a unit of one statement needs no transaction around it.
        language = self.language
        if decision.verdict is not Verdict.ALLOW:
            found = await self._database.read(partial(_language, decision=decision, sender=sender, target=target))
            language = found or language
        if decision.verdict is Verdict.REFUSE:
            raise SmtpError(550, "5.7.1", ascii_only(words.refusal(decision, default_cells(), translator(language))))
        return language

    async def look_again(self, sender: int, recipient: Recipient) -> None:
        """Refuse, at the end of the data, what the matrix refuses by now: a session can be kept open."""
        found = recipient.resolved
        waits = isinstance(found, Moderated)
        found = found.found if isinstance(found, Moderated) else found
        target = OutsideTarget() if isinstance(found, OutsideRecipient) else found.target
        decision, language = await self.decision(sender, target)
        if decision.verdict is Verdict.MODERATE and not waits:
            raise self.nobody_approves(Writer(language))

    async def admit(
        self, sender: int, recipient: Recipient, found: PersonRecipient | ListRecipient, stop: Stop | None,
        decision: Decision | None = None,
    ) -> None:  # fmt: skip
        """Refuse what the policy refuses, and note in `recipient` what somebody must approve, be it for `stop`.

        `decision` is what the policy says, where it was asked.
        """
        if decision is None:
            decision, language = await self.decision(sender, found.target)
        else:
            language = await self._language(decision, sender, found.target)
        writer = Writer(language)
        if decision.verdict is Verdict.MODERATE:
            await self._moderate(sender, recipient, found, decision.school_id, "policy", writer)
        elif stop is not None:
            await self._moderate(sender, recipient, found, decision.school_id, "stop", writer)
            if reason := stop.reason(language):
                recipient.text = f"{ascii_only(reason)} {recipient.text}"
        elif isinstance(found, ListRecipient) and found.hold_minutes:
            recipient.text = ascii_only(Writer(self.language).at_the_door(minutes=found.hold_minutes))

    async def hold_junk(self, sender: int, recipient: Recipient) -> None:
        """Have somebody look at the copy of a list, or at one that waits anyway, that a check takes for junk.

        Raises SmtpError when there is nobody who could.
        """
        match recipient.resolved:
            case Moderated() as waiting:
                recipient.resolved = replace(waiting, reason=JUNK)
            case ListRecipient() as found:
                decision, language = await self.decision(sender, found.target)
                await self._moderate(sender, recipient, found, decision.school_id, JUNK, Writer(language))

    async def _moderate(
        self,
        sender: int,
        recipient: Recipient,
        found: PersonRecipient | ListRecipient,
        school_id: int | None,
        reason: str,
        writer: Writer,
    ) -> None:
        """Have somebody approve this recipient's copy. Raises SmtpError when there is nobody who could."""
        if not await self._database.read(
            lambda tx: moderators_of(tx, sender, found.target, recipients.number_of(found), school_id)
        ):
            raise self.nobody_approves(writer)
        recipient.resolved = Moderated(found, recipients.fold(recipient.address), school_id, reason)
        recipient.text = ascii_only(writer.at_the_door())

    def nobody_approves(self, writer: Writer) -> SmtpError:
        """For a message that somebody would have to approve."""
        text = _("This message would have to be approved first, and nobody can do so at the moment.")
        return SmtpError(550, "5.7.1", ascii_only(writer.translate(text)))

    def check_open(self, person: PersonRecipient) -> None:
        """Refuse what is for somebody who has left."""
        if not person.open:
            raise self.refusal(550, "5.2.1", _("This mailbox is closed: the person has left."))

    def check_room(self, room: Room, octets: int) -> None:
        """Refuse for now what does not fit into a mailbox."""
        if not room.takes(octets):
            raise self.refusal(452, "4.2.2", _("This mailbox is full. Please try again later."))

    async def unknown(self, address: str) -> SmtpError:
        """The refusal for an address that is in a domain of ours, and stands for nobody: a list that is closed, or went
        with the last school year, says so.
        """
        ended = await self._database.read(lambda tx: recipients.ended_list(tx, address))
        if ended is not None:
            translate = await self._words_of(ended.school_id)
            if ended.closed:
                return SmtpError(
                    550, "5.7.1", ascii_only(translate(_("This list is closed: it takes no more messages.")))
                )
            text = _("This is a list of the school year {year}: it takes no more messages.")
            if ended.successor:
                text = _("This is a list of the school year {year}: write to {address} instead.")
            told = translate(text).format(year=year_label(ended.school_year), address=ended.successor)
            return SmtpError(550, "5.1.6", ascii_only(told))
        return self.refusal(550, "5.1.1", _("There is no such address here. Please check how it is written."))

    async def check_size(self, lists: Sequence[ListRecipient], octets: int) -> None:
        """Refuse what is larger than one of the lists takes."""
        limits = await self._database.read(lambda tx: recipients.size_limits(tx, [one.list_id for one in lists]))
        for one in lists:
            limit = limits.get(one.list_id, 0)
            if limit and octets > limit:
                translate = await self._words_of(one.target.school_id)
                text = translate(_("Messages to {address} may have {limit} KB, attachments included."))
                raise SmtpError(552, "5.3.4", ascii_only(text.format(address=one.address, limit=limit // 1024)))

    async def check_posting(self, lists: Sequence[ListRecipient], header: Header, octets: int) -> None:
        """Refuse what is larger than one of the lists takes, what it has had before, and automatic answers."""
        await self.check_size(lists, octets)
        for one in lists:
            if posting.has_passed(header, one.address):
                raise self.refusal(554, "5.4.6", _("This message has been through this list before."))
            if posting.is_automatic_reply(header):
                raise self.refusal(550, "5.7.1", _("Lists take no automatic answers."))

    async def _words_of(self, school_id: int | None) -> Callable[[str], str]:
        """The translator of a school's language."""
        return translator(await self._database.read(lambda tx: language_of_school(tx, school_id, self.language)))


async def _language(tx: Tx, decision: Decision, sender: int, target: Target) -> Language | None:
    """That of the school whose rule decides; where none does, of the recipient's, or of the writer's who writes out."""
    if decision.school_id is not None:
        return (await settings_of(tx, decision.school_id)).language
    match target:
        case ListTarget(school_id=school_id):
            return (await settings_of(tx, school_id)).language
        case PersonTarget(person_id=person_id):
            return await language_of_person(tx, person_id)
    return await language_of_person(tx, sender)


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
