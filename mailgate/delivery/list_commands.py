"""Addresses made of a word and the address of a list: to leave it, to ask about it, to manage it."""

from __future__ import annotations

from typing import IO, Final, Protocol, TypeAlias

from directory.reserved import HELP, LEAVE, MANAGE
from mailgate.config import Settings
from mailgate.database import Database, Tx
from mailgate.database.contract import Work
from mailgate.delivery.helping import Helping, Question
from mailgate.delivery.leaving import Leave, Leaving
from mailgate.delivery.managing import Managing, Order
from mailgate.delivery.recipients import fold
from mailgate.delivery.saying import refusal
from mailgate.moderation.links import Service
from mailgate.store import MailStore
from smtp.handler import Envelope, Sender
from smtp.header import Header

Wish: TypeAlias = Leave | Question | Order


class _Command(Protocol):
    async def look(self, tx: Tx, of_list: str, sender: Sender) -> tuple[Wish, str] | None:
        """What this person may want of the list at an address, and why not, in English, or nothing; None for an address
        of no list.
        """


class ListCommands:
    """What the submission server does with such addresses."""

    def __init__(self, database: Database, store: MailStore, service: Service, settings: Settings) -> None:
        language, url = settings.gateway.language, settings.database.url
        self._database = database
        self._leaving = Leaving(url, language)
        self._helping = Helping(database, store, service, language)
        self._managing = Managing(url, store, service.hostname, language)
        self._commands: Final[dict[str, _Command]] = {
            LEAVE: self._leaving, HELP: self._helping, MANAGE: self._managing,
        }  # fmt: skip

    async def rcpt_to(self, envelope: Envelope, address: str) -> Wish | None:
        """What this person wants by writing there; None for any other address. Raises SmtpError."""
        folded = fold(address)
        prefix = next((one for one in self._commands if folded.startswith(one)), None)
        if prefix is None:
            return None
        command, of_list = self._commands[prefix], folded.removeprefix(prefix)
        found = await self._database.read(lambda tx: command.look(tx, of_list, envelope.sender))
        if found is None:
            return None
        wish, why_not = found
        if not why_not and not envelope.mail_from:
            why_not = _("Lists take no automatic answers.")
        if not why_not and envelope.recipients:
            why_not = _("Please send this wish alone, to nobody else.")
        if why_not:
            raise refusal(wish.language, why_not)
        return wish

    async def deliver(self, wish: Wish, header: Header, content: IO[bytes], counted: Work[None]) -> str:
        """Do it; give the text after ``250``. `counted` goes with a message that answers. Raises SmtpError."""
        match wish:
            case Leave():
                return await self._leaving.deliver(wish, header)
            case Question():
                return await self._helping.deliver(wish, header, counted)
            case Order():
                return await self._managing.deliver(wish, header, content, counted)


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
