"""In which form a message leaves: its envelope, the header that is sent in place of the stored one, and its octets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial

from mailgate.database import Database
from mailgate.queue.bounces import read_block, read_header, without_return_path
from mailgate.queue.claim import Claim
from mailgate.queue.leaving import Leaving
from mailgate.signing.signer import Signer
from mailgate.store.messages import cut
from mailgate.store.schema import CHUNK
from smtp.client.connection import Mail
from smtp.tls_demand import TlsDemand


@dataclass(frozen=True, slots=True)
class Form:
    """How a message leaves: what is sent in place of its first octets, and what behind its last ones."""

    mail: Mail
    beginning: bytes = b""
    replaced: int = 0
    ending: bytes = b""
    between: bytes | None = None
    """What stands between them, where it was read already."""


@dataclass(frozen=True, slots=True)
class Forms:
    """Works out the forms of messages."""

    database: Database
    leaving: Leaving
    signer: Signer

    async def form(self, claim: Claim) -> Form:
        """That of one transaction: signed with the keys of its author's domain. Raises MessageGone."""
        entry = claim.entry
        required = entry.tls is TlsDemand.REQUIRED
        ret = "HDRS" if required else entry.ret
        mail = Mail(entry.mail_from, entry.size, entry.eightbit, entry.utf8, ret, entry.envelope_id, required)
        [(person_id, to)] = {(one.person_id, one.address) for one in claim.recipients} if entry.verp else {(None, "")}
        if person_id is None and not await self.signer.able():
            return Form(mail)
        header = await self.database.read(partial(read_header, content_id=entry.content_id))
        if person_id is None:
            form = Form(mail, without_return_path(header), len(header))
            return await self._signed(claim, form, b"")
        signed = bool(await self.signer.keys(self.leaving.outward.header(header)))
        beginning, ending = await self.leaving.form(header, person_id, to, eightbit=entry.eightbit, signed=signed)
        reverse_path = await self.leaving.reverse_path(person_id, entry.queue_id)
        form = Form(replace(mail, mail_from=reverse_path), beginning, len(header), ending)
        return await self._signed(claim, form, b"" if self.leaving.outward.is_ours(header) else header)

    async def _signed(self, claim: Claim, form: Form, arrived: bytes) -> Form:
        """With signatures on top, where there are keys for its author; everything else of it is as it leaves."""
        entry, keys = claim.entry, await self.signer.keys(form.beginning)
        if keys:
            kept: list[bytes] = []

            async def body() -> AsyncIterator[bytes]:
                yield form.beginning.partition(b"\r\n\r\n")[2]
                async for block in self._blocks(claim, form.replaced):
                    if entry.size <= CHUNK:
                        kept.append(block)
                    yield block
                yield form.ending

            top = await self.signer.sign(form.beginning, keys, body(), arrived=arrived)
            form = replace(form, beginning=top + form.beginning, between=b"".join(kept) or None)
        size = entry.size - form.replaced + len(form.beginning) + len(form.ending)
        return replace(form, mail=replace(form.mail, size=size))

    async def content(self, claim: Claim, form: Form) -> AsyncIterator[bytes]:
        """The message as it leaves, in pieces. Raises MessageGone."""
        if form.beginning:
            yield form.beginning
        if form.between is not None:
            yield form.between
        else:
            async for block in self._blocks(claim, form.replaced):
                yield block
        if form.ending:
            yield form.ending

    async def _blocks(self, claim: Claim, offset: int) -> AsyncIterator[bytes]:
        entry = claim.entry
        if claim.chunk is not None:
            block = cut([claim.chunk], offset, entry.size)
            yield block if offset else without_return_path(block)
            return
        for start in range(offset, entry.size, CHUNK):
            read = partial(read_block, content_id=entry.content_id, start=start, stop=min(start + CHUNK, entry.size))
            block = await self.database.read(read)
            yield block if start else without_return_path(block)
