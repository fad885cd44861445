"""Copies from a real Dovecot: everything comes once, as it was, and another run brings what is new."""

from __future__ import annotations

import imaplib
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from imap.backend import Account, FlagAction
from imap.flags import FLAGGED, SEEN
from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.transfer.copying import Manner, copy_account
from mailgate.transfer.imap_source import Login, Security, Server
from mailgate.transfer.intake import Intake
from mailgate.transfer.report import Report
from tests.store.messages import message
from tests.support.dovecot import PASSWORD, Dovecot
from tests.transfer.mail import AWKWARD, copies, everything, names
from tests.transfer.source import EXTRA, append, client, fill, login_of, server_of, wire

LINES = [content for content in AWKWARD if not set(content.replace(b"\r\n", b"")) & {0, 10, 13}]
"""imaplib turns a bare CR or LF to CRLF, Dovecot shows NUL as 0x80."""
QUICK = Manner(first_pause=0.01)


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot(extra=EXTRA) as running:
        yield running


@dataclass
class Elsewhere:
    """An account on the Dovecot, and a mail program that is signed in to it."""

    dovecot: Dovecot
    user: str
    program: imaplib.IMAP4

    @property
    def server(self) -> Server:
        return server_of(self.dovecot)

    def fill(self, *contents: bytes) -> None:
        fill(self.dovecot, self.user, contents)

    def append(self, content: bytes, mailbox: str = "INBOX", flags: str = "", date: int = 1_700_000_000) -> None:
        append(self.program, mailbox, content, flags, date)


@pytest.fixture
def old(request: pytest.FixtureRequest, dovecot: Dovecot) -> Iterator[Elsewhere]:
    """An account of the test's own: Dovecot takes any name."""
    user = "".join(char if char.isalnum() else "-" for char in request.node.name)
    with client(dovecot, user) as program:
        yield Elsewhere(dovecot, user, program)


async def copy(old: Elsewhere, to: Intake, manner: Manner = QUICK, login: Login | None = None) -> Report:
    return await copy_account(to._database, to, old.server, login or login_of(old.user), manner)


async def test_a_whole_account(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    folders = ("INBOX.Courrier sortant", "INBOX.Brouillons", "INBOX.Classe.6ème A.Parents", "INBOX.A * B")
    for name in folders:
        assert old.program.create(wire(name))[0] == "OK"
    for name in (*folders[:3], "INBOX.gone"):
        old.program.subscribe(wire(name))
    for number, content in enumerate(LINES):
        old.append(content, "INBOX", "(\\Seen \\Flagged $Forwarded Urgent)", 1_600_000_000 + number)
    old.append(message("sent"), folders[0], "(\\Answered \\Draft \\Deleted)", 86_400)
    old.append(message("parents"), folders[2])
    old.append(message("star"), folders[3])

    dry = await copy(old, to_bob, Manner(dry_run=True))
    assert (dry.complete, dry.total("messages"), dry.total("copied")) == (True, len(LINES) + 3, len(LINES) + 3)
    assert dry.total("octets") == dry.total("copied_octets") > 0
    assert await everything(bob) == {}

    done = await copy(old, to_bob)
    assert (done.error, done.total("copied"), done.total("refused")) == (None, len(LINES) + 3, 0)
    found = await everything(bob)
    assert found["INBOX"] == [
        (content, frozenset({"\\Seen", "\\Flagged", "$Forwarded", "Urgent"}), 1_600_000_000 + number)
        for number, content in enumerate(LINES)
    ]
    assert found["Sent"] == [(message("sent"), frozenset({"\\Answered", "\\Draft", "\\Deleted"}), 86_400)]
    assert set(found) == {"INBOX", "Sent", "Classe/6ème A/Parents", "A * B"}
    assert not {"Brouillons", "gone", "autres"} & set(await names(bob))
    assert {"Classe/6ème A/Parents"} == {
        name for name in await bob.subscriptions() if name in {*found} - {"INBOX", "Sent"}
    }

    again = await copy(old, to_bob)
    assert (again.total("copied"), again.total("present")) == (0, len(LINES) + 3)
    assert await everything(bob) == found


async def test_another_run_brings_what_is_new(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    for text in ("one", "two", "three"):
        old.append(message(text))
    await copy(old, to_bob)
    inbox = (await bob.mailbox("INBOX")).ref
    await bob.store(inbox, [1], FlagAction.ADD, FLAGGED, [])
    await bob.move(inbox, [2], "Archive")
    await bob.rename("INBOX", "Old")  # its messages move
    old.program.select("INBOX")
    old.program.store("2:3", "+FLAGS", "(\\Seen Urgent)")
    old.append(message("four"))
    done = await copy(old, to_bob)
    assert (done.total("copied"), done.total("present")) == (1, 3)
    assert [one.content for one in await copies(bob, "INBOX")] == [message("four")]
    old.program.store("4", "+FLAGS", "(\\Seen)")
    done = await copy(old, to_bob, Manner(update_flags=True))
    assert (done.total("copied"), done.total("reflagged")) == (0, 3)
    assert {one.flags for one in await copies(bob, "INBOX")} == {frozenset({"\\Seen"})}
    assert (await copy(old, to_bob, Manner(update_flags=True))).total("reflagged") == 0


async def test_a_renamed_mailbox_gets_the_rest(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    old.program.create("INBOX.Projet")
    old.append(message("one"), "INBOX.Projet")
    await copy(old, to_bob)
    await bob.rename("Projet", "Projet 2026")
    old.append(message("two"), "INBOX.Projet")
    await copy(old, to_bob)
    assert [one.content for one in await copies(bob, "Projet 2026")] == [message("one"), message("two")]
    await bob.delete("Projet 2026")
    old.append(message("three"), "INBOX.Projet")
    await copy(old, to_bob)
    assert [one.content for one in await copies(bob, "Projet")] == [message("three")]


async def test_new_numbers_bring_no_message_twice(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    old.program.create("INBOX.x")
    for text in ("one", "two", "two"):
        old.append(message(text), "INBOX.x")
    await copy(old, to_bob)
    old.program.delete("INBOX.x")
    old.program.create("INBOX.x")
    for text in ("two", "three", "one", "two", "two"):
        old.append(message(text), "INBOX.x")
    done = await copy(old, to_bob)
    assert (done.total("copied"), done.total("present")) == (2, 3)
    contents = sorted(one.content for one in await copies(bob, "x"))
    assert contents == sorted(map(message, ("one", "two", "two", "two", "three")))
    assert (await copy(old, to_bob)).total("present") == 5


async def test_two_thousand_messages(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    contents = [message(f"m{number}") for number in range(2000)]
    old.fill(*contents)
    assert (await copy(old, to_bob)).total("copied") == 2000
    found = await copies(bob, "INBOX")
    assert [one.content for one in found] == contents
    assert [one.date for one in found] == list(range(1_700_000_000, 1_700_002_000))


async def test_a_large_message_is_nowhere_in_memory(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    large = message("large", size=30 * 1024 * 1024)
    old.fill(large)
    tracemalloc.start()
    try:
        assert (await copy(old, to_bob)).complete
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
    assert (await copies(bob, "INBOX"))[0].content == large


async def test_what_is_refused_is_named(database: Database, store: MailStore, old: Elsewhere) -> None:
    await store.create_accounts([(60, 100_000)])
    small = MailStore(database, append_limit=50_000).account(60, "small@example.org")
    large, middle = message("b", size=60_000), message("d", size=45_000)
    old.fill(message("a"), large, middle, middle, middle, message("g"))
    refused = [
        ("UID 2", f"{len(large):,} octets are more than imap.max_message_size allows (50,000)"),
        ("UID 5", f"the account's quota has no room for {len(middle):,} octets more"),
    ]
    for manner in (Manner(dry_run=True), QUICK, QUICK):
        done = await copy(old, Intake(database, small), manner)
        assert [(one.message, one.reason) for one in done.folders[0].refusals] == refused
        assert not done.complete
    assert len(await copies(small, "INBOX")) == 4


async def test_a_master_user(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    old.append(message("one"))
    done = await copy(old, to_bob, login=Login(old.user, "of-the-master", "migration"))
    assert (done.error, done.total("copied")) == (None, 1)


async def test_the_rate_is_kept(old: Elsewhere, to_bob: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    old.fill(message("a", size=40_000))
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("mailgate.transfer.copying.asyncio.sleep", sleep)
    await copy(old, to_bob, Manner(rate=1000))
    assert 30 < max(waited) <= 41


async def test_who_cannot_sign_in_is_told(old: Elsewhere, to_bob: Intake) -> None:
    async def error(server: Server, login: Login) -> str:
        done = await copy_account(to_bob._database, to_bob, server, login, QUICK)
        assert not done.complete
        return str(done.error)

    assert "was refused" in await error(old.server, Login(old.user, "wrong"))
    assert PASSWORD not in await error(Server(old.dovecot.host, 1, Security.NONE), login_of(old.user))
    assert "SSL" in (await error(Server(old.dovecot.host, old.dovecot.port, Security.TLS), login_of(old.user))).upper()
    assert "STARTTLS" in await error(Server(old.dovecot.host, old.dovecot.port, Security.STARTTLS), login_of(old.user))
    assert "control character" in await error(old.server, Login("two\r\nlines", "x"))


async def test_what_people_flagged_here_stays(old: Elsewhere, bob: Account, to_bob: Intake) -> None:
    old.append(message("one"))
    await copy(old, to_bob)
    await bob.store((await bob.mailbox("INBOX")).ref, [1], FlagAction.ADD, SEEN, [])
    await copy(old, to_bob, Manner(update_flags=True))
    assert (await copies(bob, "INBOX"))[0].flags == {"\\Seen"}
