"""A gateway at work: STARTTLS, a new certificate, several workers, its log."""

from __future__ import annotations

import imaplib
import json
import signal
import smtplib
import socket
import sqlite3
import ssl
from contextlib import closing
from pathlib import Path

import pytest

from tests.processes.serving import WITHIN, Idle, Serving


@pytest.fixture
def on_postgresql(serving: Serving) -> Serving:
    if serving.workers == 1:
        pytest.skip("SQLite has one process")
    return serving


def serial(serving: Serving, address: tuple[str, int]) -> bytes:
    """The certificate that a new connection gets."""
    with (
        socket.create_connection(address, WITHIN) as plain,
        serving.tls().wrap_socket(plain, server_hostname="localhost") as client,
    ):
        certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def everywhere(serving: Serving) -> set[bytes]:
    """The certificates that new connections get, enough of them to meet every worker."""
    return {serial(serving, address) for address in (serving.imaps, serving.smtps) for _ in range(8 * serving.workers)}


def test_imap_starttls_comes_before_sign_in(serving: Serving) -> None:
    client = imaplib.IMAP4(*serving.imap_starttls, timeout=WITHIN)
    assert "LOGINDISABLED" in client.capabilities
    assert not any(one.startswith("AUTH=") for one in client.capabilities)
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        client.login(serving.pupil, serving.passwords[serving.pupil])
    client.starttls(serving.tls())
    assert "LOGINDISABLED" not in client.capabilities
    client.login(serving.pupil, serving.passwords[serving.pupil])
    assert client.select("INBOX")[0] == "OK"
    client.logout()


def test_submission_starttls_comes_before_sign_in(serving: Serving) -> None:
    with smtplib.SMTP(*serving.smtp_starttls, timeout=WITHIN) as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        assert "starttls" in client.esmtp_features
        assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] in {503, 530, 538, 504}
        assert client.docmd("MAIL", f"FROM:<{serving.teacher}>")[0] == 530
        client.starttls(context=serving.tls())
        client.ehlo()
        assert "auth" in client.esmtp_features
        client.login(serving.teacher, serving.passwords[serving.teacher])
        assert client.sendmail(serving.teacher, [serving.pupil], serving.message("STARTTLS")) == {}


def test_a_new_certificate_serves_new_connections_and_old_ones_live(serving: Serving) -> None:
    with serving.imap() as mail, serving.smtp() as submission:
        before = mail.socket().getpeercert(binary_form=True)  # type: ignore[attr-defined]
        serving.new_certificate()
        assert everywhere(serving) == {before}
        changes = len(serving.of("the certificate changed and is in use"))
        serving.signal(signal.SIGHUP)
        serving.wait_for("the certificate changed and is in use", changes + serving.workers)
        [after] = everywhere(serving)
        assert after != before
        leaf = serving.files.certificate.read_text().partition("-----END")[0]
        assert after == ssl.PEM_cert_to_DER_cert(f"{leaf}-----END CERTIFICATE-----\n")
        assert mail.select("INBOX")[0] == "OK"
        assert submission.noop()[0] == 250


@pytest.mark.parametrize("broken", ["garbage", "missing", "another key"])
def test_a_certificate_that_cannot_be_used_is_reported_and_the_one_before_stays(serving: Serving, broken: str) -> None:
    [before] = everywhere(serving)
    kept = {path: path.read_bytes() for path in (serving.files.certificate, serving.files.key)}
    match broken:
        case "garbage":
            serving.files.certificate.write_text("nonsense")
        case "missing":
            serving.files.certificate.unlink()
        case _:
            serving.files.key.write_bytes((serving.folder / "tls" / "ca.key").read_bytes())
    reports = len(serving.of("the certificate changed and cannot be used"))
    try:
        serving.signal(signal.SIGHUP)
        record = serving.wait_for("the certificate changed and cannot be used", reports + serving.workers)[-1]
        assert record["level"] == "error"
        assert str(serving.files.certificate) in record["event"]
        assert everywhere(serving) == {before}
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
        good = len(serving.of("the certificate changed and is in use"))
        serving.signal(signal.SIGHUP)
        serving.wait_for("the certificate changed and is in use", good + serving.workers)


def idle_on(serving: Serving, pid: int) -> Idle:
    """An idle session that this worker serves."""
    for _ in range(60):
        idle = Idle(serving)
        if serving.pid_of(idle.client.socket()) == pid:
            return idle
        idle.close()
    raise AssertionError("this worker is never met")


def test_every_worker_serves_and_news_cross_between_them(on_postgresql: Serving) -> None:
    serving = on_postgresql
    first, second = sorted(serving.pids())
    idles = [idle_on(serving, pid) for pid in (first, second)]
    senders: set[int] = set()
    try:
        while senders != {first, second}:
            with serving.smtp() as client:
                assert client.sock is not None
                senders.add(serving.pid_of(client.sock))
                client.sendmail(serving.teacher, [serving.pupil], serving.message("Partout"))
            for idle in idles:
                idle.wait_for(b" EXISTS\r\n")
    finally:
        for idle in idles:
            idle.close()


def test_news_reach_an_idle_client(serving: Serving) -> None:
    idle = Idle(serving)
    serving.send("En direct")
    idle.wait_for(b" EXISTS\r\n")
    idle.close()


def test_the_log_holds_no_password_no_address_and_nothing_of_a_message(serving: Serving, tmp_path: Path) -> None:
    serving.send("Bulletin de notes")
    with serving.imap() as client:
        client.select("INBOX")
        uid = client.uid("SEARCH", "SUBJECT", "Bulletin")[1][0].split()[-1].decode()
        assert b"Un texte secret" in client.uid("FETCH", uid, "(BODY.PEEK[])")[1][0][1]
        client.append("Drafts", "", None, serving.message("Brouillon intime").encode())
    wrong = "un faux mot de passe"
    with imaplib.IMAP4_SSL(*serving.imaps, ssl_context=serving.tls()) as client, pytest.raises(imaplib.IMAP4.error):
        client.login(serving.pupil, wrong)
    with smtplib.SMTP_SSL(*serving.smtps, context=serving.tls()) as submission, pytest.raises(smtplib.SMTPException):
        submission.login(serving.teacher, wrong)
    with serving.smtp() as submission, pytest.raises(smtplib.SMTPRecipientsRefused):
        submission.sendmail(serving.teacher, ["nobody.atall@ent.example.org"], serving.message("Refus"))
    with socket.create_connection(serving.imaps) as stranger:
        stranger.sendall(b"a LOGIN lea.pupil@ent.example.org hunter2\r\n")  # no TLS
        assert stranger.recv(100)[:1] != b"*"
    serving.wait_for("delivered")
    serving.wait_for("signed in")
    serving.wait_for("sign_in_refused", 2)
    log = json.dumps(serving.records, ensure_ascii=False) + "".join(serving.noise)
    hidden = [*serving.passwords.values(), *serving.passwords, "lea.pupil", "marc.teacher", "nobody.atall", "Léa Pupil"]
    hidden += ["faux mot", "hunter2", "Bulletin", "Brouillon", "secret"]
    assert [one for one in hidden if one in log] == []
    assert serving.noise == []
    account = serving.command.good("account", "show", serving.teacher, "--json").json["account"]
    delivered = serving.of("delivered")[-1]
    assert (delivered["sender"], delivered["mailboxes"], delivered["level"]) == (account, 1, "info")
    assert set(delivered) == {
        "event", "id", "sender", "recipients", "mailboxes", "held", "octets", "level", "logger", "timestamp",
    }  # fmt: skip


def test_the_database_may_be_copied_while_it_serves(serving: Serving, tmp_path: Path) -> None:
    if serving.workers > 1:
        pytest.skip("the guide's way for SQLite")
    serving.send("Avant la copie")
    copy = tmp_path / "copy.db"
    with (
        closing(sqlite3.connect(serving.folder / "mailgate.db")) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    url = f"sqlite:///{copy}"
    found = serving.command.good("account", "show", serving.pupil, "--json", MAILGATE_DATABASE__URL=url).json
    assert found["mailboxes"][0] != "INBOX (0)"
    assert found["used"] > 0
