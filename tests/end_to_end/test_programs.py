"""Real programs drive the gateway as people's computers do: swaks and curl send, curl uploads and reads."""

from __future__ import annotations

import subprocess
from email import message_from_bytes
from pathlib import Path

from tests.end_to_end.gateway import Gateway, Person
from tests.end_to_end.mirrors import messages


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


def test_curl_uploads_a_message_and_reads_it_again_octet_by_octet(gateway: Gateway, tmp_path: Path) -> None:
    owner = gateway.by_profile("teacher")[7]
    host, port = gateway.imaps
    curl = ["curl", "-s", "--cacert", gateway.ca, "-u", f"{owner.address}:{owner.password}"]
    url = f"imaps://{host}:{port}/Archive"
    sent, whole, part = tmp_path / "sent", tmp_path / "whole", tmp_path / "part"
    sent.write_bytes(messages()[10])
    run(*curl, "-T", str(sent), url)
    run(*curl, "-o", str(whole), f"{url};MAILINDEX=1")
    assert whole.read_bytes() == sent.read_bytes()
    run(*curl, "-o", str(part), f"{url};MAILINDEX=1;SECTION=TEXT")
    assert part.read_bytes() == sent.read_bytes().partition(b"\r\n\r\n")[2]
