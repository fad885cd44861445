"""Real programs and libraries send through the server: curl, swaks, smtplib, aiosmtplib."""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import pytest

from tests.smtp.conftest import MESSAGE, PASSWORD, USER, Running

curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
swaks = pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")


async def run(*command: str | Path) -> str:
    """Run a program to its end, with its output; it must succeed."""
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await child.communicate()
    text = output.decode("utf-8", "replace")
    assert child.returncode == 0, text
    return text


@curl
@pytest.mark.parametrize("kind", ["implicit", "starttls"])
@pytest.mark.parametrize("options", [[], ["--login-options", "AUTH=LOGIN"], ["--sasl-ir"]])
async def test_curl(running: Running, certificate: Path, tmp_path: Path, kind: str, options: list[str]) -> None:
    message = tmp_path / "message.eml"
    body = MESSAGE + b".\r\n..\r\n" + os.urandom(300_000).hex("\n", 30).encode().replace(b"\n", b"\r\n") + b"\r\n"
    message.write_bytes(body)
    url = f"smtps://localhost:{running.tls_port}" if kind == "implicit" else f"smtp://localhost:{running.starttls_port}"
    command: list[str | Path] = [
        "curl",
        "--silent",
        "--show-error",
        "--ssl-reqd",
        "--cacert",
        certificate,
        "--url",
        f"{url}/pc",
    ]
    command += ["--user", f"{USER}:{PASSWORD}", "--mail-from", USER, "--upload-file", message, *options]
    await run(*command, "--mail-rcpt", "6a@ecole.example", "--mail-rcpt", "6b@ecole.example")
    [(envelope, content)] = running.school.delivered
    assert content == body
    assert len(envelope.recipients) == 2
    assert envelope.declared_size == len(body)


@swaks
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("kind", ["implicit", "starttls", "pipeline"])
async def test_swaks(running: Running, certificate: Path, mechanism: str, kind: str) -> None:
    port = running.starttls_port if kind == "starttls" else running.tls_port
    command: list[str | Path] = ["swaks", "--server", "localhost", "--port", str(port), "--tls-verify"]
    command += ["--tls" if kind == "starttls" else "--tlsc", "--tls-ca-path", certificate]
    command += ["--auth", mechanism, "--auth-user", USER, "--auth-password", PASSWORD]
    command += ["--from", USER, "--to", "6a@ecole.example,6b@ecole.example", "--body", "Bonjour\n.\nfin"]
    output = await run(*command, *(["--pipeline"] if kind == "pipeline" else []))
    assert "250 2.0.0 Accepted as 1" in output
    [body] = running.school.bodies
    assert b"\r\nBonjour\r\n.\r\nfin\r\n" in body


@pytest.mark.parametrize("kind", ["implicit", "starttls"])
async def test_smtplib(running: Running, kind: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = USER, "6a@ecole.example", "Réunion"
    message.set_content(".\nÀ demain\n", cte="8bit")

    def send() -> None:
        client: smtplib.SMTP
        if kind == "implicit":
            client = smtplib.SMTP_SSL("localhost", running.tls_port, context=running.client_tls)
        else:
            client = smtplib.SMTP("localhost", running.starttls_port)
            client.starttls(context=running.client_tls)
        with client:
            client.login(USER, PASSWORD)
            client.send_message(message)
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail(USER, "inconnu@ecole.example", b"x")

    await asyncio.to_thread(send)
    [body] = running.school.bodies
    assert "\r\n\r\n.\r\nÀ demain\r\n".encode() in body


@pytest.mark.parametrize("kind", ["implicit", "starttls"])
async def test_aiosmtplib(running: Running, kind: str) -> None:
    implicit = kind == "implicit"
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = USER, "6a@ecole.example", "Sortie"
    message.set_content("Bonjour\n")
    await aiosmtplib.send(
        message,
        hostname="localhost",
        port=running.tls_port if implicit else running.starttls_port,
        use_tls=implicit,
        start_tls=None if implicit else True,
        tls_context=running.client_tls,
        username=USER,
        password=PASSWORD,
    )
    assert running.school.bodies[0].endswith(b"\r\n\r\nBonjour\r\n")
