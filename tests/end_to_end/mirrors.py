"""Maildirs of 2,000 messages, and the programs that mirror them: mbsync and OfflineIMAP."""

from __future__ import annotations

import imaplib
import random
import subprocess
from collections import Counter
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from tests.end_to_end.gateway import Gateway, Person

MESSAGES = 2000
BATCH = 250
MARKS = ("", "S", "FS", "RS")
"""Flags of a Maildir's file names, dealt out in turn."""


def run(*command: str, stdin: bytes = b"") -> bytes:
    """What a program prints. Raises AssertionError with all of it when the program fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=240, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout.decode()}\n{done.stderr.decode()}"
    return done.stdout


def messages() -> list[bytes]:
    """2,000 different messages as mail programs write them; each knows its number, and ends its lines by CR LF."""
    chance = random.Random(20251122)
    return [_message(number, chance) for number in range(MESSAGES)]


def _message(number: int, chance: random.Random) -> bytes:
    message = EmailMessage(policy=SMTP.clone(cte_type="8bit" if number % 3 else "7bit"))
    message["From"] = "Zoé Noël <zoe.noel@client.example>"
    message["To"] = f"Élève {number} <eleve.{number}@client.example>"
    message["Subject"] = f"Leçon n° {number}"
    message["Date"] = f"Mon, {number % 28 + 1:02} Sep 2025 08:{number % 60:02}:00 +0200"
    message["Message-ID"] = f"<{number}@client.example>"
    message.set_content("\n".join(f"Ligne {line} : à l’école." for line in range(chance.randrange(1, 40))) + "\n")
    if number % 2:
        message.add_alternative(f"<p>Leçon <b>{number}</b></p>\n", subtype="html")
    if number % 10 == 0:
        octets = chance.randbytes(chance.randrange(20_000))
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=f"pièce {number}.bin")
    if message.is_multipart():
        message.set_boundary(f"=_{number}")
    return message.as_bytes()


def write_maildir(folder: Path, contents: list[bytes]) -> None:
    """A Maildir that holds these messages, with line ends of the system and marks in turn."""
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True)
    for number, content in enumerate(contents):
        path = folder / "cur" / f"{1_700_000_000 + number}.{number}.here:2,{MARKS[number % len(MARKS)]}"
        path.write_bytes(content.replace(b"\r\n", b"\n"))


def read_maildir(folder: Path) -> Counter[tuple[bytes, str]]:
    """Each message of a Maildir as it was before a program marked it as its own, with its flags."""
    return Counter(
        (unmarked(path.read_bytes()).replace(b"\n", b"\r\n"), path.name.partition(":2,")[2])
        for name in ("new", "cur")
        for path in (folder / name).iterdir()
    )


def unmarked(content: bytes) -> bytes:
    """Without the field by which mbsync finds again what it uploaded."""
    return b"".join(line for line in content.splitlines(keepends=True) if not line.startswith(b"X-TUID: "))


class Mbsync:
    """mbsync between one mailbox of a person and a folder of Maildirs."""

    def __init__(self, gateway: Gateway, person: Person, folder: Path, *patterns: str) -> None:
        host, port = gateway.imaps
        self._config = folder / "mbsyncrc"
        self.maildir = folder / "mail"
        self.maildir.mkdir(parents=True)
        self._config.write_text(
            f"""FSync no

IMAPAccount gateway
Host {host}
Port {port}
User {person.address}
Pass "{person.password}"
SSLType IMAPS
CertificateFile {gateway.ca}

IMAPStore far
Account gateway

MaildirStore near
Path {self.maildir}/
Inbox {self.maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns {" ".join(patterns)}
Create Both
Expunge Both
SyncState *
"""
        )

    def run(self) -> bytes:
        """One synchronization; what mbsync tells of it."""
        return run("mbsync", "-c", str(self._config), "-a", "-V")


class OfflineImap:
    """OfflineIMAP between one mailbox of a person and a folder of Maildirs."""

    def __init__(self, gateway: Gateway, person: Person, folder: Path, mailbox: str) -> None:
        host, port = gateway.imaps
        self._config = folder / "offlineimaprc"
        self.maildir = folder / "mail"
        self.maildir.mkdir(parents=True)
        self._config.write_text(
            f"""[general]
accounts = school
fsync = False
metadata = {folder / "metadata"}
ui = basic

[Account school]
localrepository = here
remoterepository = there

[Repository here]
type = Maildir
localfolders = {self.maildir}

[Repository there]
type = IMAP
remotehost = {host}
remoteport = {port}
remoteuser = {person.address}
remotepass = {person.password}
ssl = yes
sslcacertfile = {gateway.ca}
maxconnections = 2
folderfilter = lambda name: name == {mailbox!r}
"""
        )

    def run(self) -> bytes:
        """One synchronization; what OfflineIMAP tells of it."""
        return run("offlineimap", "-c", str(self._config), "-o")


def fill(client: imaplib.IMAP4_SSL, mailbox: str, contents: list[tuple[bytes, str]]) -> None:
    """A new mailbox with these messages and flags, by few commands (MULTIAPPEND, RFC 3502)."""
    client.create(mailbox)
    for start in range(0, len(contents), BATCH):
        parts = [b" (%b) {%d+}\r\n%b" % (flags.encode(), len(each), each) for each, flags in contents[start:][:BATCH]]
        client.send(b"fill APPEND " + mailbox.encode() + b"".join(parts) + b"\r\n")
        line = client.readline()
        assert line.startswith(b"fill OK"), line
