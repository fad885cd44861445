"""SORT, THREAD and extended SEARCH answered as Dovecot answers them, on the same messages."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.imap.memory_backend import MemoryAccount
from tests.imap.wire import Client
from tests.imap_message.client import Client as DovecotClient
from tests.support.dovecot import Dovecot, installed

pytestmark = pytest.mark.skipif(not installed(), reason="Dovecot is not installed")

SUBJECTS = (
    "Réunion",
    "réunion",
    "Re: Réunion",
    "RE: [6A] reunion",
    "[6A] Sortie (fwd)",
    "Sortie",
    "Fwd: sortie",
    "[Fwd: Re: Sortie]",
    "re[2]: Été",
    "été",
    "_souligné",
    "Zone",
    "",
    "Œuvre",
    "oeuvre",
)
PEOPLE = (
    "Zoé <zoe@example.org>",
    '"alice" <b.alice@example.org>',
    "=?utf-8?q?=C3=89lodie?= <Ab@example.org>",
    "bob@example.org",
    "BOB@example.org",
    "ELODIE <_x@example.org>",
)
DATES = (
    "Mon, 7 Sep 2026 08:30:00 +0200",
    "Mon, 7 Sep 2026 08:30:00 +0000",
    "Mon, 7 Sep 2026 06:30:00 +0000",
    "Tue, 8 Sep 2026 00:15:00 +1300",
    "7 Sep 26 10:00 EST",
    "Sun, 6 Sep 2026 23:59:60 +0000",
    "Mon, 31 Dec 2029 23:00:00 -0800",
)


def corpus() -> Iterator[bytes]:
    chance = random.Random(5)
    for number in range(150):
        ids = [chance.randrange(160) for _ in range(chance.choice([0, 0, 1, 1, 2, 3, 5]))]
        header = [
            f"From: {chance.choice(PEOPLE)}",
            f"To: {', '.join(chance.sample(PEOPLE, chance.randrange(1, 3)))}",
            f"Cc: {chance.choice(PEOPLE)}",
            f"Subject: {chance.choice(SUBJECTS)}",
            f"Date: {chance.choice(DATES)}",
            f"Message-ID: <{chance.choice([number, number, number, chance.randrange(150)])}@example.org>",
        ]
        if ids and chance.random() < 0.8:
            header.append("References: " + "\r\n ".join(f"<{one}@example.org>" for one in ids))
        elif ids:
            header.append(f"In-Reply-To: <{ids[0]}@example.org>")
        yield "\r\n".join([*header, "", "x" * chance.randrange(40), ""]).encode()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[DovecotClient]:
    with Dovecot() as server, DovecotClient(server, "ada") as client:
        for message in corpus():
            client.append(message)
        yield client


@pytest.mark.parametrize(
    "command",
    [
        *(f"SORT ({key}) UTF-8 ALL" for key in ("ARRIVAL", "DATE", "SIZE", "SUBJECT", "FROM", "TO", "CC")),
        *(f"SORT (REVERSE {key}) UTF-8 ALL" for key in ("DATE", "SIZE", "SUBJECT", "FROM", "DISPLAYFROM")),
        "SORT (DISPLAYFROM) UTF-8 ALL",
        "SORT (DISPLAYTO) UTF-8 ALL",
        "SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
        "SORT (REVERSE FROM SUBJECT REVERSE SIZE) UTF-8 SUBJECT sortie",
        "UID SORT (DATE) UTF-8 10:90 NOT SUBJECT zone",
        "SORT RETURN (MIN MAX COUNT) (REVERSE DATE) UTF-8 ALL",
        "SORT RETURN () (SUBJECT DATE) UTF-8 FROM bob",
        "UID SORT RETURN (PARTIAL 3:12) (DATE) UTF-8 ALL",
        "SEARCH RETURN (PARTIAL 2:5) FROM bob",
        "SEARCH RETURN (PARTIAL 900:901) ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "THREAD REFERENCES UTF-8 FROM bob",
        "UID THREAD REFERENCES UTF-8 SUBJECT sortie",
        "THREAD ORDEREDSUBJECT UTF-8 ALL",
        "SEARCH OLDER 3600",
        "SEARCH YOUNGER 3600",
    ],
)
async def test_same_answer(dovecot: DovecotClient, client: Client, account: MemoryAccount, command: str) -> None:
    for message in corpus():
        account.deliver(message)
    await client.ok("SELECT INBOX")
    ours = await client.ok(command)
    theirs = [line.removesuffix(b"\r\n") for line in dovecot.command(command.encode())]
    assert [comparable(line) for line in ours] == [comparable(line) for line in theirs]


def comparable(line: bytes) -> list[bytes] | bytes:
    """The data items of ESEARCH in any order; everything else as it is."""
    if not line.startswith(b"* ESEARCH"):
        return line
    words = line.partition(b") ")[2].split()
    return sorted(words)
