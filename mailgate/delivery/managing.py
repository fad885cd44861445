"""Who manages a list manages it by mail: a message to ``manage+`` and the list's address, whose Subject says what.

The words are French or English; addresses follow in the Subject, or stand in the text, one in a line. Who writes has
signed in and has the right to manage at that moment (`directory.list_delegates`). What was done comes back as a
message. Members are named to staff alone: parents who manage a list learn of no other household.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import partial
from typing import IO, Final

from sqlalchemy import Connection

from directory.list_definitions import Author, find
from directory.list_delegates import HAS_ROLE, Role
from directory.list_graph import ListError
from directory.list_settings import settings_of_list
from directory.queries import LIST_BY_ADDRESS
from imap.message import readable_text
from mailgate.database import Statement, Tx
from mailgate.database.batch import batch_transaction
from mailgate.database.contract import Work
from mailgate.delivery.list_letters import ListLetter, message_id_of, write
from mailgate.delivery.list_orders import ON_PEOPLE, Action, Members, NotTheirsError, WhoError, carry_out
from mailgate.delivery.posting import PostedTo, subject_of, wants_no_answer
from mailgate.delivery.recipients import fold
from mailgate.delivery.saying import refusal, said
from mailgate.i18n import Language, ascii_only
from mailgate.policy.schools import language_of_school
from mailgate.store import MailStore, Parcel
from smtp.handler import Sender
from smtp.header import Header

_MOST: Final = 100
"""Addresses in one message."""
_SHOWN: Final = 2_000
"""Members that one answer names."""
_READ: Final = 64 * 1024
_ADDRESS: Final = re.compile(r"<?([^\s<>@,;]+@[^\s<>@,;]+)>?")
_LIST: Final = Statement(LIST_BY_ADDRESS)
_HAS_ROLE: Final = Statement(HAS_ROLE)
_WORDS: Final = {
    **dict.fromkeys(("add", "ajouter"), Action.ADD),
    **dict.fromkeys(("remove", "retirer"), Action.REMOVE),
    **dict.fromkeys(("members", "membres"), Action.MEMBERS),
    **dict.fromkeys(("close", "fermer"), Action.CLOSE),
    **dict.fromkeys(("reopen", "rouvrir"), Action.REOPEN),
}


@dataclass(frozen=True, slots=True)
class Order:
    """Somebody who manages a list wants something of it, in the language of its school."""

    account_id: int
    username: str
    of_list: str
    language: Language


class Managing:
    """What the submission server does with addresses that begin with `MANAGE`."""

    def __init__(self, url: str, store: MailStore, hostname: str, language: Language) -> None:
        """`url` is that of the database."""
        self._url = url
        self._store = store
        self._hostname = hostname
        self._language = language

    async def look(self, tx: Tx, of_list: str, sender: Sender) -> tuple[Order, str] | None:
        """The order that writing there is, and why not, if so; None for an address of no list, be it closed."""
        row = await tx.one(_LIST, address=of_list)
        if row is None:
            return None
        list_id, main, school_id = row[0], row[1], row[5]
        language = await language_of_school(tx, school_id, self._language)
        role = await tx.one(_HAS_ROLE, list_id=list_id, person_id=sender.account_id, role=Role.MANAGE.value)
        order = Order(sender.account_id, sender.username, main, language)
        return order, "" if role is not None and role[0] > 0 else _NOT_THEIRS

    async def deliver(self, order: Order, header: Header, content: IO[bytes], first: Work[None]) -> str:
        """Do it, and answer after `first`; give the text after ``250``. Raises SmtpError when nothing was done."""
        if wants_no_answer(header):
            raise refusal(order.language, _("Lists take no automatic answers."))
        action, people = _read(subject_of(header), content)
        if action is None or (action in ON_PEOPLE) is not bool(people) or len(people) > _MOST:
            raise refusal(order.language, _HOW)
        try:
            async with batch_transaction(self._url) as connection:
                work = partial(_carry_out, order=order, action=action, people=people)
                of, members = await connection.run_sync(work)
        except NotTheirsError:
            raise refusal(order.language, _NOT_THEIRS) from None
        except WhoError as error:
            raise refusal(order.language, _CANNOT[action], person=error.address) from None
        except ListError:
            raise refusal(order.language, _("The list is so already.")) from None
        done = said(order.language, _DONE[action], address=of.address, people=", ".join(people))
        count = said(order.language, _("The list has {number} members."), number=str(members.count))
        named = ["\n".join(members.named[:_SHOWN])] if action is Action.MEMBERS and members.named else []
        letter = ListLetter(
            said(order.language, _("The list {address}"), address=of.address),
            [done, count, *named, said(order.language, _HOW)],
            to=order.username,
            answers=message_id_of(header),
        )
        parcel = Parcel(write(letter, of, self._hostname), frozenset([order.account_id]), list_id=None)
        await self._store.deliver_all([parcel], first=first)
        return ascii_only(done)


def _carry_out(connection: Connection, order: Order, action: Action, people: list[str]) -> tuple[PostedTo, Members]:
    one = find(connection, order.of_list)
    members = carry_out(connection, one, action, people, Author(order.username, int(time.time())))
    return PostedTo(one.address, one.label, settings_of_list(connection, one.list_id)), members


def _read(subject: str, content: IO[bytes]) -> tuple[Action | None, list[str]]:
    """The action and the addresses of a message, each once: those of the Subject, else the lines that are one."""
    word, _, rest = subject.partition(" ")
    action = _WORDS.get(word.lower().rstrip(":"))
    found = _ADDRESS.findall(rest)
    if not found and action in ON_PEOPLE:
        content.seek(0)
        lines = readable_text(content.read(_READ), _READ).splitlines()
        found = [match[1] for line in lines if (match := _ADDRESS.fullmatch(line.strip()))]
    return action, list(dict.fromkeys(fold(one) for one in found))


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


_NOT_THEIRS: Final = _("You do not manage this list.")
_HOW: Final = _("To manage it, begin the Subject with: add ADDRESS, remove ADDRESS, members, close or reopen.")
_CANNOT: Final = {
    Action.ADD: _("{person} cannot be added to this list; nothing was changed. The school can tell you more."),
    Action.REMOVE: _("{person} is not on this list; nothing was changed."),
}
_DONE: Final = {
    Action.ADD: _("Added to the list {address}: {people}"),
    Action.REMOVE: _("Taken off the list {address}: {people}"),
    Action.MEMBERS: _("Members of the list {address}"),
    Action.CLOSE: _("The list {address} is closed: it takes no more messages."),
    Action.REOPEN: _("The list {address} takes messages again."),
}
