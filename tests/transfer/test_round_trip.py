"""Out and in again: every message comes back octet by octet, with its flags, its date and its mailbox."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from imap.backend import Account
from imap.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from mailgate.transfer import maildir, mbox
from mailgate.transfer.exporting import Format, export_account
from mailgate.transfer.importing import import_archive, open_archive
from mailgate.transfer.intake import Intake
from mailgate.transfer.mail import Mail
from mailgate.transfer.spool import IN_MEMORY
from tests.store.messages import message
from tests.transfer.mail import AWKWARD, copies, everything, names, octets, put

NAMES = (
    "Classe/6ème A/Parents d'élèves",
    "Été.2026",
    '&-tilde ~ % * \\ " <>',
    "..",
    ".hidden",
    "日本語" * 60,
    "cur",
    "Été_2026",
)


@pytest.mark.parametrize("form", Format)
async def test_a_whole_account(alice: Account, bob: Account, to_bob: Intake, tmp_path: Path, form: Format) -> None:
    await put(alice, "INBOX", AWKWARD, flags=SEEN | FLAGGED, keywords=("$Forwarded", "Urgent"))
    await put(alice, "Sent", [message("sent")], flags=ANSWERED | DRAFT | DELETED, date=0)
    await put(alice, "Trash", [message("twice"), message("twice")])
    for name in NAMES:
        await alice.create(name)
        await put(alice, name, [message(name)], keywords=("$MDNSent",))
    await alice.unsubscribe(NAMES[0])
    out = await export_account(alice, tmp_path / "out", form)
    assert out.complete
    assert out.total("copied") == len(AWKWARD) + 3 + len(NAMES)
    done = await import_archive(to_bob, open_archive(tmp_path / "out", None))
    assert done.complete
    assert await everything(bob) == await everything(alice)
    assert await names(bob) == await names(alice)
    assert set(await bob.subscriptions()) == set(await alice.subscriptions())

    again = await import_archive(to_bob, open_archive(tmp_path / "out", form))
    assert (again.total("copied"), again.total("present")) == (0, out.total("copied"))
    assert await everything(bob) == await everything(alice)


@pytest.mark.parametrize(("elsewhere", "use"), [(None, "\\Trash"), ("Corbeille", None)])
async def test_a_special_mailbox_that_was_deleted_is_special_again(
    alice: Account, bob: Account, to_bob: Intake, tmp_path: Path, elsewhere: str | None, use: str | None
) -> None:
    """Unless another mailbox has taken its place."""
    await put(alice, "Trash", [message("thrown away")])
    await export_account(alice, tmp_path / "out", Format.MAILDIR, folder="Trash")
    await bob.delete("Trash")
    if elsewhere is not None:
        await bob.create(elsewhere, "\\Trash")
    done = await import_archive(to_bob, open_archive(tmp_path / "out", None))
    assert done.complete
    trash = await bob.mailbox("Trash")
    assert (trash.messages, trash.special_use) == (1, use)


async def test_two_thousand_messages(alice: Account, bob: Account, to_bob: Intake, tmp_path: Path) -> None:
    for start in range(0, 2000, 500):
        await put(alice, "INBOX", (message(f"m{number}") for number in range(start, start + 500)))
    await export_account(alice, tmp_path / "out", Format.MAILDIR)
    assert (await import_archive(to_bob, open_archive(tmp_path / "out", None))).total("copied") == 2000
    assert (await bob.mailbox("INBOX")).messages == 2000


@pytest.mark.parametrize("form", Format)
async def test_large_messages_pass_through_files(
    alice: Account, bob: Account, to_bob: Intake, tmp_path: Path, form: Format
) -> None:
    large = message("large", size=9 * 1024 * 1024)
    irregular = large[:-2] + b"\nFrom here" + b"\r\n>From" * 5
    await put(alice, "INBOX", [message("before"), large, irregular, message("after")])
    await export_account(alice, tmp_path / "out", form)
    await import_archive(to_bob, open_archive(tmp_path / "out", form))
    assert await copies(bob, "INBOX") == await copies(alice, "INBOX")


MARKS = (
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"From ", b">", b">From ", b"From a Mon Jan  5 10:00:00 2026", b"Status: RO"),
    *(b"X-Mailgate-Message: size=1; lines=lf; end=whole", b"a", b"\x00", b"\xff", b" ", b"X-Keywords: k", b":"),
)
"""Pieces that matter to the formats."""
FRAGMENTS = st.lists(st.sampled_from(MARKS), min_size=1, max_size=30).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(FRAGMENTS, st.integers(0, 31), st.integers(0, 4_000_000_000)), min_size=1, max_size=4),
    st.sampled_from([0, IN_MEMORY]),
)
def test_mbox_gives_back_every_octet(wanted: list[tuple[bytes, int, int]], padding: int) -> None:
    file = io.BytesIO()
    wanted = [(content + b"x" * padding, flags, date) for content, flags, date in wanted]
    for content, flags, date in wanted:
        given_content: bytes | io.BytesIO = io.BytesIO(content) if padding else content
        mbox.write_message(file, Mail("", given_content, len(content), flags, ("one", "two"), date))
    file.seek(0)
    got = [mbox._mail("", date, text) for date, text in mbox._split(file)]
    assert [(octets(mail.content), mail.flags, mail.internal_date) for mail in got] == wanted
    assert all(mail.keywords == ("one", "two") for mail in got)


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> maildir.MaildirWriter:
    return maildir.MaildirWriter(tmp_path_factory.mktemp("maildir"), ("one", "two"))


COUNTER = itertools.count()


@settings(max_examples=200, deadline=None)
@given(FRAGMENTS, st.integers(0, 31), st.integers(0, 4_000_000_000))
@example(b"CR before CRLF\r\r\n", 0, 0)
def test_maildir_gives_back_every_octet(writer: maildir.MaildirWriter, content: bytes, flags: int, date: int) -> None:
    unique = maildir.unique_name(date, 1, next(COUNTER))
    writer.add(Mail(unique, content, len(content), flags, ("two",), date))
    name = writer._present[unique]
    with (writer._folder / "cur" / name).open("rb") as file:
        mail = maildir._read("", name, file, maildir._read_keywords(writer._folder))
    assert isinstance(mail, Mail)
    assert (mail.content, mail.flags, mail.keywords, mail.internal_date) == (content, flags, ("two",), date)
