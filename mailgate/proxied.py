"""Listeners behind a proxy: who may connect, and the client's true address before any server sees the connection."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import structlog

from mailgate.proxy_protocol import ProxyError, Source, read_header

log = structlog.stdlib.get_logger("mailgate.proxied")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Adopt = Callable[[socket.socket, Source], Awaitable[None]]
"""What a server does with a connection that was accepted for it, and with the address of its client."""

BACKLOG: Final = 1_024
WAITING: Final = 1_000
"""Connections without their header at a time; more are cut off."""
ACCEPT_PAUSE: Final = 0.1


class ProxiedListeners:
    """Accepts connections from the proxies in `networks` alone; each has `patience` seconds for its header."""

    def __init__(self, networks: Iterable[Network], patience: float) -> None:
        self._networks = tuple(networks)
        self._patience = patience
        self._listeners: dict[asyncio.Task[None], socket.socket] = {}
        self._waiting: set[socket.socket] = set()
        """Those whose header has not come."""
        self._introductions: dict[asyncio.Task[None], socket.socket] = {}

    def start(self, sockets: Iterable[socket.socket], adopt: Adopt) -> None:
        """Serve these bound sockets for a server."""
        for sock in sockets:
            sock.listen(BACKLOG)
            sock.settimeout(0)
            self._listeners[asyncio.get_running_loop().create_task(self._accept(sock, adopt))] = sock

    async def stop(self) -> None:
        """Accept nobody; those whose header has not come are cut off. Servers stop what they have adopted."""
        listeners, self._listeners = self._listeners, {}
        tasks = [*listeners, *self._introductions]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for sock in listeners.values():
            sock.close()

    async def _accept(self, listener: socket.socket, adopt: Adopt) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, address = await loop.sock_accept(listener)
            except OSError as error:
                # Out of descriptors or memory, or the client has left: the next one may fare better.
                log.warning("accept failed", error=type(error).__name__)
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            proxy = (str(address[0]), int(address[1]))
            if not self._is_proxy(proxy[0]):
                log.info("no proxy of ours", peer=proxy[0])
                sock.close()
            elif len(self._waiting) >= WAITING:
                sock.close()
            else:
                self._waiting.add(sock)
                task = loop.create_task(self._introduce(sock, proxy, adopt))
                self._introductions[task] = sock
                task.add_done_callback(self._introduced)

    async def _introduce(self, sock: socket.socket, proxy: Source, adopt: Adopt) -> None:
        try:
            async with asyncio.timeout(self._patience):
                source = await read_header(sock)
        except (ProxyError, OSError) as error:  # TimeoutError is an OSError
            log.info("no PROXY header", peer=proxy[0], reason=str(error) or type(error).__name__)
            sock.close()
            return
        self._waiting.discard(sock)
        await adopt(sock, source or proxy)

    def _introduced(self, task: asyncio.Task[None]) -> None:
        sock = self._introductions.pop(task)
        self._waiting.discard(sock)
        if task.cancelled():  # perhaps before it began
            sock.close()
        elif (error := task.exception()) is not None:
            log.error("connection failed", error=type(error).__name__)

    def _is_proxy(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in self._networks)
