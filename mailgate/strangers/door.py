"""The checks of servers that nobody knows, in their order: lists first, which cost nothing but a look-up."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from mailgate.config import Network, Settings
from mailgate.database import Database
from mailgate.delivery.admission import Admission
from mailgate.strangers.dns_lists import DnsLists
from mailgate.strangers.greylist import Greylist
from mailgate.strangers.senders import check_domain
from smtp.handler import Transaction
from smtp.resolver import Resolver
from smtp.server import is_among

log = structlog.stdlib.get_logger("mailgate.strangers")


@dataclass(slots=True)
class Reputation:
    """What the lists say of the server of a transaction, once they were asked."""

    lists: list[str] | None = None


class Door:
    """What stands before every recipient but those to whom everybody may write.

    Nothing of it concerns servers of `mx.trusted` networks, and a server in front, which has done its own checks.
    """

    def __init__(self, database: Database, resolver: Resolver, settings: Settings, admission: Admission) -> None:
        self._admission = admission
        self._resolver = resolver
        self._known_senders = settings.mx.known_senders
        self._trusted = settings.mx.networks()
        lists, grey = settings.dns_lists, settings.greylisting
        self._unlisted = lists.networks()
        self._lists: DnsLists | None = None
        if lists.weights:
            self._lists = DnsLists(resolver, lists.weights, lists.threshold, lists.timeout)
        self._not_grey = grey.networks()
        self._greylist = Greylist(database, grey) if grey.enabled else None

    async def check_server(self, envelope: Transaction, known: Reputation) -> None:
        """Refuse a server that is listed, and a reverse path that cannot be; lists are asked once for a transaction."""
        await self._check_lists(envelope, known)
        if self._known_senders and not self._is_known(envelope, []):
            await check_domain(self._resolver, envelope.mail_from)

    async def _check_lists(self, envelope: Transaction, known: Reputation) -> None:
        if self._lists is None or self._is_known(envelope, self._unlisted):
            return
        host = envelope.peer.host
        if known.lists is None:
            known.lists = await self._lists.having(host)
        if known.lists:
            log.info("listed", peer=host, lists=known.lists)
            text = _("Your server {address} is on these lists: {lists}")
            raise self._admission.refusal(550, "5.7.1", text, address=host, lists=", ".join(known.lists))

    async def check_greylist(self, envelope: Transaction, recipient: str) -> None:
        """Have a server come back that has not been here before."""
        if self._greylist is None or self._is_known(envelope, self._not_grey):
            return
        if await self._greylist.waits(envelope.peer.host, envelope.mail_from, recipient):
            log.info("greylisted", peer=envelope.peer.host)
            text = _("Your server is not known here yet. Please try again in a few minutes.")
            raise self._admission.refusal(450, "4.7.1", text)

    async def maintain(self) -> None:
        """The daily upkeep."""
        if self._greylist is not None:
            await self._greylist.forget()

    def _is_known(self, envelope: Transaction, spared: list[Network]) -> bool:
        return envelope.lmtp or is_among(envelope.peer.host, (*self._trusted, *spared))


def _(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is sent."""
    return text
