"""Mail that other programs wrote: mbsync, mutt, Dovecot, Thunderbird; and folders that nobody should trust."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from imap.backend import Account, FlagAction
from imap.flags import SEEN
from mailgate.database import Database
from mailgate.store import MailStore
from mailgate.transfer import maildir, mbox
from mailgate.transfer.archive import ArchiveError
from mailgate.transfer.exporting import Format, export_account
from mailgate.transfer.importing import import_archive, open_archive
from mailgate.transfer.intake import Intake
from mailgate.transfer.mail import Mail
from tests.store.messages import message
from tests.support.dovecot import PASSWORD, Dovecot
from tests.transfer.mail import AWKWARD, copies, everything, octets, put

MUTT = b"""\
From anne@example.org Sat Jan  3 01:05:34 2026
Subject: read and answered
Status: RO
X-Status: AF
X-Keywords: Urgent      NonJunk
Content-Length: 12

>From here
on

From bob@example.org  Sat, Jan  3 01:05:34 CET 2026 +0100
Subject: new
Status: URGENT

From text that is no separator
From afar Sat Jan  3 01:05:34 1896 and more

"""


def make(folder: Path, **files: bytes) -> Path:
    """A Maildir with files in cur."""
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / "cur" / name).write_bytes(content)
    return folder


async def test_mbox_of_another_program(bob: Account, to_bob: Intake, tmp_path: Path) -> None:
    (tmp_path / "Sent Items").write_bytes(MUTT)
    done = await import_archive(to_bob, open_archive(tmp_path / "Sent Items", None))
    assert done.complete
    answered, new = await copies(bob, "Sent")
    assert answered.content == b"Subject: read and answered\r\nContent-Length: 12\r\n\r\nFrom here\r\non\r\n"
    assert answered.flags == {"\\Seen", "\\Answered", "\\Flagged", "Urgent", "NonJunk"}
    assert (answered.date, new.date) == (1767402334, 1767402334 - 3600)
    assert new.content.startswith(b"Subject: new\r\nStatus: URGENT\r\n\r\nFrom text")
    assert new.flags == frozenset()


def test_dates_of_from_lines() -> None:
    for date in (0, 1_700_000_000, 951_782_400, -1):
        assert mbox.parse_from(mbox.from_line(date)) == date
    assert mbox.parse_from(b"From x Mon Feb 30 10:00:00 2026\n") is None
    assert mbox.parse_from(b"From Mon Feb  2 10:00:00 2026\n") is not None


async def test_a_file_that_is_no_mbox_is_told(to_bob: Intake, tmp_path: Path) -> None:
    (tmp_path / "notes.mbox").write_bytes(b"Bonjour\n")
    done = await import_archive(to_bob, open_archive(tmp_path / "notes.mbox", None))
    assert [one.reason for one in done.folders[0].refusals] == [
        "not an mbox: the first line is no From line with a date"
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArchiveError, match="neither Maildirs nor mbox"):
        open_archive(tmp_path / "empty", None)


async def test_names_of_folders_and_flags_of_files(bob: Account, to_bob: Intake, tmp_path: Path) -> None:
    root = make(tmp_path / "Maildir", a=message("a").replace(b"\r\n", b"\n"))
    (root / "cur" / "a").rename(root / "cur" / "a:2,FRSabz")
    (root / "dovecot-keywords").write_text("0 Urgent\n1 bad keyword\n2 NonJunk\nx y\n")
    (root / "new" / "b").write_bytes(message("b"))
    make(root / ".&AMk-l&AOk-ments envoy&AOk-s", c=message("c"))
    make(root / ".Classe.6e", d=message("d"))
    make(root / "Verbatim" / "Été", e=message("e"))
    make(root / "INBOX" / ".Sub", f=message("f"))
    os.utime(root / "cur" / "a:2,FRSabz", (1_600_000_000, 1_600_000_000))
    done = await import_archive(to_bob, open_archive(root, None))
    assert done.complete
    found = await everything(bob)
    assert set(found) == {"INBOX", "Sent", "Classe/6e", "Verbatim/Été", "INBOX/Sub"}
    first, second = found["INBOX"]
    assert first == (message("a"), frozenset({"\\Flagged", "\\Answered", "\\Seen", "Urgent"}), 1_600_000_000)
    assert second.flags == frozenset()


async def test_nothing_leads_out_of_the_folder(bob: Account, to_bob: Intake, tmp_path: Path) -> None:
    secret = make(tmp_path / "secret", s=message("secret"))
    root = make(tmp_path / "Maildir", a=message("a"))
    (root / "cur" / "link").symlink_to(secret / "cur" / "s")
    (root / ".Linked").symlink_to(secret)
    make(root / ".Half")
    shutil.rmtree(root / ".Half" / "cur")
    (root / ".Half" / "cur").symlink_to(secret / "cur")
    os.mkfifo(root / "cur" / "fifo")
    (root / "cur" / "folder").mkdir()
    (root / "dovecot-keywords").symlink_to("/etc/passwd")
    (root / "mailgate-export.json").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ArchiveError, match="cannot be read"):
        open_archive(root, None)
    (root / "mailgate-export.json").unlink()
    await import_archive(to_bob, open_archive(root, None))
    assert {name: [copy.content for copy in found] for name, found in (await everything(bob)).items()} == {
        "INBOX": [message("a")]
    }


async def test_hostile_names(bob: Account, to_bob: Intake, tmp_path: Path) -> None:
    root = make(tmp_path / "Maildir")
    for name in (b"\xff\xfe:2,S", b"line\nfeed", b"x:2,:2,F", b",W=99999999999999999999:2,", b"\x1b[2J"):
        (root / "cur" / os.fsdecode(name)).write_bytes(name + b"\n")
    os.mkdir(os.fsencode(root) + b"/.\xff\n..x")  # noqa: PTH102 - octets
    make(Path(os.fsdecode(os.fsencode(root) + b"/.\xff\n..x")), m=message("m"))
    make(root / ("." + ".".join("abcdefghijklmnopqrstuvwxyz")), deep=message("deep"))
    done = await import_archive(to_bob, open_archive(root, None))
    assert done.complete
    found = await everything(bob)
    assert len(found["INBOX"]) == 5
    assert set(found) == {"INBOX", "\\xff_/x", "a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t_u_v_w_x_y_z"}


async def test_a_manifest_that_lies(bob: Account, to_bob: Intake, tmp_path: Path) -> None:
    root = make(tmp_path / "Maildir", a=message("a"))
    (root / "mailgate-export.json").write_text(
        '{"format": "maildir", "folders": [{"path": "", "name": "a//b\\u0000c"}, {"path": "../../x", "name": "x"}]}'
    )
    await import_archive(to_bob, open_archive(root, None))
    assert list(await everything(bob)) == ["a/b_c"]
    with pytest.raises(ArchiveError):
        await export_account(bob, root, Format.MBOX)


async def test_one_folder_into_one_mailbox(alice: Account, bob: Account, to_bob: Intake, tmp_path: Path) -> None:
    await put(alice, "INBOX", AWKWARD)
    await put(alice, "Sent", [message("sent")])
    await export_account(alice, tmp_path / "out", Format.MBOX, folder="Sent")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["Sent.mbox", "mailgate-export.json"]
    assert (tmp_path / "out" / "Sent.mbox").stat().st_mode & 0o077 == 0
    await export_account(alice, tmp_path / "out", Format.MBOX)
    with pytest.raises(ArchiveError, match="holds 6 folders"):
        open_archive(tmp_path / "out", None, into="Archive")
    await import_archive(to_bob, open_archive(tmp_path / "out", None, only="Sent", into="Archive/2025"))
    assert await everything(bob) == {"Archive/2025": await copies(alice, "Sent")}


async def test_another_export_adds_what_is_new(alice: Account, tmp_path: Path) -> None:
    await put(alice, "INBOX", [message("one"), message("two")])
    out = tmp_path / "out"
    await export_account(alice, out, Format.MAILDIR)
    inbox = await alice.mailbox("INBOX")
    await alice.store(inbox.ref, [2], FlagAction.ADD, SEEN, [])
    await put(alice, "INBOX", [message("three")])
    done = await export_account(alice, out, Format.MAILDIR)
    assert (done.total("copied"), done.total("present"), done.total("reflagged")) == (1, 2, 1)
    folder = maildir.MaildirFolder(out, out)
    mails = [mail for mail in folder.mails() if isinstance(mail, Mail)]
    assert [(octets(mail.content), mail.flags) for mail in mails] == [
        (message("one"), 0),
        (message("two"), SEEN),
        (message("three"), 0),
    ]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ArchiveError, match="not empty"):
        await export_account(alice, tmp_path / "other", Format.MAILDIR)


async def test_limits_are_told_message_by_message(database: Database, store: MailStore, tmp_path: Path) -> None:
    await store.create_accounts([(50, 100_000)])
    small = MailStore(database, append_limit=50_000).account(50, "small@example.org")
    large, middle = message("b", size=60_000), message("d", size=45_000)
    root = make(tmp_path / "Maildir", a=message("a"), b=large, c=b"", d=middle, e=middle, f=middle, g=message("g"))
    expected = [
        ("cur/b", f"{len(large):,} octets are more than imap.max_message_size allows (50,000)"),
        ("cur/c", "the message is empty"),
        ("cur/f", f"the account's quota has no room for {len(middle):,} octets more"),
    ]
    for dry_run in (True, False):
        done = await import_archive(Intake(database, small), open_archive(root, None), dry_run=dry_run)
        assert not done.complete
        assert sorted((one.message, one.reason) for one in done.folders[0].refusals) == expected
        assert done.total("copied") == 4
        assert bool(await everything(small)) is not dry_run


async def test_keywords_that_have_no_place_are_left_out(
    alice: Account, bob: Account, to_bob: Intake, tmp_path: Path
) -> None:
    await put(bob, "INBOX", [message("full")], keywords=tuple(f"k{number}" for number in range(57)))
    await put(alice, "INBOX", [message("a")], keywords=("first", "second", "k7"))
    await export_account(alice, tmp_path / "out", Format.MBOX)
    done = await import_archive(to_bob, open_archive(tmp_path / "out", None))
    assert (done.total("copied"), done.total("keywords_dropped")) == (1, 1)
    assert (await copies(bob, "INBOX"))[1].flags == {"first", "k7"}


@pytest.mark.parametrize("layout", ["Verbatim", "Maildir++"])
async def test_a_maildir_of_mbsync(database: Database, store: MailStore, tmp_path: Path, layout: str) -> None:
    """The messages that mbsync fetches from another account arrive as they were."""
    contents = [message(f"m{number}", size=number * 700) for number in range(30)]
    with Dovecot() as dovecot:
        home = dovecot.directory / "home" / "ada"
        make(home / "Maildir", **{f"17000000{number:02}.x": text for number, text in enumerate(contents)})
        for number, file in enumerate(sorted((home / "Maildir" / "cur").iterdir())):
            os.utime(file, (1_700_000_000 + number, 1_700_000_000 + number))
            file.rename(f"{file}:2,S")
        make(home / "Maildir" / ".Classe.6&AOg-me", **{"1.x": message("classe")})
        if os.getuid() == 0:
            for path in (home, *home.rglob("*")):
                shutil.chown(path, "nobody", "nogroup")
        copy = tmp_path / "copy"
        copy.mkdir()
        where = f"Inbox {copy}" if layout == "Maildir++" else f"Path {copy}/\nInbox {copy}/INBOX"
        (tmp_path / "mbsyncrc").write_text(
            f"IMAPAccount d\nHost 127.0.0.1\nPort {dovecot.port}\nUser ada\nPass {PASSWORD}\nSSLType None\n"
            f"AuthMechs LOGIN\n\nIMAPStore far\nAccount d\n\nMaildirStore near\n{where}\nSubFolders {layout}\n\n"
            "Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSyncState *\nCopyArrivalDate yes\n"
        )
        done = subprocess.run(["mbsync", "-q", "-c", tmp_path / "mbsyncrc", "-a"], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    bob = store.account(2, "bob@example.org")
    assert (await import_archive(Intake(database, bob), open_archive(copy, None))).complete
    found = await everything(bob)
    assert set(found) == {"INBOX", "Classe/6ème"}
    assert sorted((without_tuid(one.content), one.flags, one.date) for one in found["INBOX"]) == sorted(
        (content, frozenset({"\\Seen"}), 1_700_000_000 + number) for number, content in enumerate(contents)
    )


def without_tuid(content: bytes) -> bytes:
    """A message without the field by which mbsync marks it."""
    return b"".join(line for line in content.splitlines(keepends=True) if not line.startswith(b"X-TUID"))
