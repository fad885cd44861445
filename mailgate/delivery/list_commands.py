"""Addresses made of a word and the address of a list: to leave it, to ask about it, to manage it."""

from __future__ import annotations

from typing import IO, TypeAlias

from mailgate.config import Settings
from mailgate.database import Database
from mailgate.database.contract import Work
from mailgate.delivery.helping import Helping, Question
from mailgate.delivery.leaving import Leave, Leaving
from mailgate.delivery.managing import Managing, Order
from mailgate.moderation.links import Service
from mailgate.store import MailStore
from smtp.handler import Envelope

Wish: TypeAlias = Leave | Question | Order


class ListCommands:
    """What the submission server does with such addresses."""

    def __init__(self, database: Database, store: MailStore, service: Service, settings: Settings) -> None:
        language, url = settings.gateway.language, settings.database.url
        self._leaving = Leaving(database, url, language)
        self._helping = Helping(database, store, service, language)
        self._managing = Managing(database, url, store, service.hostname, language)

    async def rcpt_to(self, envelope: Envelope, address: str) -> Wish | None:
        """What this person may want by writing there; None for any other address. Raises SmtpError."""
        for command in (self._leaving, self._helping, self._managing):
            if wish := await command.rcpt_to(envelope, address):
                return wish
        return None

    async def deliver(self, wish: Wish, content: IO[bytes], counted: Work[None]) -> str:
        """Do it; give the text after ``250``. `counted` goes with a message that answers. Raises SmtpError."""
        match wish:
            case Leave():
                return await self._leaving.deliver(wish, content)
            case Question():
                return await self._helping.deliver(wish, content, counted)
            case Order():
                return await self._managing.deliver(wish, content, counted)
