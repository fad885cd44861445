"""2,000 messages there and back through mbsync and OfflineIMAP: every octet, flags both ways, and nothing twice."""

from __future__ import annotations

import imaplib
from collections import Counter
from pathlib import Path

import pytest

from tests.end_to_end.gateway import Gateway, Person
from tests.end_to_end.mirrors import MARKS, MESSAGES, Mbsync, OfflineImap, fill, messages, read_maildir, write_maildir

FLAGS = {"": "", "S": "\\Seen", "FS": "\\Flagged \\Seen", "RS": "\\Answered \\Seen"}


@pytest.fixture(scope="module")
def lessons() -> list[bytes]:
    """What is mirrored."""
    return messages()


@pytest.fixture(scope="module")
def marked(lessons: list[bytes]) -> Counter[tuple[bytes, str]]:
    """The messages with their marks, as a Maildir holds them."""
    return Counter((content, MARKS[number % len(MARKS)]) for number, content in enumerate(lessons))


def uid_of(client: imaplib.IMAP4_SSL, number: int) -> str:
    """The UID of a message, by its number."""
    return bytes(client.uid("SEARCH", "HEADER", "Message-ID", f"<{number}@client.example>")[1][0]).decode()


def flags_of(client: imaplib.IMAP4_SSL, number: int) -> set[str]:
    answer = client.uid("FETCH", uid_of(client, number), "(FLAGS)")[1][0]
    return {flag.decode() for flag in imaplib.ParseFlags(answer)}


def state(gateway: Gateway, person: Person) -> tuple[int, bytes]:
    """How many messages there are, and the modification sequence of the last change."""
    with gateway.imap(person) as client:
        answer = client.status("Miroir", "(MESSAGES UIDNEXT HIGHESTMODSEQ)")[1][0]
        return int(answer.split(b"MESSAGES ")[1].split()[0]), answer


def path_of(maildir: Path, number: int) -> Path:
    """The file of a message, by its number."""
    wanted = f"<{number}@client.example>".encode()
    return next(
        path for folder in ("new", "cur") for path in (maildir / folder).iterdir() if wanted in path.read_bytes()
    )


def mark(path: Path, flags: str) -> None:
    path.rename(path.parent.parent / "cur" / f"{path.name.partition(':2,')[0]}:2,{flags}")


def test_mbsync_there_and_back(
    gateway: Gateway, lessons: list[bytes], marked: Counter[tuple[bytes, str]], tmp_path: Path
) -> None:
    """mbsync 1.4 has neither QRESYNC nor COMPRESS; it asks for many messages without waiting."""
    owner = gateway.by_profile("pupil")[40]
    here, there = (Mbsync(gateway, owner, tmp_path / name, "Miroir") for name in ("here", "there"))
    write_maildir(here.maildir / "Miroir", lessons)
    here.run()
    there.run()
    assert read_maildir(there.maildir / "Miroir") == marked

    mark(path_of(there.maildir / "Miroir", 0), "FRS")
    with gateway.imap(owner) as client:
        client.select("Miroir")
        client.uid("STORE", uid_of(client, 4), "+FLAGS", "(\\Flagged)")
        client.uid("STORE", uid_of(client, 8), "+FLAGS", "(\\Deleted)")
        client.expunge()
    there.run()
    here.run()
    for maildir in (here.maildir / "Miroir", there.maildir / "Miroir"):
        found = read_maildir(maildir)
        assert (found[lessons[0], "FRS"], found[lessons[4], "F"], found.total()) == (1, 1, MESSAGES - 1)

    before = state(gateway, owner)
    files = read_maildir(there.maildir / "Miroir")
    there.run()
    here.run()
    assert state(gateway, owner) == before
    assert before[0] == MESSAGES - 1
    assert read_maildir(there.maildir / "Miroir") == files


@pytest.mark.parametrize("gateway", ["sqlite"], indirect=True)
def test_offlineimap_there_and_back(
    gateway: Gateway, lessons: list[bytes], marked: Counter[tuple[bytes, str]], tmp_path: Path
) -> None:
    owner = gateway.by_profile("pupil")[41]
    with gateway.imap(owner) as client:
        fill(client, "Miroir", [(content, FLAGS[MARKS[number % 4]]) for number, content in enumerate(lessons)])
    mirror = OfflineImap(gateway, owner, tmp_path, "Miroir")
    mirror.run()
    assert read_maildir(mirror.maildir / "Miroir") == marked

    mark(path_of(mirror.maildir / "Miroir", 0), "FRS")
    (mirror.maildir / "Miroir" / "cur" / "1.here:2,S").write_bytes(b"Subject: Nouveau\n\nD'ici\n")
    with gateway.imap(owner) as client:
        client.select("Miroir")
        client.uid("STORE", uid_of(client, 4), "+FLAGS", "(\\Flagged)")
    mirror.run()
    with gateway.imap(owner) as client:
        client.select("Miroir")
        assert flags_of(client, 0) == {"\\Seen", "\\Flagged", "\\Answered"}
        uid = bytes(client.uid("SEARCH", "SUBJECT", "Nouveau", "SEEN")[1][0]).decode()
        assert b"Subject: Nouveau\r\n" in client.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1]
    assert read_maildir(mirror.maildir / "Miroir")[lessons[4], "F"] == 1

    before = state(gateway, owner)
    mirror.run()
    assert state(gateway, owner) == before
    assert before[0] == MESSAGES + 1
