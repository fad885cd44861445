"""Connections opened: the greeting, TLS as it is asked for, signing in."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import replace

import aiosmtplib

from smtp.client.answers import Answer, SendingError
from smtp.client.connection import Connection, Failure, Host, Timeouts, failed, not_promised
from smtp.client.dane import Mismatch, presented
from smtp.client.tls import Guard, Security, TlsError, TlsFailure, tls_error
from smtp.tls_demand import TlsDemand


async def connect(
    host: Host, guard: Guard, *, hello: str, timeouts: Timeouts, credentials: tuple[str, str] | None = None,
    demand: TlsDemand = TlsDemand.POLICY,
) -> Connection:  # fmt: skip
    """Open a connection for messages that are tagged with `demand`, and say EHLO as `hello`.

    Raises SendingError: temporary when that server cannot be talked to, or not under TLS as `guard` asks; permanent
    when it does not serve `demand`.
    """
    client = aiosmtplib.SMTP()
    try:
        try:
            await _open(client, host, guard, hello, timeouts)
        except TlsError as error:
            client.close()
            if guard.security is not Security.OPPORTUNISTIC or demand is TlsDemand.REQUIRED:
                raise SendingError(_insecure(host, error, demand), error.failure) from error
            client = aiosmtplib.SMTP()
            await _open(client, host, replace(guard, security=Security.NONE), hello, timeouts)
            failure = None if error.passing else error.failure
        else:
            insecure = guard.security is Security.OPPORTUNISTIC and client.get_transport_info("ssl_object") is None
            failure = TlsFailure.NOT_OFFERED if insecure else None
        if credentials is not None:
            await client.login(*credentials, timeout=timeouts.command)
        connection = Connection(client, host, timeouts, verified=guard.authenticates, demand=demand, failure=failure)
    except Failure as error:
        client.close()
        raise SendingError(failed(host, error)) from error
    except BaseException:
        client.close()
        raise
    if not connection.serves(demand):
        await connection.close()
        raise SendingError(not_promised(str(host)))
    return connection


async def _open(client: aiosmtplib.SMTP, host: Host, guard: Guard, hello: str, timeouts: Timeouts) -> None:
    """Raises TlsError, `Failure`."""
    implicit = guard.security is Security.TLS
    name = guard.dane.base if guard.dane is not None else host.name
    try:
        await client.connect(
            hostname=name if implicit else host.address,
            port=host.port,
            local_hostname=hello,
            timeout=timeouts.connect,
            use_tls=implicit,
            start_tls=False,
            tls_context=guard.tls_context if implicit else None,
        )
    except aiosmtplib.SMTPConnectError as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise tls_error(error) from error
        raise
    if implicit:
        _check(client, guard)
    await _hello(client, timeouts)
    if guard.security is Security.STARTTLS or (
        guard.security is Security.OPPORTUNISTIC and client.supports_extension("starttls")
    ):
        await _start_tls(client, name, guard, timeouts)


async def _start_tls(client: aiosmtplib.SMTP, name: str, guard: Guard, timeouts: Timeouts) -> None:
    """Nothing but STARTTLS is said before the server has proved who it is."""
    if not client.supports_extension("starttls"):
        raise TlsError(TlsFailure.NOT_OFFERED, "The server does not offer STARTTLS")
    try:
        await client.starttls(server_hostname=name, tls_context=guard.tls_context, timeout=timeouts.connect)
    except Failure as error:
        raise tls_error(error) from error
    _check(client, guard)
    await _hello(client, timeouts)


def _check(client: aiosmtplib.SMTP, guard: Guard) -> None:
    if guard.dane is None:
        return
    try:
        guard.dane.check(presented(client.get_transport_info("ssl_object")), datetime.datetime.now(datetime.UTC))
    except Mismatch as error:
        raise TlsError(TlsFailure.TLSA, str(error)) from error


async def _hello(client: aiosmtplib.SMTP, timeouts: Timeouts) -> None:
    try:
        await client.ehlo(timeout=timeouts.command)
    except aiosmtplib.SMTPHeloError:
        await client.helo(timeout=timeouts.command)


def _insecure(host: Host, error: TlsError, demand: TlsDemand) -> Answer:
    """No TLS as it is asked for: to be tried again, unless the writer asks for it (RFC 8689 section 4.2.1)."""
    text = f"{host} cannot be talked to as TLS is asked for: {error}"[:200]
    if demand is TlsDemand.REQUIRED and not error.passing:
        return Answer(550, "5.7.10", text)
    return Answer(451, "4.7.4" if error.failure is TlsFailure.NOT_OFFERED else "4.7.5", text, of_host=True)
