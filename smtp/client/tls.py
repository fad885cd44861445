"""What is asked of TLS with one server, and why it failed (RFC 3207, RFC 8460 section 4.3)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache
from pathlib import Path
from typing import Final

import aiosmtplib

from smtp.client.dane import Dane

_EXPIRED: Final = frozenset({9, 10})
_UNTRUSTED: Final = frozenset({2, 7, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 47})
_OTHER_NAME: Final = frozenset({62, 64})
"""Codes of OpenSSL's X509_verify_cert: not valid yet or any more; no chain to an authority; host name or address."""
_UNFINISHED: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError)
_GOES_AWAY: Final = frozenset({421, 451, 454})


class Security(Enum):
    """What is asked of TLS."""

    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    """STARTTLS where it is offered, whatever the certificate (RFC 3207); in the clear where it fails."""
    STARTTLS = "starttls"
    """STARTTLS with a certificate that holds, or nothing."""
    TLS = "tls"
    """TLS from the first octet (RFC 8314), with a certificate that holds."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What is asked of TLS with one server."""

    security: Security
    context: ssl.SSLContext | None = None
    """It verifies certificates; without it, by the authorities of the system."""
    dane: Dane | None = None
    """What its certificate is verified by instead, where TLS is not opportunistic."""

    @property
    def authenticates(self) -> bool:
        """Whether a connection that was made so is with the server of that name; that it is the right name is for who
        asks for it to know (RFC 8689 section 2).
        """
        return self.security in {Security.STARTTLS, Security.TLS} and (self.dane is None or bool(self.dane.records))

    @property
    def tls_context(self) -> ssl.SSLContext:
        """For the handshake."""
        if self.security is Security.OPPORTUNISTIC or self.dane is not None:
            return unverified()
        return self.context or trusting_system()


class TlsFailure(StrEnum):
    """Why there was no TLS as it was wanted, in the words of reports (RFC 8460 section 4.3)."""

    NOT_OFFERED = "starttls-not-supported"
    OTHER_NAME = "certificate-host-mismatch"
    EXPIRED = "certificate-expired"
    UNTRUSTED = "certificate-not-trusted"
    TLSA = "tlsa-invalid"
    DNSSEC = "dnssec-invalid"
    FETCH = "sts-policy-fetch-error"
    INVALID = "sts-policy-invalid"
    WEBPKI = "sts-webpki-invalid"
    OTHER = "validation-failure"


class TlsError(Exception):
    """No TLS as it is wanted."""

    def __init__(self, failure: TlsFailure, text: str, *, passing: bool = False) -> None:
        """`passing`: the next attempt may do better by itself, and nothing is to be reported."""
        super().__init__(text)
        self.failure = failure
        self.passing = passing


def failure_of(error: BaseException) -> TlsFailure:
    """The word for what went wrong in a handshake."""
    if isinstance(error, ssl.SSLCertVerificationError):
        code = error.verify_code
        return (
            TlsFailure.EXPIRED
            if code in _EXPIRED
            else TlsFailure.OTHER_NAME
            if code in _OTHER_NAME
            else TlsFailure.UNTRUSTED
            if code in _UNTRUSTED
            else TlsFailure.OTHER
        )
    return TlsFailure.OTHER


def tls_error(error: BaseException) -> TlsError:
    """The same as an exception, from whatever a client raises."""
    cause: BaseException | None = error
    while cause is not None and (not isinstance(cause, ssl.SSLError) or isinstance(cause, _UNFINISHED)):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return TlsError(failure_of(cause), str(cause))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return TlsError(TlsFailure.NOT_OFFERED, f"{error.code} {error.message}", passing=error.code in _GOES_AWAY)
    return TlsError(TlsFailure.OTHER, f"{type(error).__name__} {error}".strip(), passing=True)


@cache
def unverified() -> ssl.SSLContext:
    """Any certificate: it is better than none, or is looked at afterwards."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def trusting_system() -> ssl.SSLContext:
    """By the authorities of the system as they were when this process began."""
    return trusting(None)


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """By the authorities of a PEM file; None: those of the system. Names count where RFC 8461 section 4.2 has them, in
    subjectAltName. Raises OSError.
    """
    context = ssl.create_default_context(cafile=authorities)
    context.hostname_checks_common_name = False
    return context
