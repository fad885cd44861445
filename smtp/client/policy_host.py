"""Policies fetched from their hosts by HTTPS (RFC 8461 section 3.3)."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

import httpx

from smtp.client.answers import SendingError
from smtp.client.exchangers import addresses
from smtp.client.mta_sts import FetchError
from smtp.client.tls import TlsFailure
from smtp.resolver import Resolver

MOST_OCTETS: Final = 64 * 1024
_PATH: Final = "/.well-known/mta-sts.txt"
_ADDRESSES: Final = 4
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
    port: int = 443

    async def __call__(self, domain: str) -> bytes:
        """What ``https://mta-sts.DOMAIN/.well-known/mta-sts.txt`` serves. Raises FetchError."""
        host = f"mta-sts.{domain}"
        try:
            async with asyncio.timeout(self.timeout):
                return await self._fetch(host)
        except TimeoutError:
            raise FetchError(TlsFailure.FETCH, f"{host} takes too long") from None

    async def _fetch(self, host: str) -> bytes:
        try:
            found = await addresses(self.resolver, host)
        except SendingError as error:
            raise FetchError(TlsFailure.FETCH, str(error)) from error
        last = FetchError(TlsFailure.FETCH, f"{host} has no address")
        timeout = httpx.Timeout(self.timeout / 2)
        async with httpx.AsyncClient(verify=self.context, trust_env=False, timeout=timeout) as client:
            for address in found[:_ADDRESSES]:
                try:
                    return await self._get(client, host, address)
                except httpx.HTTPError as error:
                    last = _failure(host, error)
        raise last

    async def _get(self, client: httpx.AsyncClient, host: str, address: str) -> bytes:
        """Raises FetchError, httpx.HTTPError."""
        literal = f"[{address}]" if ":" in address else address
        request = client.build_request(
            "GET", f"https://{literal}:{self.port}{_PATH}",
            headers={"Host": host, "Accept": "text/plain", "Accept-Encoding": "identity", "Cache-Control": "no-cache"},
            extensions={**_limits(client), "sni_hostname": host},
        )  # fmt: skip
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            if response.status_code != _OK:
                raise FetchError(TlsFailure.FETCH, f"{host} answers {response.status_code}")
            if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "text/plain":
                raise FetchError(TlsFailure.INVALID, f"{host} serves something else than text/plain")
            body = bytearray()
            async for block in response.aiter_raw():
                body += block
                if len(body) > MOST_OCTETS:
                    raise FetchError(TlsFailure.INVALID, f"the policy of {host} is too large")
            return bytes(body)
        finally:
            await response.aclose()


def _limits(client: httpx.AsyncClient) -> dict[str, dict[str, float | None]]:
    return {"timeout": client.timeout.as_dict()}


def _failure(host: str, error: httpx.HTTPError) -> FetchError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError(TlsFailure.WEBPKI, f"{host}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return FetchError(TlsFailure.FETCH, f"{host}: {type(error).__name__}")
