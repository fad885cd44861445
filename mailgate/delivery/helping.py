"""What a list is, told by mail: the address in List-Help (RFC 2369 section 3.1).

Whoever signs in may ask; the answer goes into the INBOX of who asked, and counts as a message that this person sent.
It names whom to ask only as far as that is staff, or a list of staff, to whom this person may write: people of a
household never stand in it. Programs get no answer (RFC 3834 section 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Text, and_, bindparam, select

from directory.list_delegates import HAS_ROLE, LIST, PERSON, Role
from directory.list_schema import list_delegate
from directory.list_settings import SETTINGS_OF_LIST, ListSettings, Posting, from_row
from directory.merged import current
from directory.reserved import MANAGE
from directory.schema import ACTIVE, address, list_, person
from mailgate.database import Database, Statement, Tx
from mailgate.database.contract import Work
from mailgate.delivery.list_letters import ListLetter, message_id_of, write
from mailgate.delivery.posting import PostedTo, archive_name, archive_url, command_address, wants_no_answer
from mailgate.delivery.recipients import ListRecipient, is_member, resolve
from mailgate.delivery.saying import refusal, said
from mailgate.i18n import Language, ascii_only, translator
from mailgate.moderation.links import Service
from mailgate.policy import words
from mailgate.policy.matrix import CITE, Decision, Verdict, default_cells
from mailgate.policy.profiles import STAFF
from mailgate.policy.schools import language_of_school
from mailgate.policy.sharing import may_receive_as_list
from mailgate.policy.writing import may_write
from mailgate.store import MailStore, Parcel
from smtp.handler import Sender
from smtp.header import Header

_MOST: Final = 5
"""Whom to ask, at most."""
_HAS_ROLE: Final = Statement(HAS_ROLE)
_SETTINGS: Final = Statement(SETTINGS_OF_LIST)
_manages = and_(
    list_delegate.c.list_id == bindparam("list_id", type_=BigInteger), list_delegate.c.role == Role.MANAGE.value
)
_manager_ids = select(current(list_delegate.c.grantee_id)).where(_manages, list_delegate.c.grantee == PERSON)
_MANAGERS: Final = Statement(
    select(person.c.display, address.c.address, person.c.profile)
    .join(address, and_(address.c.person_id == person.c.person_id, address.c.is_primary.is_(True)))
    .where(
        person.c.person_id.in_(_manager_ids),
        person.c.state == ACTIVE,
    )
    .order_by(person.c.sn, person.c.given, person.c.person_id)
)
_MANAGING_LISTS: Final = Statement(
    select(list_.c.label, list_.c.address, list_.c.audience)
    .join(list_delegate, and_(list_delegate.c.grantee == LIST, list_delegate.c.grantee_id == list_.c.list_id))
    .where(_manages, list_.c.active.is_(True))
    .order_by(list_.c.address)
)
_HEADS: Final = Statement(
    select(list_.c.label, list_.c.address).where(
        list_.c.kind == bindparam("kind", type_=Text),
        list_.c.target_id == bindparam("target", type_=BigInteger),
        list_.c.audience == "direction",
        list_.c.active.is_(True),
    )
)


@dataclass(frozen=True, slots=True)
class Question:
    """Somebody asks about a list, in the language of its school."""

    account_id: int
    username: str
    of: ListRecipient
    language: Language


@dataclass(frozen=True, slots=True)
class _Known:
    """What there is to tell this person of the list."""

    settings: ListSettings
    decision: Decision
    member: bool
    manages: bool
    contacts: tuple[str, ...]


class Helping:
    """What the submission server does with the addresses in List-Help."""

    def __init__(self, database: Database, store: MailStore, service: Service, language: Language) -> None:
        self._database = database
        self._store = store
        self._service = service
        self._language = language

    async def look(self, tx: Tx, of_list: str, sender: Sender) -> tuple[Question, str] | None:
        """The question that writing there is, which everybody may ask; None for an address of no list."""
        found = await resolve(tx, of_list)
        if not isinstance(found, ListRecipient):
            return None
        language = await language_of_school(tx, found.target.school_id, self._language)
        return Question(sender.account_id, sender.username, found, language), ""

    async def deliver(self, question: Question, header: Header, first: Work[None]) -> str:
        """Answer, after `first` in the same transaction; give the text after ``250``. Raises SmtpError."""
        if wants_no_answer(header):
            raise refusal(question.language, _("Lists take no automatic answers."))
        known = await self._database.read(lambda tx: _look(tx, question))
        archive = archive_url(self._service.imap_url, question.of.address, known.settings)
        of = PostedTo(question.of.address, question.of.label, known.settings, archive)
        letter = ListLetter(
            said(question.language, _("The list {address}"), address=of.address),
            _paragraphs(question, of, known),
            to=question.username,
            answers=message_id_of(header),
        )
        parcel = Parcel(write(letter, of, self._service.hostname), frozenset([question.account_id]), list_id=None)
        await self._store.deliver_all([parcel], first=first)
        return ascii_only(said(question.language, _("The answer is in your mailbox.")))


async def _look(tx: Tx, question: Question) -> _Known:
    of = question.of
    role = await tx.one(_HAS_ROLE, list_id=of.list_id, person_id=question.account_id, role=Role.MANAGE.value)
    return _Known(
        from_row(await tx.one(_SETTINGS, list_id=of.list_id)),
        await may_write(tx, question.account_id, of.target),
        await is_member(tx, of.list_id, question.account_id),
        role is not None and role[0] > 0,
        await _contacts(tx, question),
    )


async def _contacts(tx: Tx, question: Question) -> tuple[str, ...]:
    """Whom this person may ask: staff who manage the list, else the heads of its school or cité."""
    of = question.of
    people = [row for row in await tx.all(_MANAGERS, list_id=of.list_id) if row[2] in STAFF]
    lists = [row for row in await tx.all(_MANAGING_LISTS, list_id=of.list_id) if may_receive_as_list(row[2])]
    found = [*people, *lists]
    if not found:
        school_id = of.target.school_id
        kind, target_id = (CITE, of.target.target_id) if school_id is None else ("school", school_id)
        found = await tx.all(_HEADS, kind=kind, target=target_id)
    contacts = []
    for name, text, *_ in found[:_MOST]:
        to = await resolve(tx, text)
        if to and (await may_write(tx, question.account_id, to.target)).verdict is not Verdict.REFUSE:
            contacts.append(f"{name} <{text}>")
    return tuple(contacts)


def _paragraphs(question: Question, of: PostedTo, known: _Known) -> list[str]:
    language, settings = question.language, known.settings
    told = [said(language, _("{label} <{address}> is a list of the school."), label=of.label, address=of.address)]
    member = _("You are on this list: what is written to it reaches you.")
    told.append(said(language, member if known.member else _("You are not on this list.")))
    told.append(_writing(language, known))
    if settings.size_limit:
        text = _("Messages to {address} may have {limit} KB, attachments included.")
        told.append(said(language, text, address=of.address, limit=str(settings.size_limit // 1024)))
    if settings.hold_minutes:
        text = _("A message goes {minutes} min after it was sent; until then its writer can take it back.")
        told.append(said(language, text, minutes=str(settings.hold_minutes)))
    if known.member and settings.archive:
        text = _("Earlier messages are in the mailbox {name}, which every member reads.")
        told.append(said(language, text, name=archive_name(of.address)))
    if known.member and settings.leaving:
        text = _("To leave this list, send a message to {address}.")
        told.append(said(language, text, address=command_address(of.address)))
    elif known.member:
        told.append(said(language, _("Members do not leave this list by themselves. The school can tell you more.")))
    if known.manages:
        text = _("You manage this list: send a message to {address} with the Subject “members”.")
        told.append(said(language, text, address=f"{MANAGE}{of.address}"))
    if known.contacts:
        told.append(said(language, _("Questions about this list are answered by:")) + "\n" + "\n".join(known.contacts))
    else:
        told.append(said(language, _("For questions about this list, please ask the school's office.")))
    return told


def _writing(language: Language, known: _Known) -> str:
    """Who may write, and whether this person may."""
    translate = translator(language)
    posting = known.settings.posting
    if known.decision.verdict is Verdict.REFUSE:
        may_not = translate(_("You may not write to this list."))
        return f"{may_not} {words.refusal(known.decision, default_cells(), translate)}"
    rules = _("The rules of the school say who may write to it.")
    who = translate(rules if posting is Posting.POLICY else words.POSTING[posting])
    may = {
        Verdict.ALLOW: _("You may write to this list."),
        Verdict.MODERATE: _("You may write to this list; somebody looks at your message before it is delivered."),
    }[known.decision.verdict]
    return f"{translate(may)} {who}"


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
