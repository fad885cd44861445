"""The demo academy behind `mailgate serve`, with a few of its people, for tests of what a school decides."""

from __future__ import annotations

import asyncio
import email
import email.policy
import http.client
import re
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from sqlalchemy import select, text

from directory.schema import address
from mailgate.accounts import Accounts
from mailgate.database import open_database
from mailgate.database.batch import batch_engine
from tests.policy.academy import accounts, lists
from tests.processes.serving import Serving

DOMAIN = "clg-frederic-mistral.ent.example.org"
PARENTS = f"6eme-a.parents@{DOMAIN}"


_NUMBERS = select(address.c.address, address.c.person_id)


def members(address: str) -> list[str]:
    """The addresses of a list's members, by the ground truth."""
    return [accounts()[number].address for number in lists()[address]["members"]]


@dataclass(frozen=True, slots=True)
class Page:
    """What a page answered."""

    status: int
    text: str
    headers: dict[str, str]

    def form(self, name: str) -> str:
        """Where the form of an action goes."""
        found = re.search(rf'action="(/moderation/[a-z2-7]+-{name})"', self.text)
        assert found, self.text
        return found[1]


@dataclass(slots=True)
class School:
    """A gateway on a database with the demo academy (`tests.policy.conftest.ACADEMY`), and what its people do."""

    serving: Serving
    message_id: str = ""
    """Of what `write` sent last."""

    async def _make(self, people: list[str]) -> dict[str, str]:
        async with batch_engine(self.serving.url) as engine, engine.connect() as connection:
            ids = {row.address: row.person_id for row in await connection.execute(_NUMBERS)}
        database = await open_database(self.serving.url)
        care = Accounts(database)
        made = await care.create_app_passwords([(ids[one], "test") for one in people])
        care.close()
        await database.close()
        return dict(zip(people, made, strict=True))

    def prepare(self, people: Iterable[str]) -> None:
        """A password for each of these people."""
        self.serving.prepare(accounts=False)
        self.serving.passwords = asyncio.run(self._make(sorted(set(people))))

    def sql(self, statement: str, **values: object) -> None:
        """Change something that no command changes quickly enough."""

        async def work() -> None:
            async with batch_engine(self.serving.url) as engine, engine.begin() as connection:
                await connection.execute(text(statement), values)

        asyncio.run(work())

    def write(self, sender: str, to: list[str] | str, subject: str, body: str = "Bonjour.\n", **fields: str) -> str:
        """Send a message; give the answer to its last recipient."""
        message = EmailMessage()
        message["From"] = sender
        message["To"] = to if isinstance(to, str) else ", ".join(to)
        message["Subject"] = subject
        message["Message-ID"] = self.message_id = make_msgid(domain="client.example")
        for name, value in fields.items():
            message[name.replace("_", "-")] = value
        message.set_content(body)
        with self.serving.smtp(sender) as client:
            client.ehlo()
            client.mail(sender)
            for one in [to] if isinstance(to, str) else to:
                code, answer = client.rcpt(one)
                if code != 250:
                    raise Refused(code, answer.decode())
            code, ended = client.data(message.as_bytes(policy=email.policy.SMTP))
            if code != 250:
                raise Refused(code, ended.decode())
        return answer.decode()

    def letters(self, reader: str, subject: str, mailbox: str = "INBOX") -> list[EmailMessage]:
        """The messages of a mailbox whose subject holds this."""
        with self.serving.imap(reader) as client:
            client.select(mailbox, readonly=True)
            _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        whole = [part[1] for part in data if isinstance(part, tuple)]
        found = [email.message_from_bytes(one, policy=email.policy.default) for one in whole]
        return [one for one in found if isinstance(one, EmailMessage) and subject in (one["Subject"] or "")]

    def has(self, reader: str, subject: str) -> int:
        """How many copies of the message itself somebody has."""
        return sum(one["Subject"] == subject for one in self.letters(reader, subject))

    def notice(self, reader: str, subject: str) -> EmailMessage:
        """The one message of the service about a message that waits."""
        about = [one for one in self.letters(reader, subject) if one["Auto-Submitted"] == "auto-generated"]
        [found] = [one for one in about if "mailto:" in text_of(one)]
        return found

    def open(self, url: str, data: dict[str, str] | None = None, language: str = "", **fields: str) -> Page:
        """Get a page, or post a form."""
        host, port = self.serving.web
        client = http.client.HTTPSConnection(host, port, context=self.serving.tls(), timeout=30)
        try:
            headers = fields | ({"Accept-Language": language} if language else {})
            if data is None:
                client.request("GET", urlsplit(url).path, headers=headers)
            else:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                client.request("POST", urlsplit(url).path, urlencode(data), headers)
            answer = client.getresponse()
            return Page(
                answer.status, answer.read().decode(), {name.lower(): value for name, value in answer.headers.items()}
            )
        finally:
            client.close()


class Refused(Exception):
    """What the submission server refused, and how."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.code = code
        self.text = text


def text_of(message: EmailMessage) -> str:
    """What a person reads."""
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def mail_to(message: EmailMessage, action: str) -> tuple[str, str]:
    """Recipient and subject of the message that a link opens."""
    found = re.search(rf"mailto:(moderation\+[a-z2-7]+-{action}@[a-z.]+)\?(\S+)", text_of(message))
    assert found, text_of(message)
    return unquote(found[1]), parse_qs(found[2])["subject"][0]


def page_of(message: EmailMessage, action: str) -> str:
    """The address of a page."""
    found = re.search(rf"https://\S+/moderation/[a-z2-7]+-{action}\b", text_of(message))
    assert found, text_of(message)
    return found[0]
