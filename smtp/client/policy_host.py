"""Policies fetched from their hosts by HTTPS (RFC 8461 section 3.3)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

from smtp.client.https import HTTPS_PORT, Https, HttpsError, Request, TooLarge
from smtp.client.mta_sts import FetchError
from smtp.client.tls import TlsFailure
from smtp.resolver import Resolver

MOST_OCTETS: Final = 64 * 1024
_PATH: Final = "/.well-known/mta-sts.txt"
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class PolicyHost:
    """Fetches policies: the certificate must hold for the host's name, redirections are not followed, nothing is taken
    from a cache on the way, and neither time nor size is without end.
    """

    resolver: Resolver
    context: ssl.SSLContext
    timeout: float = 60.0
    """Seconds for all of it."""
    port: int = HTTPS_PORT

    async def __call__(self, domain: str) -> bytes:
        """What ``https://mta-sts.DOMAIN/.well-known/mta-sts.txt`` serves. Raises FetchError."""
        host = f"mta-sts.{domain}"
        headers = {"Accept": "text/plain", "Cache-Control": "no-cache"}
        https = Https(self.resolver, self.context, self.timeout, MOST_OCTETS)
        try:
            response = await https.send(Request("GET", host, _PATH, headers, port=self.port))
        except HttpsError as error:
            raise FetchError(TlsFailure.WEBPKI if error.certificate else TlsFailure.FETCH, str(error)) from error
        except TooLarge:
            raise FetchError(TlsFailure.INVALID, f"the policy of {host} is too large") from None
        if response.status != _OK:
            raise FetchError(TlsFailure.FETCH, f"{host} answers {response.status}")
        if response.media_type != "text/plain":
            raise FetchError(TlsFailure.INVALID, f"{host} serves something else than text/plain")
        return response.body
