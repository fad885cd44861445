"""The copies of one message: as it is for people, and for the members of each list as that list posts it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Final

from directory.list_settings import SETTINGS_OF_LIST, from_row
from mailgate.database import Statement, Tx
from mailgate.delivery import recipients
from mailgate.delivery.posting import PostedTo, archive_url, as_posted
from mailgate.delivery.recipients import ListRecipient
from mailgate.store import Parcel
from mailgate.store.archives import archive_of
from smtp.message import Prepared

SPOOL_MEMORY: Final = 1024 * 1024
"""Octets of a message that may stay in memory; a larger one goes to a temporary file."""

_SETTINGS: Final = Statement(SETTINGS_OF_LIST)


@dataclass(frozen=True, slots=True)
class Copies:
    """A message whose copies are made; they are files until `stack` closes."""

    message: Prepared
    content: IO[bytes]
    stack: ExitStack
    imap_url: str
    """Where the archives of lists are found (RFC 5092); empty when that is not known."""
    marked: Prepared | None = None
    """The message as those get it for whom it is junk."""
    junk: frozenset[int] = frozenset()
    """The accounts and lists for which it is: theirs go to Junk mailboxes."""

    async def parcels(
        self, tx: Tx, people: Sequence[int], lists: Sequence[ListRecipient], sent_copy_for: int | None
    ) -> list[Parcel]:
        """One copy for each person: who is named gets the message as it is, others that of the first list they are on.
        Each list that has an archive keeps one, too.

        `sent_copy_for` is the account that gets one in its Sent mailbox.
        """
        reached = await recipients.reached(tx, people, [one.list_id for one in lists])
        parcels = self.of_people(reached[0], sent_copy_for)
        for one in lists:
            settings = from_row(await tx.one(_SETTINGS, list_id=one.list_id))
            archive = await archive_of(tx, one.list_id) if settings.archive else None
            if reached[one.list_id] or archive is not None:
                to = PostedTo(one.address, one.label, settings, archive_url(self.imap_url, one.address, settings))
                is_junk = one.list_id in self.junk
                spooled = self._spooled(as_posted(self._as_for(junk=is_junk), to))
                parcels.append(
                    Parcel(spooled, reached[one.list_id], list_id=one.list_id, archive_id=archive, junk=is_junk)
                )
        return parcels

    def of_people(self, people: frozenset[int], sent_copy_for: int | None) -> list[Parcel]:
        """Those of people who are named, whose accounts are active."""
        parcels = []
        if (inbox := people - self.junk) or sent_copy_for is not None:
            parcels.append(Parcel(self._spooled(self.message), inbox, sent_copy_for))
        if junk := people & self.junk:
            parcels.append(Parcel(self._spooled(self._as_for(junk=True)), junk, junk=True))
        return parcels

    def _as_for(self, *, junk: bool) -> Prepared:
        return self.marked if junk and self.marked is not None else self.message

    def whole(self) -> tuple[IO[bytes], int]:
        """The message as it is, rewound, and its octets."""
        spool = self._spooled(self.message)
        size = spool.seek(0, os.SEEK_END)
        spool.seek(0)
        return spool, size

    def _spooled(self, message: Prepared) -> IO[bytes]:
        spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=SPOOL_MEMORY)  # noqa: SIM115 - the stack closes it
        self.stack.enter_context(spool)
        for block in message.blocks(self.content):
            spool.write(block)
        spool.seek(0)
        return spool
