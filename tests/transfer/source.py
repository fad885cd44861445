"""Accounts on a private Dovecot, filled as a mail program fills them."""

from __future__ import annotations

import imaplib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from imap.parsing import utf7
from mailgate.transfer.imap_source import Login, Security, Server
from tests.support.dovecot import PASSWORD, Dovecot

EXTRA = """
namespace inbox {
  separator = .
  prefix = INBOX.
  mailbox "Courrier sortant" {
    special_use = \\Sent
  }
}
namespace other {
  separator = .
  prefix = autres.
  location = maildir:~/Other
  type = shared
  list = yes
}
passdb {
  driver = static
  master = yes
  args = password=of-the-master
}
"""


def server_of(dovecot: Dovecot) -> Server:
    return Server(dovecot.host, dovecot.port, Security.NONE)


def login_of(user: str = "ada") -> Login:
    return Login(user, PASSWORD)


def client(dovecot: Dovecot, user: str = "ada") -> imaplib.IMAP4:
    """A signed-in mail program."""
    program = imaplib.IMAP4(dovecot.host, dovecot.port)
    program.login(user, PASSWORD)
    return program


def wire(name: str) -> str:
    """A mailbox name as it is sent."""
    return '"' + utf7.encode(name).decode() + '"'


def append(program: imaplib.IMAP4, mailbox: str, content: bytes, flags: str = "", date: int = 1_700_000_000) -> None:
    """Put a message into a mailbox."""
    status, answer = program.append(wire(mailbox), flags, imaplib.Time2Internaldate(date), content)
    assert status == "OK", answer


def fill(dovecot: Dovecot, user: str, contents: Iterable[bytes]) -> None:
    """Put files into the INBOX of an account that nobody has opened yet: quick for many messages."""
    folder = dovecot.directory / "home" / user / "Maildir"
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents):
        file = folder / "cur" / f"1700000000.{number:06}.x:2,S"
        file.write_bytes(content)
        os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))
    own(folder.parent)


def own(folder: Path) -> None:
    """Give a folder to the user as whom Dovecot runs."""
    if os.getuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody", "nogroup")
