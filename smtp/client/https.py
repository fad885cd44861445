"""One HTTPS request to a host whose address the resolver of mail gives, with its certificate verified by name."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from smtp.client.answers import SendingError
from smtp.client.exchangers import addresses
from smtp.resolver import Resolver

HTTPS_PORT: Final = 443
_ADDRESSES: Final = 4


class HttpsError(Exception):
    """There was no answer; `certificate` says that the host could not prove its name."""

    def __init__(self, text: str, *, certificate: bool = False) -> None:
        super().__init__(text)
        self.certificate = certificate


class TooLarge(Exception):
    """The answer has more octets than are read."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a host."""

    method: str
    host: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    content: bytes = b""
    port: int = HTTPS_PORT


@dataclass(frozen=True, slots=True)
class Response:
    """What was answered; redirections are answers, too."""

    status: int
    media_type: str
    """In small letters, without parameters."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Https:
    """Asks hosts; `timeout` is in seconds, for all of one request, `most` the octets of an answer."""

    resolver: Resolver
    context: ssl.SSLContext
    timeout: float = 60.0
    most: int = 64 * 1024

    async def send(self, request: Request) -> Response:
        """Ask the addresses of the host in turn until one answers. Raises HttpsError, TooLarge."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._send(request)
        except TimeoutError:
            raise HttpsError(f"{request.host} takes too long") from None

    async def _send(self, request: Request) -> Response:
        try:
            found = await addresses(self.resolver, request.host)
        except SendingError as error:
            raise HttpsError(str(error)) from error
        last = HttpsError(f"{request.host} has no address")
        timeout = httpx.Timeout(self.timeout / 2)
        async with httpx.AsyncClient(verify=self.context, trust_env=False, timeout=timeout) as client:
            for address in found[:_ADDRESSES]:
                try:
                    return await self._ask(client, request, address)
                except httpx.HTTPError as error:
                    last = _failure(request.host, error)
        raise last

    async def _ask(self, client: httpx.AsyncClient, request: Request, address: str) -> Response:
        literal = f"[{address}]" if ":" in address else address
        asked = client.build_request(
            request.method, f"https://{literal}:{request.port}{request.target}", content=request.content or None,
            headers={"Host": request.host, "Accept-Encoding": "identity", **request.headers},
            extensions={"timeout": client.timeout.as_dict(), "sni_hostname": request.host},
        )  # fmt: skip
        response = await client.send(asked, stream=True, follow_redirects=False)
        try:
            body = bytearray()
            async for block in response.aiter_raw():
                body += block
                if len(body) > self.most:
                    raise TooLarge
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            return Response(response.status_code, media_type, bytes(body))
        finally:
            await response.aclose()


def _failure(host: str, error: httpx.HTTPError) -> HttpsError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return HttpsError(f"{host}: {cause}", certificate=True)
        cause = cause.__cause__ or cause.__context__
    return HttpsError(f"{host}: {type(error).__name__}")
