"""A whole gateway as an administrator starts it: the `mailgate demo` command in a process of its own."""

from __future__ import annotations

import contextlib
import imaplib
import json
import os
import signal
import smtplib
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any

from tests.cli.command import Command

READY_WITHIN = 120


@dataclass(frozen=True, slots=True)
class Person:
    """Someone of the demo academy who can sign in."""

    address: str
    password: str
    profile: str
    source_id: int
    school: str
    classes: tuple[str, ...]


@dataclass(slots=True)
class Gateway:
    """A running demo; start it again on the same state after `kill`."""

    state: Path
    options: tuple[str, ...] = ()
    people: dict[int, Person] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    environment: dict[str, str] | None = None
    """Of the process; that of the tests by default."""
    cwd: Path | None = None
    _process: subprocess.Popen[str] | None = None
    _ready: dict[str, Any] = field(default_factory=dict)

    def start(self) -> None:
        """Start and wait for the line of JSON. Raises AssertionError with what the process said instead."""
        command = [sys.executable, "-m", "mailgate", "demo", "--state", str(self.state), "--ports", "auto", "--json"]
        errors = self.state.with_suffix(".log")
        with errors.open("a") as log:
            self._process = subprocess.Popen(
                [*command, *self.options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env=self.environment,
                cwd=self.cwd,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.kill()
            raise AssertionError(errors.read_text())
        self._ready = json.loads(line)
        self.people = {
            person["source_id"]: Person(**{**person, "classes": tuple(person["classes"])})
            for person in self._ready["people"]
        }
        self.lists = self._ready["lists"]

    @property
    def ready(self) -> dict[str, Any]:
        """What the line of JSON said."""
        return self._ready

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def ca(self) -> str:
        return str(self._ready["ca"])

    @property
    def imaps(self) -> tuple[str, int]:
        return self._ready["imaps"]["host"], self._ready["imaps"]["port"]

    @property
    def smtps(self) -> tuple[str, int]:
        return self._ready["smtps"]["host"], self._ready["smtps"]["port"]

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        self._close()
        return code

    def kill(self) -> None:
        """kill -9 of every process of the gateway at once."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)
        self._close()

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()

    def imap(self, person: Person) -> imaplib.IMAP4_SSL:
        """A signed-in session of the standard library's client."""
        client = imaplib.IMAP4_SSL(*self.imaps, ssl_context=self.tls())
        client.login(person.address, person.password)
        return client

    def smtp(self, person: Person) -> smtplib.SMTP_SSL:
        """A signed-in submission session of the standard library's client."""
        client = smtplib.SMTP_SSL(*self.smtps, context=self.tls())
        client.login(person.address, person.password)
        return client

    def send(self, sender: Person, recipients: list[str], message: EmailMessage) -> None:
        with self.smtp(sender) as client:
            client.send_message(message, sender.address, recipients)

    def command(self, *words: str) -> str:
        """What another command of `mailgate` answers on this gateway's database. Raises AssertionError if it fails."""
        return Command(self.state).good(*words).out

    def by_profile(self, profile: str) -> list[Person]:
        """Everybody of a profile; those of one school, who may write to each other, come first."""
        found = [person for person in self.people.values() if person.profile == profile]
        return sorted(found, key=lambda person: person.school != found[0].school)


def compose(sender: Person, to: str, subject: str, text: str = "Bonjour,\n\nÀ bientôt.\n") -> EmailMessage:
    """A small message as a mail program writes it."""
    message = EmailMessage()
    message["From"] = sender.address
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = make_msgid(domain="client.example")
    message.set_content(text)
    return message


def subjects(client: imaplib.IMAP4_SSL, mailbox: str = "INBOX") -> list[str]:
    """The Subject of each message of a mailbox, in order."""
    client.select(mailbox, readonly=True)
    _, data = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return [
        str(make_header(decode_header(part[1].decode().removeprefix("Subject:").strip())))
        for part in data
        if isinstance(part, tuple) and part[1].strip()
    ]
