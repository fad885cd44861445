"""The welcome text of a list, sent to who became a member: one message for all of them, which names none.

Whom to tell was noted when they became members (`directory.list_welcomes`). Any number of nodes may send at once: the
notes are taken away in the transaction that delivers, and who finds them gone delivers nothing. While a stop concerns
the list, be it one that has messages approved, the notes stay; the text goes when it has ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

import structlog
from sqlalchemy import BigInteger, and_, bindparam, delete, select

from directory.list_schema import list_welcome
from directory.list_settings import SETTINGS_OF_LIST, from_row
from directory.schema import list_, list_member
from mailgate.database import Database, Row, Statement, Tx
from mailgate.database.statement import member
from mailgate.database.unit import in_turn
from mailgate.delivery.list_letters import ListLetter, write
from mailgate.delivery.posting import PostedTo, archive_name, archive_url, command_address
from mailgate.i18n import Language, translator
from mailgate.moderation.links import Service
from mailgate.policy.schools import language_of_school
from mailgate.policy.stops import stop_of
from mailgate.policy.targets import OUTSIDE_WRITER
from mailgate.store import MailStore, Parcel
from mailgate.store.schema import account

log = structlog.stdlib.get_logger("mailgate.delivery")

_AT_ONCE: Final = 500
"""New members that one message goes to."""
_LISTS: Final = Statement(
    select(list_welcome.c.list_id)
    .where(list_welcome.c.list_id > bindparam("after", type_=BigInteger))
    .distinct()
    .order_by(list_welcome.c.list_id)
    .limit(20)
)
_of_list = list_welcome.c.list_id == bindparam("list_id", type_=BigInteger)
_NEW: Final = Statement(
    select(list_welcome.c.person_id, account.c.account_id)
    .outerjoin(
        list_member,
        and_(list_member.c.list_id == list_welcome.c.list_id, list_member.c.person_id == list_welcome.c.person_id),
    )
    .outerjoin(account, and_(account.c.account_id == list_member.c.person_id, account.c.state == "active"))
    .where(_of_list)
    .order_by(list_welcome.c.person_id)
    .limit(_AT_ONCE)
)
_LIST: Final = Statement(
    select(list_.c.address, list_.c.label, list_.c.school_id, list_.c.active).where(
        list_.c.list_id == bindparam("list_id", type_=BigInteger)
    )
)
_SETTINGS: Final = Statement(SETTINGS_OF_LIST)
_TAKE: Final = Statement(delete(list_welcome).where(_of_list, member(list_welcome.c.person_id, "people")))


class _TakenError(Exception):
    """Another node sends it, or a stop has begun."""


class _New(NamedTuple):
    """New members of a list that were noted, those of them who can be told, and the list; None for one in no use."""

    noted: Sequence[int]
    told: frozenset[int]
    of: PostedTo | None
    school_id: int | None
    language: Language


class Welcoming:
    """Sends what is due, for one gateway process."""

    def __init__(self, database: Database, store: MailStore, service: Service, language: Language) -> None:
        self._database = database
        self._store = store
        self._service = service
        self._language = language

    async def send_due(self) -> int:
        """Tell everybody who was noted; give the number of people."""
        told = after = 0
        while lists := await self._database.read(partial(_due, after=after)):
            for after in lists:
                try:
                    told += await self._send(after)
                except Exception:
                    log.exception("a welcome text stays where it is", list_id=after)
        return told

    async def _send(self, list_id: int) -> int:
        new = await self._database.read(partial(self._look, list_id=list_id))
        people = list(new.noted)

        async def take(tx: Tx) -> None:
            if await tx.run(_TAKE, list_id=list_id, people=people) != len(people):
                raise _TakenError

        try:
            if new.of is None or not new.told or not new.of.settings.welcome:
                await self._database.write(take)
                return 0
            content = write(_letter(new.of, new.language), new.of, self._service.hostname)
            first = in_turn(partial(_check_stops, list_id=list_id, school_id=new.school_id), take)
            await self._store.deliver_all([Parcel(content, new.told, list_id=None)], first=first)
        except _TakenError:
            return 0
        return len(new.told)

    async def _look(self, tx: Tx, list_id: int) -> _New:
        rows: Sequence[Row] = await tx.all(_NEW, list_id=list_id)
        row = await tx.one(_LIST, list_id=list_id)
        of, school_id = None, None
        if row is not None and row[3]:
            address, label, school_id, _active = row
            settings = from_row(await tx.one(_SETTINGS, list_id=list_id))
            of = PostedTo(address, label, settings, archive_url(self._service.imap_url, address, settings))
        language = await language_of_school(tx, school_id, self._language)
        told = frozenset(row[1] for row in rows if row[1] is not None)
        return _New([row[0] for row in rows], told, of, school_id, language)


async def _due(tx: Tx, after: int) -> list[int]:
    return [row[0] for row in await tx.all(_LISTS, after=after)]


async def _check_stops(tx: Tx, list_id: int, school_id: int | None) -> None:
    """Raises _TakenError; none begins before the commit."""
    schools = [] if school_id is None else [school_id]
    if await stop_of(tx, OUTSIDE_WRITER, lists=[list_id], list_schools=schools, until_commit=True) is not None:
        raise _TakenError


def _letter(of: PostedTo, language: Language) -> ListLetter:
    def say(text: str, **values: str) -> str:
        return translator(language)(text).format(**values)

    told = [
        of.settings.welcome,
        say(_("You are on the list {label} <{address}> from now on."), label=of.label, address=of.address),
    ]
    if of.settings.archive:
        text = _("Earlier messages are in the mailbox {name}, which every member reads.")
        told.append(say(text, name=archive_name(of.address)))
    if of.settings.leaving:
        text = _("To leave this list, send a message to {address}.")
        told.append(say(text, address=command_address(of.address)))
    text = _("To know who may write to it and whom to ask, send a message to {address}.")
    told.append(say(text, address=command_address(of.address, help_=True)))
    return ListLetter(say(_("Welcome to the list {label}"), label=of.label), told)


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
