"""A name server on loopback, with the records that a test gives it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

SILENT = "silent"
"""Instead of records: no answer at all."""
BROKEN = "SERVFAIL"
"""Instead of records: the server failed."""


@dataclass(slots=True)
class Names(asyncio.DatagramProtocol):
    """Answers by UDP while it is entered; records are those of a zone file, by name and type (``"example.net MX"``)."""

    records: Mapping[str, list[str] | str]
    asked: list[str] = field(default_factory=list)
    port: int = 0
    _transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name = question.name.to_text(omit_final_dot=True)
        key = f"{name} {dns.rdatatype.to_text(question.rdtype)}"
        self.asked.append(key)
        found = self.records.get(key, [])
        if found == SILENT:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if found == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif isinstance(found, list) and found:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, found))
        elif not any(one.startswith(f"{name} ") for one in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        assert self._transport is not None
        self._transport.sendto(answer.to_wire(), addr)
