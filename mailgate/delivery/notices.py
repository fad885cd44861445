"""What of a message goes to relatives' addresses outside: a copy of it, or a word that it came.

The school and the person must both want it (``outside`` of `mailgate school set`, `mailgate person outside`). It is put
into the queue in the transaction that delivers, so for a message that waits for approval not before that. A word says
who wrote, never what, once an hour at the most. A copy is the content that people inside have: what is different
outside, and how to have no more of it, is worked out while it is sent (`mailgate.queue.leaving`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import BigInteger, bindparam, select

from directory.schema import person
from mailgate.config import Settings
from mailgate.database import Database, Statement, Tx
from mailgate.delivery import wished
from mailgate.delivery.posting import has_passed, is_automatic_reply
from mailgate.i18n import translator
from mailgate.queue.enqueue import Outgoing, OutsideRecipient, enqueue
from mailgate.queue.leaving import outward_of
from mailgate.queue.letters import write
from mailgate.queue.outbound import schedule_of
from mailgate.queue.schedule import Priority, priority_of
from mailgate.store import Dispatch, Parcel
from mailgate.store.contents import opened
from mailgate.store.retained import let_go, retain
from mailgate.store.schema import CHUNK
from smtp.header import Header, read_fields
from smtp.limits import HEADER_LIMIT
from smtp.tls_demand import TlsDemand, demanded

_NOBODY: Final = 1
_HEADER: Final = 2 * HEADER_LIMIT
"""Octets of a header: what was sent, and what was put on top of it."""

_NAME: Final = Statement(select(person.c.display).where(person.c.person_id == bindparam("author", type_=BigInteger)))


@dataclass(frozen=True, slots=True)
class Notices:
    """Sends relatives outside what they want of messages that are delivered here, where there is a way out."""

    database: Database
    settings: Settings

    async def joined(
        self, parcels: Sequence[Parcel], sent: Dispatch, now: int, *, require_tls: bool = False
    ) -> list[Parcel]:
        """These parcels as they are to be delivered: with entries of the queue for copies outside, and for a word.

        Parcels that are notices or junk, and what programs answered by themselves (RFC 3834 section 2), stay inside; so
        does what has been outside as a copy. An id of `sent` that is empty is none. `require_tls` holds for copies
        (RFC 8689 section 6), not for a word, which tells nothing of the message.
        """
        found = list(parcels)
        accounts = sorted(frozenset().union(*(one.account_ids for one in parcels if _is_told_of(one))))
        if self.settings.queue.route == "none" or not accounts:
            return found
        wishes = await self.database.read(lambda tx: wished.find(tx, accounts, now))
        told = set[int]()
        for at, parcel in enumerate(parcels):
            if not _is_told_of(parcel) or parcel.account_ids.isdisjoint(wishes.copies | wishes.words):
                continue
            header = _header(parcel)
            if is_automatic_reply(header) or has_passed(header, outward_of(self.settings).mark):
                continue
            told |= parcel.account_ids & wishes.words
            if readers := sorted(parcel.account_ids & wishes.copies):
                found[at] = self._copied(
                    parcel, readers, sent, header, now, tls=demanded(header, require_tls=require_tls)
                )
        if told:
            found.append(await self._word(sorted(told), sent, now))
        return found

    def _copied(
        self, parcel: Parcel, readers: Sequence[int], sent: Dispatch, header: Header, now: int, *, tls: TlsDemand
    ) -> Parcel:
        with opened(parcel.content) as octets:
            eightbit = not all(octets[at : at + CHUNK].isascii() for at in range(0, len(octets), CHUNK))
        utf8, before = not header.octets.isascii(), parcel.stored

        async def stored(tx: Tx, content_id: bytes, size: int) -> None:
            if before is not None:
                await before(tx, content_id, size)
            if to := self._outside(await wished.copies(tx, readers)):
                priority = priority_of(len(to), of_list=bool(parcel.list_id))
                out = self._outgoing(to, priority, sent, eightbit=eightbit, utf8=utf8)
                out = replace(out, sender_id=sent.sender_id, tls=tls)
                await enqueue(tx, out, content_id, size, schedule_of(self.settings.queue), now=now)

        return replace(parcel, stored=stored)

    async def _word(self, readers: Sequence[int], sent: Dispatch, now: int) -> Parcel:
        row = await self.database.read(lambda tx: tx.one(_NAME, author=sent.author_id))

        async def stored(tx: Tx, content_id: bytes, size: int) -> None:
            to = self._outside(await wished.take_words(tx, readers, now))
            if not to:  # another message was quicker
                await retain(tx, content_id, _NOBODY)
                await let_go(tx, content_id, _NOBODY, now)
                return
            out = self._outgoing(to, Priority.NORMAL, sent, eightbit=False, utf8=False)
            await enqueue(tx, out, content_id, size, schedule_of(self.settings.queue), now=now)

        letter = self._letter(sent.author if row is None else str(row[0]))
        return Parcel(letter, frozenset(), list_id=None, stored=stored)

    def _outside(self, to: Sequence[OutsideRecipient]) -> list[OutsideRecipient]:
        """Without addresses that have become ours since they were chosen."""
        return [one for one in to if not self.settings.directory.holds(one.address)]

    def _outgoing(
        self, to: Sequence[OutsideRecipient], priority: Priority, sent: Dispatch, *, eightbit: bool, utf8: bool
    ) -> Outgoing:
        mark = outward_of(self.settings).mark
        return Outgoing(
            None, mark, to, priority, sent.dispatch_id or None, eightbit=eightbit, utf8=utf8, ret="HDRS", verp=True
        )  # fmt: skip

    def _letter(self, name: str) -> bytes:
        language = self.settings.gateway.language
        translate = translator(language)
        words = [
            translate(_("You have a message from {name} in the school’s mail.")).format(name=name),
            translate(_("Please read it there. For an hour, no further word follows.")),
        ]
        return write(self.settings, language, _("You have a message in the school’s mail"), "\n\n".join(words))


def _is_told_of(parcel: Parcel) -> bool:
    return parcel.list_id is not None and not parcel.junk


def _header(parcel: Parcel) -> Header:
    with opened(parcel.content) as octets:
        return Header(read_fields(octets[:_HEADER]))


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
