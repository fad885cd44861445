"""The fields that a server puts on top of a message (RFC 5321 section 4.4)."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from smtp.handler import Envelope, Peer, Transaction
from smtp.header import Field

_DOMAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*")
_TLS_NAME: Final = re.compile(r"TLS_[A-Z0-9_]+")
_ID: Final = re.compile(r"[A-Za-z0-9._-]+")


def trace(
    envelope: Transaction, *, hostname: str, identity: str, when: datetime, disclose: bool = False
) -> tuple[Field, Field]:
    """Return-Path and `received`, for a message that is delivered here."""
    on_top = received(envelope, hostname=hostname, identity=identity, when=when, disclose=disclose)
    return Field.of(b"Return-Path: <%s>\r\n" % envelope.mail_from.encode()), Field.of(on_top)


def received(envelope: Transaction, *, hostname: str, identity: str, when: datetime, disclose: bool = False) -> bytes:
    """The whole field with its CRLF, folded.

    `identity` is the server's name for the message; `when` must know its time zone. Unless `disclose` is set,
    the writer's address and computer name stay private: they name a person's home, and the account is in our logs.
    The recipients are never named: a Bcc must not show.
    Raises ValueError for an identity that is not one word.
    """
    if not _ID.fullmatch(identity):
        raise ValueError("identity must be one word of letters, digits, dots and hyphens")
    origin = _origin(envelope) if disclose else "[127.0.0.1] (localhost [127.0.0.1])"
    lines = [f"Received: from {origin}", f"by {hostname} with {_protocol(envelope)} id {identity}"]
    if tls := _tls(envelope.peer):
        lines.append(tls)
    return ("\r\n\t".join(lines) + f";\r\n\t{format_datetime(when)}\r\n").encode("ascii")


def _protocol(envelope: Transaction) -> str:
    """RFC 3848, RFC 6531 section 4.3; HELO has no extensions, and is told from them by its own name."""
    name = "LMTP" if envelope.lmtp else "SMTP"
    letters = ("S" if envelope.peer.tls else "") + ("A" if isinstance(envelope, Envelope) else "")
    if not envelope.extended:
        return "SMTP"
    return ("UTF8" if envelope.smtputf8 else "" if envelope.lmtp else "E") + name + letters


def _origin(envelope: Transaction) -> str:
    """Extended-Domain = Domain FWS "(" address-literal ")"; a name that is no domain gives way to the literal."""
    literal = _literal(envelope.peer.host)
    name = envelope.helo if _DOMAIN.fullmatch(envelope.helo) else literal
    return f"{name} ({literal})"


def _literal(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return "[127.0.0.1]"
    return f"[IPv6:{address}]" if isinstance(address, ipaddress.IPv6Address) else f"[{address}]"


def _tls(peer: Peer) -> str:
    """tls-cipher-clause = "tls" FWS tls-cipher-name (RFC 8314 section 4.3); OpenSSL's own names go in a comment."""
    version, _, cipher = peer.tls.partition(" ")
    if _TLS_NAME.fullmatch(cipher):
        return f"tls {cipher}"
    return f"({version} {cipher})" if re.fullmatch(r"[A-Za-z0-9.]+ [A-Za-z0-9-]+", peer.tls) else ""
