"""PostgreSQL goes away and comes back: sessions are told, and go on."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator

import pytest

from tests.processes.conftest import Start
from tests.processes.serving import Idle
from tests.support.postgresql import PostgresqlServer


@pytest.fixture
def mortal() -> Iterator[PostgresqlServer]:
    """A server of one's own, to be stopped."""
    with PostgresqlServer(durable=False) as server:
        yield server


def test_sessions_live_through_a_restart_of_postgresql(start: Start, mortal: PostgresqlServer) -> None:
    serving = start(mortal.create_database())
    workers = serving.pids()
    serving.send("Avant")
    idle, reader, sender = Idle(serving), serving.imap(), serving.smtp()
    reader.select("INBOX")

    mortal.pause()
    answer, [text] = reader.uid("COPY", "1", "Archive")
    assert (answer, text[:14]) == ("NO", b"[UNAVAILABLE] ")
    reason = serving.wait_for("database unavailable")[0]["reason"]
    assert "cannot be reached: check that it runs" in reason
    assert "mailgate:***@" in reason
    # who has just sent is known for a second, so that MAIL may not need the database
    assert 451 in (sender.mail(serving.teacher)[0], sender.rcpt(serving.pupil)[0])
    sender.rset()
    with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
        serving.imap()
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        serving.smtp()
    assert refused.value.smtp_code == 454

    mortal.resume()
    sender.sendmail(serving.teacher, [serving.pupil], serving.message("Ensuite"))
    idle.wait_for(b"* 2 EXISTS\r\n")
    assert reader.uid("COPY", "1:2", "Archive")[0] == "OK"
    reader.select("Archive")
    assert reader.uid("SEARCH", "SUBJECT", "Avant")[1][0] == b"1"
    serving.imap().logout()

    assert serving.pids() == workers
    idle.close()
    reader.shutdown()
    sender.close()
    assert serving.stop() == 0
    assert serving.noise == []
