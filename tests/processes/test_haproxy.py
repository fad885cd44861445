"""A real HAProxy in front, set up as docs/operations.md says: the gateway knows the address of each client."""

from __future__ import annotations

import smtplib
import socket

import pytest

from tests.processes.conftest import Start
from tests.processes.serving import WITHIN, Serving
from tests.support.haproxy import Behind, Haproxy

BOTH = ["127.0.0.1:0", "127.0.0.1:0 proxy"]
CLIENT = "127.0.7.7"


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2"])
def test_the_gateway_sees_the_clients_address(start: Start, version: str) -> None:
    serving = start(
        imap={"listen": BOTH}, smtp={"listen": BOTH}, mx={"listen": BOTH},
        proxy={"trusted": ["127.0.0.1/32"]}, **{"filters.authentication": {"enabled": False}},
    )  # fmt: skip
    servers = {
        "imaps": Behind(serving.behind("imap"), version, "option tcp-check"),
        "smtps": Behind(serving.behind("smtp"), f"{version} check-ssl verify none"),
        "mx": Behind(serving.behind("mx"), version, "option smtpchk EHLO balancer.example"),
    }
    with Haproxy(serving.folder, servers) as haproxy:
        assert haproxy.checks() == {"imaps": "L4OK", "smtps": "L6OK", "mx": "L7OK"}
        _imap(serving, haproxy.addresses["imaps"])
        with smtplib.SMTP_SSL(
            *haproxy.addresses["smtps"], "laptop.example", context=serving.tls(), timeout=WITHIN,
            source_address=(CLIENT, 0),
        ) as client:  # fmt: skip
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login(serving.teacher, "wrong")
            client.login(serving.teacher, serving.passwords[serving.teacher])
        with smtplib.SMTP(
            *haproxy.addresses["mx"], "relay.elsewhere.example", timeout=WITHIN, source_address=(CLIENT, 0)
        ) as client:
            client.starttls(context=serving.tls())
            client.sendmail("ami@elsewhere.example", [serving.pupil], "From: <ami@elsewhere.example>\r\n\r\nx\r\n")
    with serving.imap() as inbox:
        inbox.select("INBOX")
        part = inbox.fetch("1", "(BODY.PEEK[HEADER])")[1][0]
    assert isinstance(part, tuple)
    assert f"Received: from relay.elsewhere.example ([{CLIENT}])\r\n".encode() in part[1]
    assert [one["peer"] for one in serving.wait_for("sign-in refused")] == [CLIENT]
    assert {one["network"] for one in serving.wait_for("sign_in_refused", 2)} == {CLIENT}
    assert serving.stop() == 0
    assert serving.noise == []


def _imap(serving: Serving, address: tuple[str, int]) -> None:
    """Sign in with a wrong password, and with the right one."""
    with (
        socket.create_connection(address, WITHIN, (CLIENT, 0)) as sock,
        serving.tls().wrap_socket(sock, server_hostname="localhost") as client,
        client.makefile("rwb", buffering=0) as lines,
    ):
        assert lines.readline().startswith(b"* OK ")
        for password, answer in (("wrong", b"a NO "), (serving.passwords[serving.pupil], b"a OK ")):
            lines.write(f'a LOGIN {serving.pupil} "{password}"\r\n'.encode())
            assert lines.readline().startswith(answer)
