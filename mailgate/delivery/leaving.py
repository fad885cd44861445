"""Leaving a list by mail, where the list lets its members leave: List-Unsubscribe (RFC 2369 section 3.2).

The address is the list's, not the member's: one content goes to all members, and who writes there has signed in, so
that nobody can take anybody else off a list. RFC 8058's one click needs a page and a signature of the message; neither
is there, and List-Unsubscribe-Post is not written. Who left is excluded, as by `mailgate list exclude`: no import
brings them back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from sqlalchemy import Connection, select

from directory.list_adjustments import Person, exclude
from directory.list_definitions import Author, find
from directory.list_membership import follow
from directory.reserved import LEAVE
from directory.schema import address as addresses
from mailgate.database import Database, Tx
from mailgate.database.batch import batch_transaction
from mailgate.delivery.posting import is_automatic_reply
from mailgate.delivery.recipients import ListRecipient, fold, is_member, may_leave, resolve
from mailgate.i18n import Language, ascii_only, translator
from mailgate.policy.audit import record
from mailgate.policy.schools import settings_of
from smtp.handler import Envelope, SmtpError
from smtp.message import read_header


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody's wish to leave a list, in the language of its school."""

    account_id: int
    of_list: str
    language: Language


class Leaving:
    """What the submission server does with the addresses in List-Unsubscribe."""

    def __init__(self, database: Database, url: str, language: Language) -> None:
        """`url` is that of the database."""
        self._database = database
        self._url = url
        self._language = language

    async def rcpt_to(self, envelope: Envelope, address: str) -> Leave | None:
        """The wish that this person may have by writing there; None for an address of no list. Raises SmtpError."""
        folded = fold(address)
        if not folded.startswith(LEAVE):
            return None
        of_list, account_id = folded.removeprefix(LEAVE), envelope.sender.account_id

        async def work(tx: Tx) -> tuple[ListRecipient, Language, bool, bool] | None:
            found = await resolve(tx, of_list)
            if not isinstance(found, ListRecipient):
                return None
            language = (await settings_of(tx, found.target.school_id)).language or self._language
            list_id = found.list_id
            return found, language, await may_leave(tx, list_id), await is_member(tx, list_id, account_id)

        if (found := await self._database.read(work)) is None:
            return None
        to, language, allowed, here = found
        if not allowed:
            raise _refusal(language, _("Members do not leave this list by themselves. The school can tell you more."))
        if not here:
            raise _refusal(language, _("You are not on this list."))
        if envelope.recipients:
            raise _refusal(language, _("Please send this wish alone, to nobody else."))
        return Leave(account_id, to.address, language)

    async def deliver(self, leave: Leave, content: IO[bytes]) -> str:
        """Take the person off the list; give the text after ``250``. Raises SmtpError."""
        if is_automatic_reply(read_header(content).block):
            raise _refusal(leave.language, _("Lists take no automatic answers."))
        async with batch_transaction(self._url) as connection:
            await connection.run_sync(lambda plain: _leave(plain, leave))
        return _said(leave.language, _("You have left the list {address}."), address=leave.of_list)


def _leave(connection: Connection, leave: Leave) -> None:
    one = find(connection, leave.of_list)
    who = connection.scalar(
        select(addresses.c.address).where(addresses.c.person_id == leave.account_id, addresses.c.is_primary.is_(True))
    )
    author = Author(str(who), int(time.time()))
    exclude(connection, one, [Person(leave.account_id, author.actor, active=True)], author, "left by themselves")
    follow(connection, [one.list_id])
    record(connection, "list leave", one.address, author.actor, actor=author.actor, at=author.at)


def _refusal(language: Language, text: str) -> SmtpError:
    return SmtpError(550, "5.7.1", _said(language, text))


def _said(language: Language, text: str, **values: str) -> str:
    translate: Callable[[str], str] = translator(language)
    return ascii_only(translate(text).format(**values))


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
