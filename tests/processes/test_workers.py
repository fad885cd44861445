"""Worker processes on PostgreSQL: one that dies is replaced, and all end with their supervisor."""

from __future__ import annotations

import imaplib
import signal
import smtplib
import time
from pathlib import Path

import psutil

from tests.processes.conftest import Start
from tests.processes.serving import WITHIN, Idle, Serving, await_refusal


def idle_on(serving: Serving, pid: int) -> Idle:
    """An idle session that this worker serves."""
    while True:
        idle = Idle(serving)
        if serving.pid_of(idle.client.socket()) == pid:
            return idle
        idle.close()


def test_a_killed_worker_is_replaced_and_the_others_go_on(start: Start, postgresql_url: str) -> None:
    serving = start(postgresql_url)
    victim, survivor = sorted(serving.pids())
    lost, kept = idle_on(serving, victim), idle_on(serving, survivor)
    for turn in (1, 2):  # a replacement is worth as much as the first
        psutil.Process(victim).kill()
        while lost.client.readline():  # news that it had still to read
            pass
        lost.close()
        assert serving.wait_for("worker died", turn)[-1]["pid"] == victim
        serving.wait_for("serving", 2 + turn)
        [victim] = serving.pids() - {survivor}
        lost = idle_on(serving, victim)
        serving.send("Ensuite")
        for idle in (lost, kept):
            idle.wait_for(b" EXISTS\r\n")
    serving.signal(signal.SIGTERM)
    for idle in (lost, kept):
        idle.wait_for(b"* BYE ")
        idle.close()
    assert serving.wait() == 0
    assert serving.noise == []


def test_the_indexer_is_a_process_of_its_own_and_is_replaced(start: Start, postgresql_url: str) -> None:
    serving = start(postgresql_url)
    first = serving.indexer
    first.kill()
    assert serving.wait_for("worker died")[-1]["pid"] == first.pid
    serving.send("Cantine")
    deadline = time.monotonic() + WITHIN
    while serving.command.good("search", "status", "--json").json["indexed"] < 1:
        assert time.monotonic() < deadline
    assert serving.indexer != first
    assert serving.stop() == 0
    assert serving.noise == []


def test_workers_end_when_their_supervisor_is_killed(start: Start, postgresql_url: str) -> None:
    serving = start(postgresql_url)
    workers = [*map(psutil.Process, serving.pids()), serving.indexer]
    idle = Idle(serving)
    serving.process.kill()
    idle.wait_for(b"* BYE ")
    idle.close()
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    for address in serving.listeners:
        await_refusal(address)


def test_what_was_accepted_before_a_select_is_in_it(start: Start, postgresql_url: str) -> None:
    serving = start(postgresql_url)
    clients: dict[int, imaplib.IMAP4_SSL] = {}
    while clients.keys() != serving.pids():
        client = serving.imap()
        if clients.setdefault(serving.pid_of(client.socket()), client) is not client:
            client.logout()
    with serving.smtp() as submission:
        for number in range(1, 8):
            submission.sendmail(serving.teacher, [serving.pupil], serving.message(f"{number}"))
            for client in clients.values():  # whichever worker took it, and before it is heard of
                assert client.select("INBOX") == ("OK", [b"%d" % number])
                client.unselect()
    with serving.imap() as late:
        assert late.select("INBOX") == ("OK", [b"7"])
    for client in clients.values():
        client.logout()
    assert serving.stop() == 0
    assert serving.noise == []


def test_a_unix_socket_is_shared_by_workers_and_taken_again_after_a_stop(
    start: Start, postgresql_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "lmtp.sock"
    serving = start(postgresql_url, accounts=False, lmtp={"listen": [f"unix:{path}"]})

    def ask() -> None:
        for _ in range(8):
            with smtplib.LMTP(str(path), local_hostname="front", timeout=WITHIN) as client:
                assert client.ehlo()[0] == 250

    ask()
    psutil.Process(min(serving.pids())).kill()
    serving.wait_for("serving", 3)
    ask()
    assert serving.stop() == 0
    assert path.is_socket()
    serving.start()
    ask()
    assert serving.stop() == 0
