"""Signals, certificates and worker processes of a whole gateway, on both stores."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from certs import ensure_demo
from tests.end_to_end.conftest import Demos
from tests.end_to_end.gateway import Gateway

PATIENCE = 30.0


several_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one worker for each core")


@pytest.fixture
def many_workers(tmp_path: Path, demos: Demos) -> Iterator[Gateway]:
    """A gateway of several processes: PostgreSQL, one for each core."""
    running = demos.copy("postgresql", tmp_path / "state")
    running.start()
    try:
        yield running
    finally:
        running.kill()


def certificate(gateway: Gateway) -> str:
    """The serial number of the certificate that a new connection is shown."""
    with (
        socket.create_connection(gateway.imaps) as plain,
        gateway.tls().wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        shown = tls.getpeercert()
        assert shown is not None
        return str(shown["serialNumber"])


def workers(gateway: Gateway) -> set[int]:
    return {child.pid for child in psutil.Process(gateway.pid).children()}


def until(condition: Callable[[], bool]) -> None:
    """Wait for another process, which tells nobody."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_sigterm_says_bye_and_ends_well(mortal_gateway: Gateway) -> None:
    client = mortal_gateway.imap(mortal_gateway.by_profile("teacher")[0])
    client.select("INBOX")
    client.send(b"x1 IDLE\r\n")
    assert client.readline().startswith(b"+")
    address = mortal_gateway.imaps
    assert mortal_gateway.stop() == 0
    assert client.readline().startswith(b"* BYE")
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass
    client.sock.close()


def test_sighup_takes_a_new_certificate_and_drops_nobody(mortal_gateway: Gateway) -> None:
    client = mortal_gateway.imap(mortal_gateway.by_profile("teacher")[0])
    before = certificate(mortal_gateway)
    tls = mortal_gateway.state / "tls"
    (tls / "server.pem").unlink()
    ensure_demo(tls, ["127.0.0.1"])
    os.kill(mortal_gateway.pid, signal.SIGHUP)
    until(lambda: certificate(mortal_gateway) != before)
    assert client.noop()[0] == "OK"
    client.logout()


@several_cores
def test_a_dead_worker_is_replaced(many_workers: Gateway) -> None:
    before = workers(many_workers)
    assert len(before) >= 2
    os.kill(min(before), signal.SIGKILL)
    until(lambda: len(workers(many_workers)) == len(before) and min(before) not in workers(many_workers))
    for _ in range(8):
        many_workers.imap(many_workers.by_profile("teacher")[0]).logout()


@several_cores
def test_workers_end_when_their_supervisor_is_killed(many_workers: Gateway) -> None:
    orphans = [psutil.Process(pid) for pid in workers(many_workers)]
    os.kill(many_workers.pid, signal.SIGKILL)
    gone, alive = psutil.wait_procs(orphans, timeout=PATIENCE)
    assert not alive
    assert len(gone) >= 2
