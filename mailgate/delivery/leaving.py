"""Leaving a list by mail, where the list lets its members leave: List-Unsubscribe (RFC 2369 section 3.2).

The address is the list's, not the member's: one content goes to all members, and who writes there has signed in, so
that nobody can take anybody else off a list. RFC 8058's one click needs an address of each member's own and a signature
of the message; inside neither is there, and List-Unsubscribe-Post is only on what goes outside
(`mailgate.queue.leaving`). Who left is excluded, as by `mailgate list exclude`: no import brings them back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, select

from directory.list_adjustments import Person, exclude
from directory.list_definitions import Author, find
from directory.list_membership import follow
from directory.schema import address as addresses
from mailgate.database import Tx
from mailgate.database.batch import batch_transaction
from mailgate.delivery.posting import is_automatic_reply
from mailgate.delivery.recipients import ListRecipient, is_member, may_leave, resolve
from mailgate.delivery.saying import refusal, said
from mailgate.i18n import Language, ascii_only
from mailgate.policy.audit import record
from mailgate.policy.schools import language_of_school
from smtp.handler import Sender
from smtp.header import Header


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody's wish to leave a list, in the language of its school."""

    account_id: int
    of_list: str
    language: Language


class Leaving:
    """What the submission server does with the addresses in List-Unsubscribe."""

    def __init__(self, url: str, language: Language) -> None:
        """`url` is that of the database."""
        self._url = url
        self._language = language

    async def look(self, tx: Tx, of_list: str, sender: Sender) -> tuple[Leave, str] | None:
        """The wish that this person may have by writing there, and why not, if so; None for an address of no list."""
        found = await resolve(tx, of_list)
        if not isinstance(found, ListRecipient):
            return None
        language = await language_of_school(tx, found.target.school_id, self._language)
        why_not = ""
        if not await may_leave(tx, found.list_id):
            why_not = _("Members do not leave this list by themselves. The school can tell you more.")
        elif not await is_member(tx, found.list_id, sender.account_id):
            why_not = _("You are not on this list.")
        return Leave(sender.account_id, found.address, language), why_not

    async def deliver(self, leave: Leave, header: Header) -> str:
        """Take the person off the list; give the text after ``250``. Raises SmtpError."""
        if is_automatic_reply(header):
            raise refusal(leave.language, _("Lists take no automatic answers."))
        async with batch_transaction(self._url) as connection:
            await connection.run_sync(lambda plain: _leave(plain, leave))
        return ascii_only(said(leave.language, _("You have left the list {address}."), address=leave.of_list))


def _leave(connection: Connection, leave: Leave) -> None:
    one = find(connection, leave.of_list)
    who = connection.scalar(
        select(addresses.c.address).where(addresses.c.person_id == leave.account_id, addresses.c.is_primary.is_(True))
    )
    author = Author(str(who), int(time.time()))
    exclude(connection, one, [Person(leave.account_id, author.actor, active=True)], author, "left by themselves")
    follow(connection, [one.list_id])
    record(connection, "list leave", one.address, author.actor, actor=author.actor, at=author.at)


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
