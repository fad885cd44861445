"""Real programs drive the gateway as people's computers do: swaks and curl send, curl and mbsync read."""

from __future__ import annotations

import subprocess
from email import message_from_bytes
from pathlib import Path

from tests.end_to_end.gateway import Gateway, Person


def run(*command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def swaks(gateway: Gateway, sender: Person, to: str, subject: str) -> None:
    host, port = gateway.smtps
    run(
        "swaks", "--server", host, "--port", str(port), "--tls-on-connect", "--tls-verify", "--tls-ca-path", gateway.ca,
        "--auth", "PLAIN", "--auth-user", sender.address, "--auth-password", sender.password,
        "--from", sender.address, "--to", to, "--header", f"Subject: {subject}",
    )  # fmt: skip


def test_swaks_sends_and_curl_reads(gateway: Gateway) -> None:
    sender, reader = gateway.by_profile("teacher")[3:5]
    swaks(gateway, sender, reader.address, "Depuis swaks")
    host, port = gateway.imaps
    url = f"imaps://{host}:{port}/INBOX"
    secret = f"{reader.address}:{reader.password}"
    found = run("curl", "-s", "--cacert", gateway.ca, "-u", secret, url, "-X", "UID SEARCH SUBJECT swaks")
    uid = found.stdout.split()[-1]
    fetched = run("curl", "-s", "--cacert", gateway.ca, "-u", secret, f"{url};UID={uid}")
    assert message_from_bytes(fetched.stdout.encode())["Subject"] == "Depuis swaks"


def test_curl_sends(gateway: Gateway) -> None:
    sender, reader = gateway.by_profile("teacher")[5:7]
    host, port = gateway.smtps
    text = f"From: {sender.address}\r\nTo: {reader.address}\r\nSubject: Depuis curl\r\n\r\nBonjour\r\n"
    run(
        "curl", "-s", "--cacert", gateway.ca, "-u", f"{sender.address}:{sender.password}", f"smtps://{host}:{port}",
        "--mail-from", sender.address, "--mail-rcpt", reader.address, "--upload-file", "-",
        stdin=text,
    )  # fmt: skip
    with gateway.imap(reader) as inbox:
        inbox.select("INBOX")
        assert inbox.uid("SEARCH", "SUBJECT", '"Depuis curl"')[1] != [b""]


def test_mbsync_mirrors_both_ways_and_finds_nothing_new_the_second_time(gateway: Gateway, tmp_path: Path) -> None:
    reader, sender = gateway.by_profile("teacher")[7:9]
    for number in range(5):
        swaks(gateway, sender, reader.address, f"Miroir {number}")
    host, port = gateway.imaps
    maildir = tmp_path / "mail"
    maildir.mkdir()
    config = tmp_path / "mbsyncrc"
    config.write_text(
        f"""IMAPAccount gateway
Host {host}
Port {port}
User {reader.address}
Pass "{reader.password}"
SSLType IMAPS
CertificateFile {gateway.ca}

IMAPStore far
Account gateway

MaildirStore near
Path {maildir}/
Inbox {maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
"""
    )
    run("mbsync", "-c", str(config), "-a")
    messages = sorted((maildir / "INBOX" / "new").iterdir())
    assert sorted(message_from_bytes(path.read_bytes())["Subject"] for path in messages) == [
        f"Miroir {number}" for number in range(5)
    ]
    messages[0].rename(maildir / "INBOX" / "cur" / f"{messages[0].name.split(':')[0]}:2,FS")
    run("mbsync", "-c", str(config), "-a")
    with gateway.imap(reader) as inbox:
        inbox.select("INBOX")
        assert len(inbox.uid("SEARCH", "FLAGGED", "SEEN")[1][0].split()) == 1
    again = run("mbsync", "-c", str(config), "-a", "-V")
    assert "Pulling new messages..." not in again.stdout
    assert len(list((maildir / "INBOX" / "new").iterdir())) == 4
