"""SIGTERM: nobody new, work in progress is done, clients are told, the exit code is 0."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.processes.conftest import Start
from tests.processes.serving import Idle, await_refusal


def test_clients_are_told_and_a_message_in_progress_arrives(start: Start, store: str) -> None:
    serving = start(store)
    workers = [psutil.Process(pid) for pid in serving.pids()]
    idle, waiting, submitting = Idle(serving), serving.smtp(), serving.smtp()
    submitting.mail(serving.teacher)
    submitting.rcpt(serving.pupil)
    assert submitting.docmd("DATA")[0] == 354
    submitting.send(serving.message("En cours"))

    serving.signal(signal.SIGTERM)
    assert idle.wait_for(b"BYE").startswith(b"* BYE ")
    assert idle.client.readline() == b""
    idle.close()
    assert waiting.getreply()[0] == 421
    waiting.close()
    for address in serving.listeners:
        await_refusal(address)
    assert serving.process.is_running()

    submitting.send("Fin\r\n.\r\n")
    assert submitting.getreply()[0] == 250
    assert submitting.getreply()[0] == 421
    submitting.close()
    assert serving.wait() == 0
    assert [worker.is_running() for worker in workers] == [False] * serving.workers
    assert serving.command.good("account", "show", serving.pupil, "--json").json["mailboxes"][0] == "INBOX (1)"
    assert {record["level"] for record in serving.records} == {"info"}
    assert serving.noise == []


def test_who_does_not_finish_is_cut_off_after_the_grace(start: Start) -> None:
    serving = start(gateway={"stop_grace": 0.2})
    submitting = serving.smtp()
    submitting.mail(serving.teacher)
    submitting.rcpt(serving.pupil)
    assert submitting.docmd("DATA")[0] == 354
    assert serving.stop() == 0
    assert serving.wait_for("connections cut off at stop")[0]["connections"] == 1
    submitting.close()
    assert serving.command.good("account", "show", serving.pupil, "--json").json["mailboxes"][0] == "INBOX (0)"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_gateway_without_clients_ends_at_once(start: Start, signum: signal.Signals) -> None:
    serving = start(accounts=False, gateway={"stop_grace": 3600})
    serving.signal(signum)
    assert serving.wait() == 0
