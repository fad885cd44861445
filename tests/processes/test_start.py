"""What a start needs: one clear line when it is not there."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

from tests.processes.conftest import Start
from tests.processes.serving import Serving


def listen(*endpoints: str) -> str:
    return json.dumps(endpoints)


def test_a_port_of_another_gateway_is_not_shared(serving: Serving) -> None:
    for variable, address in (("MAILGATE_IMAP__LISTEN", serving.smtps), ("MAILGATE_SMTP__LISTEN", serving.imaps)):
        endpoint = "{}:{}".format(*address)
        line = serving.command.refused(1, "serve", **{variable: listen(endpoint)})
        assert line == f"cannot listen on {endpoint}: Address already in use"


def test_two_listeners_do_not_share_a_port(serving: Serving) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = "{}:{}".format(*probe.getsockname())
    line = serving.command.refused(
        1, "serve", MAILGATE_IMAP__LISTEN=listen(endpoint), MAILGATE_SMTP__LISTEN=listen(endpoint)
    )
    assert line == f"cannot listen on {endpoint} twice"


def test_an_address_of_another_machine_or_without_a_port(serving: Serving) -> None:
    line = serving.command.refused(1, "serve", MAILGATE_IMAP__LISTEN=listen("192.0.2.1:993"))
    assert line == "cannot listen on 192.0.2.1:993: Cannot assign requested address"
    line = serving.command.refused(3, "serve", MAILGATE_SMTP__LISTEN_STARTTLS=listen("587"))
    assert line == "settings: smtp.listen_starttls: `587` is not host:port"


def test_a_certificate_that_cannot_be_used(serving: Serving) -> None:
    absent = serving.folder / "absent.pem"
    line = serving.command.refused(3, "serve", MAILGATE_TLS__KEY=str(absent))
    assert line == f"{absent}: No such file or directory"
    key = serving.folder / "tls" / "ca.key"
    assert "KEY_VALUES_MISMATCH" in serving.command.refused(3, "serve", MAILGATE_TLS__KEY=str(key))


def test_the_schema_is_made_and_a_changed_certificate_is_noticed_without_a_signal(start: Start, store: str) -> None:
    serving = start(store, accounts=False, tls={"reload_interval": 0.1})
    findings = {one["subject"]: one for one in serving.command("check", "--json").json}
    assert findings["database"]["state"] == "ok"
    serving.new_certificate()
    serving.wait_for("the certificate changed and is in use", serving.workers)
    assert serving.stop() == 0


def test_workers_that_cannot_start_are_one_error() -> None:
    code = """
from mailgate import logs
from mailgate.workers import WorkerFailedError, supervise
logs.configure("json", "info")
try:
    supervise([lambda lifeline: 1 / 0] * 2, lambda: print("ready"))
except WorkerFailedError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "a worker process ended while it was starting; its error stands above\n"
    record = json.loads(done.stderr)
    assert record["event"] == "worker failed"
    assert "ZeroDivisionError" in record["exception"]
