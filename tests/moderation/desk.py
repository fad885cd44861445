"""Held messages without sockets: the handler of the submission server, decisions, and a clock that tests set."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, field

from sqlalchemy import select

from directory.schema import address
from mailgate.accounts import Accounts
from mailgate.config import Settings
from mailgate.database import Database, Statement
from mailgate.delivery.submission import Submission
from mailgate.filtering.chain import Chain
from mailgate.moderation.deciding import Moderation
from mailgate.moderation.links import Service
from mailgate.store import MailStore
from smtp.handler import Envelope, Peer, Recipient, Sender
from smtp.message import read_header

SETTINGS = Settings()
SERVICE = Service(SETTINGS.directory.domain, "mail.example.org", "https://mail.example.org")
_PEOPLE = Statement(select(address.c.address, address.c.person_id))


@dataclass
class Clock:
    """A moment that tests move on; 0: the real one."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Desk:
    """One gateway on a database."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    people: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = MailStore(self.database)
        self.moderation = Moderation(self.database, self.store, SERVICE, self.clock)
        self.submission = Submission(
            self.database, self.store, Accounts(self.database), SETTINGS, self.moderation, Chain([], "fr")
        )

    async def start(self) -> Desk:
        """Learn who is who."""
        rows = await self.database.read(lambda tx: tx.all(_PEOPLE))
        self.people = {row[0]: row[1] for row in rows}
        return self

    async def send(self, sender: str, to: list[str], subject: str, body: str = "Bonjour.") -> str:
        """As a submission server would. Raises SmtpError."""
        envelope = Envelope(
            Peer("127.0.0.1", 1, "TLSv1.3"), "client", sender, sender=Sender(self.people[sender], sender)
        )
        await self.submission.mail_from(envelope)
        for one in to:
            recipient = Recipient(one)
            await self.submission.rcpt_to(envelope, recipient)
            envelope.recipients.append(recipient)
        text = f"From: <{sender}>\r\nSubject: {subject}\r\n\r\n{body}\r\n"
        content = io.BytesIO(text.encode())
        return await self.submission.deliver(envelope, read_header(content), content)
