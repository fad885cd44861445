"""`mailgate check`: each thing that can be wrong is said, with what mends it."""

from __future__ import annotations

import datetime
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import mailgate.migrations
from certs import CertificateFiles, ensure_demo
from tests.cli.command import Command, Outcome, describe
from tests.support.postgresql import PostgresqlServer

LISTEN = {"imap": {"listen": ["127.0.0.1:993"]}, "smtp": {"listen": ["127.0.0.1:465"]}}


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return ensure_demo(tmp_path / "tls", [])


def settings(command: Command, files: CertificateFiles, **more: dict[str, Any]) -> None:
    """Settings with nothing wrong in them, but for `more`."""
    tls = {"certificate": str(files.certificate), "key": str(files.key)}
    command.use(command.config.read_text() + describe({"tls": tls, **LISTEN, **more}))


def problems(outcome: Outcome) -> dict[str, str]:
    """What is wrong and how to mend it, by subject; the code must agree."""
    found = {one["subject"]: f"{one['text']} {one['mend']}" for one in outcome.json if one["state"] == "problem"}
    assert outcome.code == (1 if found else 0)
    assert outcome.err == ""
    return found


def test_all_is_well(either: Command, files: CertificateFiles) -> None:
    settings(either, files)
    outcome = either("check", "--json")
    assert problems(outcome) == {}
    texts = {one["subject"]: one["text"] for one in outcome.json}
    assert texts["imap.listen"] == "127.0.0.1:993"
    assert texts["directory"] == "2 schools, 1,115 people, 4 shared mailboxes, 394 lists"
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=90)
    assert f"expires {end:%Y-%m-%d}, in 89 days" in texts["certificate"]
    people = either.good("check").out
    assert "✓ directory  2 schools, 1,115 people, 4 shared mailboxes, 394 lists\n" in people
    assert "✗" not in people


def test_no_database_yet_and_looking_makes_none(mailgate: Command, files: CertificateFiles) -> None:
    settings(mailgate, files)
    found = problems(mailgate("check", "--json"))
    assert list(found) == ["database"]
    assert "`mailgate directory import`" in found["database"]
    assert not (mailgate.folder / "mailgate.db").exists()


def test_no_schema(empty: Command, files: CertificateFiles) -> None:
    settings(empty, files)
    (empty.folder / "mailgate.db").touch()
    assert problems(empty("check", "--json")) == {"database": "it is empty Run `mailgate directory import`."}


def test_older_schema(academy: Command, files: CertificateFiles) -> None:
    settings(academy, files)
    with sqlite3.connect(academy.folder / "academy.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '0000'")
    database.close()
    text = problems(academy("check", "--json"))["database"]
    newest = max(path.name[:4] for path in (Path(mailgate.migrations.__file__).parent / "versions").glob("0*.py"))
    assert text == f"it has schema 0000, this program needs {newest} `mailgate serve` brings it up to date."


def test_empty_directory(empty: Command, files: CertificateFiles) -> None:
    settings(empty, files)
    empty.good("account", "add", "copieur@ent.example.org", "--name", "Copieur")
    assert problems(empty("check", "--json")) == {"directory": "it holds no school Run `mailgate directory import`."}


def test_counters_that_are_not_true(academy: Command, files: CertificateFiles) -> None:
    settings(academy, files)
    with sqlite3.connect(academy.folder / "academy.db") as database:
        database.execute("UPDATE mailbox SET messages = 7 WHERE account_id = (SELECT min(account_id) FROM account)")
    database.close()
    assert problems(academy("check", "--json"))["mailboxes"].startswith("6 with wrong counters")


def test_a_listen_address_that_cannot_be_read(academy: Command, files: CertificateFiles) -> None:
    settings(academy, files, imap={"listen": ["993", "::1:993"], "listen_starttls": ["[::1]:143"]})
    outcome = academy("check", "--json")
    assert [one["text"] for one in outcome.json if one["subject"].startswith("imap.")] == [
        "`993` is not host:port",
        "`::1:993`: write an IPv6 address in brackets, as in [::1]:993",
        "[::1]:143",
    ]
    assert problems(outcome)["imap.listen"].endswith("Correct imap.listen in the settings.")
    assert "✗ imap.listen  `::1:993`: write an IPv6 address in brackets, as in [::1]:993\n" in academy("check").out


@pytest.mark.parametrize("broken", ["missing", "garbage", "expired", "foreign", "another key", "open key"])
def test_certificates(academy: Command, files: CertificateFiles, broken: str) -> None:
    hostname = "localhost"
    match broken:
        case "missing":
            files.certificate.unlink()
            text = f"{files.certificate}: No such file or directory"
        case "garbage":
            files.certificate.write_text("-----BEGIN CERTIFICATE-----\n")
            text = f"{files.certificate}: not a certificate in PEM form"
        case "expired":
            long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=100)
            shutil.rmtree(files.certificate.parent)
            ensure_demo(files.certificate.parent, [], long_ago)
            text = f"expired on {long_ago + datetime.timedelta(days=90):%Y-%m-%d}"
        case "foreign":
            hostname = "mail.example.org"
            text = "not good for the name mail.example.org"
        case "another key":
            shutil.copy(files.certificate.parent / "ca.key", files.key)
            text = f"{files.key}: the key is not that of the certificate"
        case _:
            files.key.chmod(0o644)
            text = f"{files.key}: every user of this machine can read or change the key (mode 644): chmod 600 it"
    settings(academy, files, gateway={"hostname": hostname})
    outcome = academy("check", "--json")
    assert list(problems(outcome)) == ["certificate"]
    said = [f"{one['text']} {one['mend']}" for one in outcome.json if one["subject"] == "certificate"]
    assert said[0].startswith(text)
    assert f"Put a certificate for {hostname} (gateway.hostname) where [tls] names it, with its key." in said[0]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://mailgate:secret@127.0.0.1:1/mail", "cannot be reached: check that it runs"),
        ("{server}/nobody_made_it", "this database does not exist: make it with createdb"),
        ("{wrong_password}", "refuses the user or the password"),
    ],
)
def test_a_postgresql_that_cannot_be_used(
    mailgate: Command, files: CertificateFiles, postgresql_server: PostgresqlServer, url: str, text: str
) -> None:
    server = postgresql_server.create_database().rpartition("/")[0]
    wrong_password = f"postgresql://mailgate:secret@127.0.0.1:{postgresql_server.port}/postgres"
    url = url.format(server=server, wrong_password=wrong_password)
    settings(mailgate, files)
    outcome = mailgate("check", "--json", MAILGATE_DATABASE__URL=url)
    assert text in problems(outcome)["database"]
    assert "mailgate:***@127.0.0.1" in outcome.out
    assert "secret" not in outcome.out
    for command in (["list", "show"], ["account", "password", "list", "a@b"], ["serve"]):
        assert text in mailgate.refused(1, *command, MAILGATE_DATABASE__URL=url)


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as one" * 20, b""])
def test_a_file_that_is_no_database_or_a_folder_that_is_not_there(
    mailgate: Command, files: CertificateFiles, content: bytes
) -> None:
    settings(mailgate, files)
    if content:
        (mailgate.folder / "mailgate.db").write_bytes(content)
        text, url = "is not an SQLite database", f"sqlite:///{mailgate.folder}/mailgate.db"
    else:
        text, url = "does not exist: create it", f"sqlite:///{mailgate.folder}/absent/mailgate.db"
    assert text in problems(mailgate("check", "--json", MAILGATE_DATABASE__URL=url))["database"]
    for command in (["list", "show"], ["account", "add", "a@b.org", "--name", "A"], ["serve"]):
        assert text in mailgate.refused(1, *command, MAILGATE_DATABASE__URL=url)


def test_an_address_of_the_gateway_that_somebody_was_given_before_is_told(
    academy: Command, files: CertificateFiles
) -> None:
    settings(academy, files)
    with sqlite3.connect(academy.folder / "academy.db") as database:
        database.execute("UPDATE address SET address = 'rappel@ent.example.org' WHERE address LIKE 'theo.david@%'")
        database.execute("UPDATE list SET address = 'help+x@clg.example.org' WHERE address LIKE '6eme-a.parents@%'")
    found = problems(academy("check", "--json"))
    assert list(found) == ["addresses"]
    assert "needs help+x@clg.example.org, rappel@ent.example.org " in found["addresses"]


def test_a_filter_that_does_not_answer(academy: Command, files: CertificateFiles) -> None:
    settings(academy, files)
    found = problems(academy("check", "--json", MAILGATE_FILTERS__CLAMAV__SERVER="127.0.0.1:9"))
    assert found["filters.clamav"].startswith("no connection to clamd at 127.0.0.1:9: ")


def test_mail_that_leaves_unsigned_is_told_with_the_command_that_mends_it(
    academy: Command, files: CertificateFiles
) -> None:
    """Keys of a domain sign for those below it too; exit code 0, as others may sign."""

    def signatures(route: str = "direct") -> list[tuple[str, str, str]]:
        outcome = academy("check", "--json", MAILGATE_QUEUE__ROUTE=route)
        assert problems(outcome) == {}
        return [(one["state"], one["text"], one["mend"]) for one in outcome.json if one["subject"] == "signatures"]

    ours, own = "ent.example.org", "mail.college.example"
    settings(academy, files)
    assert signatures("none") == [], "nothing leaves"
    [(state, text, mend)] = signatures()
    assert state == "warning"
    assert text == f"mail from {ours} leaves unsigned: other servers may refuse it, or take it for junk"
    assert mend == (
        f"Run `mailgate dkim create {ours}`, and publish the records that it prints: "
        "`mailgate dkim rotate` then puts the keys to use."
    )
    assert f"! signatures  {text}" in academy.good("check", MAILGATE_QUEUE__ROUTE="direct").out
    academy.good("dkim", "create", ours, "--kind", "ed25519")
    [(_, _, mend)] = signatures()
    assert mend == f"Run `mailgate dkim rotate {ours}`, once the records of its keys are published."
    academy.good("dkim", "rotate", ours, "--force")
    assert signatures() == [("ok", "what leaves is signed (DKIM)", "")]
    with sqlite3.connect(academy.folder / "academy.db") as database:
        database.execute("UPDATE school SET domain = ? WHERE domain LIKE 'clg-%'", [own])
    database.close()
    [(_, text, mend)] = signatures()
    assert text.startswith(f"mail from {own} leaves unsigned")
    assert mend.startswith(f"Run `mailgate dkim create {own}`")
