"""Sign-in to accounts in memory."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from imap.backend import Account, Peer
from imap.errors import AuthenticationFailed
from tests.imap.memory_backend.account import MemoryAccount


class _Plain:
    """SASL PLAIN (RFC 4616)."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self.account: Account | None = None

    async def step(self, response: bytes | None) -> bytes | None:
        if response is None:
            return b""
        pieces = response.split(b"\0")
        if len(pieces) != 3:
            raise AuthenticationFailed("Sign-in failed")
        self.account = self._backend.check(pieces[1].decode(), pieces[2].decode())
        return None


class _Login:
    """The old LOGIN exchange: two challenges."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self._username: str | None = None
        self.account: Account | None = None

    async def step(self, response: bytes | None) -> bytes | None:
        if response is None:
            return b"Username:"
        if self._username is None:
            self._username = response.decode()
            return b"Password:"
        self.account = self._backend.check(self._username, response.decode())
        return None


class MemoryBackend:
    """Some accounts in memory."""

    def __init__(self, *accounts: MemoryAccount) -> None:
        self.accounts = {account.username: account for account in accounts}
        self.peers: list[Peer] = []

    def check(self, username: str, password: str) -> MemoryAccount:
        account = self.accounts.get(username)
        if account is None or account.password != password:
            raise AuthenticationFailed("Sign-in failed")
        return account

    def mechanisms(self) -> Sequence[str]:
        return ("PLAIN", "LOGIN")

    def sasl(self, mechanism: str, peer: Peer) -> _Plain | _Login:
        self.peers.append(peer)
        return _Plain(self) if mechanism == "PLAIN" else _Login(self)

    async def login(self, username: str, password: str, peer: Peer) -> MemoryAccount:
        self.peers.append(peer)
        return self.check(username, password)


def plain_response(username: str, password: str) -> str:
    """What a client sends for SASL PLAIN."""
    return base64.b64encode(f"\0{username}\0{password}".encode()).decode()
