"""`mailgate export` and `mailgate import`."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import Command
from tests.store.messages import message

ADA, BOB = "ada.copieur@ent.example.org", "bob.copieur@ent.example.org"


def with_accounts(command: Command, mail: Path) -> Path:
    """Two accounts, and two messages in a Maildir."""
    for address in (ADA, BOB):
        command.good("account", "add", address, "--name", address)
    for part in ("cur", "new", "tmp"):
        (mail / part).mkdir(parents=True)
    for name in ("one", "two"):
        (mail / "cur" / f"{name}:2,S").write_bytes(message(name))
    return mail


def test_out_and_in(either: Command, tmp_path: Path) -> None:
    mail = with_accounts(either, tmp_path / "Maildir")
    dry = either.good("import", ADA, mail, "--dry-run", "--json").json
    assert (dry["dry_run"], dry["folders"][0]["copied"], dry["folders"][0]["present"]) == (True, 2, 0)
    table = either.good("import", ADA, mail).out.splitlines()
    assert table[0].split("  ")[0] == "Folder"
    assert [line.split()[:5] for line in table[1:]] == [["INBOX", "2", "2", "0", "0"], ["all", "2", "2", "0", "0"]]
    assert either.good("import", ADA, mail, "--json").json["folders"][0]["present"] == 2
    for form in ("maildir", "mbox"):
        out = tmp_path / form
        either.good("export", ADA, out, "--format", form, "--dry-run")
        assert not out.exists()
        assert either.good("export", ADA, out, "--format", form, "--json").json["folders"][0]["copied"] == 2
        either.good("import", BOB, out, "--folder", "INBOX", "--into", f"Archive/{form}")
    shown = either.good("account", "show", BOB, "--json").json["mailboxes"]
    assert {"Archive/maildir (2)", "Archive/mbox (2)", "INBOX (0)"} <= set(shown)


def test_what_cannot_be_done_is_told_in_a_line(either: Command, tmp_path: Path) -> None:
    mail = with_accounts(either, tmp_path / "Maildir")
    assert either.refused(1, "import", "nobody@ent.example.org", mail) == "there is no account nobody@ent.example.org"
    assert "holds neither" in either.refused(1, "import", ADA, mail / "tmp")
    assert "there is no" in either.refused(1, "import", ADA, tmp_path / "missing")
    assert either.refused(1, "import", ADA, mail, "--folder", "Sent").endswith("has no folder 'Sent'")
    assert (
        "no such mailbox"
        in either.refused(1, "export", ADA, tmp_path / "x", "--format", "mbox", "--folder", "Nope").lower()
    )
    assert "is not empty" in either.refused(1, "export", ADA, mail, "--format", "maildir")


def test_a_message_that_is_refused_is_named(either: Command, tmp_path: Path) -> None:
    mail = with_accounts(either, tmp_path / "Maildir")
    (mail / "cur" / "empty").touch()
    outcome = either("import", ADA, mail)
    assert (outcome.code, outcome.err) == (1, "")
    assert "refused: INBOX, cur/empty: the message is empty" in outcome.out.splitlines()
