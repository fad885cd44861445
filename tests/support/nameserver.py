"""A name server on loopback, with the records that a test gives it: by UDP and TCP, healthy, slow or broken."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SILENT: Final = "silent"
"""Instead of records: no answer at all."""
BROKEN: Final = "SERVFAIL"
"""Instead of records: the server failed."""

Records = Mapping[str, list[str] | str]
"""By name and type (``"example.net MX"``) what a zone file says (``["10 mx.example.net."]``, ``['"v=spf1 -all"']``), or
SILENT or BROKEN. A name with a CNAME is answered with what that leads to; the name may begin with ``*.``."""


def txt(value: str | bytes) -> str:
    """One TXT record as a zone file has it, in strings of at most 255 octets."""
    octets = value.encode() if isinstance(value, str) else value
    pieces = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{octet:03d}" for octet in piece) + '"' for piece in pieces)


@dataclass(slots=True)
class NameServer(asyncio.DatagramProtocol):
    """Answers on `port` while it is entered. All may be changed meanwhile."""

    records: Records
    ttl: int = 60
    """Seconds that answers hold, negative ones as well."""
    delay: float = 0.0
    """Seconds before each answer."""
    authenticated: bool = False
    """Whether answers are said to be validated (AD)."""
    unsigned: Collection[str] = ()
    """The names whose answers are not, as nobody signs them; so are answers that lead to them."""
    truncated: bool = False
    """Whether UDP carries nothing, so that one has to ask by TCP."""
    tcp: bool = True
    """Whether it answers by TCP."""
    asked: list[str] = field(default_factory=list)
    """Each question, as the keys of `records` are; in small letters."""
    port: int = 0
    _udp: asyncio.DatagramTransport | None = None
    _tcp: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        while self._udp is None:
            self._tcp = await asyncio.start_server(self._connected, "127.0.0.1", 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
            except OSError:  # the port of the other protocol is somebody else's
                self._tcp.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._udp is not None
        assert self._tcp is not None
        self._udp.close()
        self._tcp.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._reply(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, data: bytes, addr: tuple[str | int, int]) -> None:
        answer = await self._answer(data)
        if answer is None:
            return
        wire = answer.to_wire(max_size=65_535)
        if self.truncated or len(wire) > (answer.request_payload or 512):
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            wire = answer.to_wire()
        assert self._udp is not None
        self._udp.sendto(wire, addr)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    (size,) = struct.unpack("!H", await reader.readexactly(2))
                    answer = await self._answer(await reader.readexactly(size)) if self.tcp else None
                    if answer is None:
                        await reader.read()  # until the other side gives up
                        return
                    wire = answer.to_wire(max_size=65_535)
                    writer.write(struct.pack("!H", len(wire)) + wire)
                    await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, data: bytes) -> dns.message.Message | None:
        query = dns.message.from_wire(data)
        [question] = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        name = question.name.to_text(omit_final_dot=True).lower()
        self.asked.append(f"{name} {kind}")
        await asyncio.sleep(self.delay)
        answer = dns.message.make_response(query, recursion_available=True)
        if self.authenticated:
            answer.flags |= dns.flags.AD
        for _ in range(20):
            if name in self.unsigned:
                answer.flags &= ~dns.flags.AD
            found = self._of(name, kind)
            if found == SILENT:
                return None
            if found == BROKEN:
                answer.set_rcode(dns.rcode.SERVFAIL)
                return answer
            target = [] if found else self._of(name, "CNAME")
            if isinstance(target, str) or not target:
                break
            answer.answer.append(dns.rrset.from_text_list(f"{name}.", self.ttl, "IN", "CNAME", target))
            name = target[0].removesuffix(".").lower()
        if found:
            answer.answer.append(dns.rrset.from_text_list(f"{name}.", self.ttl, "IN", kind, found))
            return answer
        soa = f"ns.invalid. root.invalid. 1 60 60 60 {self.ttl}"
        answer.authority.append(dns.rrset.from_text(".", self.ttl, "IN", "SOA", soa))
        if not self._exists(name):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer

    def _of(self, name: str, kind: str) -> list[str] | str:
        lower = {key.lower(): value for key, value in self.records.items()}
        wild = f"*.{name.partition('.')[2]} {kind}".lower()
        return lower.get(f"{name} {kind}".lower(), lower.get(wild, []) if not self._exists(name, wild=False) else [])

    def _exists(self, name: str, *, wild: bool = True) -> bool:
        """A name has records of some type, or there are names below it (RFC 8020)."""
        names = [key.split(" ")[0].lower() for key in self.records]
        above = f"*.{name.partition('.')[2]}"
        return any(one == name or one.endswith(f".{name}") or (wild and one == above) for one in names)
