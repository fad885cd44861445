"""What was postponed is let go when its time has come: the policy is asked again for every recipient, as if it were
sent then, and the writer is told of those who do not get it (RFC 4865 sections 4.2 and 5.1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import IO, Final, Protocol

import structlog
from sqlalchemy import bindparam, select

from mailgate.database import Database, Statement, Tx
from mailgate.database.contract import Work
from mailgate.delivery.postponing import begun_again, postponed_of, prepared_of
from mailgate.delivery.reports import Reported, Reporter, printable, report
from mailgate.i18n import ascii_only, translator
from mailgate.moderation import held as table
from mailgate.moderation.held import HeldMessage, State
from mailgate.policy.audit import record_in
from mailgate.store import MailStore, Parcel
from mailgate.store.provisioning import SIGNS_IN
from mailgate.store.schema import account
from smtp.handler import Envelope, Recipient, SmtpError
from smtp.message import Prepared

log = structlog.stdlib.get_logger("mailgate.delivery")

PAUSE: Final = 600
"""Seconds until it is tried again to let a message go whose writer may not send for the moment."""
PATIENCE: Final = 86_400
"""Seconds after its time for which that is done."""
_READS: Final = Statement(
    select(account.c.account_id).where(
        account.c.account_id == bindparam("account_id"), account.c.state.in_(sorted(SIGNS_IN))
    )
)
_PERMANENT: Final = 500
_OF_THE_SENDER: Final = "4.7.1"
"""The status of refusals that pass and are not about one recipient: enough was sent for this hour."""


@dataclass(frozen=True, slots=True)
class Settling:
    """What goes into the transaction that lets a message go."""

    first: Work[None]
    parcels: Sequence[Parcel] = ()


class Submitting(Protocol):
    """What submits a message once more."""

    async def mail_from(self, envelope: Envelope) -> None: ...

    async def rcpt_to(self, envelope: Envelope, recipient: Recipient) -> None: ...

    async def submit(
        self, envelope: Envelope, message: Prepared, content: IO[bytes], identity: str, settling: Settling | None = None
    ) -> str: ...


class _TakenError(Exception):
    """Somebody else decided about the message meanwhile."""


Refused = tuple[Recipient, SmtpError]


@dataclass(frozen=True, slots=True)
class Releasing:
    """Lets messages go for one gateway."""

    database: Database
    store: MailStore
    submitting: Submitting
    reporter: Reporter
    clock: Callable[[], float]
    is_open: Callable[[int], Awaitable[bool]]
    """Whether an account is; who has left sends nothing."""

    async def release(self, held: HeldMessage) -> bool:
        """Let go what was postponed; whether anything came of it. Any number of nodes may do this at once."""
        content = await table.read_content(self.database, held)
        if content is None:
            return False
        with content:
            try:
                return await self._release(held, content)
            except _TakenError:
                return False

    async def _release(self, held: HeldMessage, content: IO[bytes]) -> bool:
        envelope, recipients = begun_again(held)
        message = prepared_of(held, content)
        refused: list[Refused] = []
        if not await self.is_open(held.sender_id):
            await self._end(held, message, envelope, [(one, _left(held)) for one in recipients])
            return True
        if self.clock() < postponed_of(held).release_at:  # its writer had left, and is back
            await self.database.write(partial(table.put_off, held=held, until=postponed_of(held).release_at))
            return False
        try:
            await self.submitting.mail_from(envelope)
            for one in recipients:
                await self._named(envelope, one, refused)
            if envelope.recipients:
                settling = Settling(self._settled(held, State.SENT), self._reports(held, message, envelope, refused))
                await self.submitting.submit(envelope, message, content, held.dispatch_id or "", settling)
                log.info("postponed message released", held_id=f"{held.held_id:x}", refused=len(refused))
                return True
        except SmtpError as error:
            if error.code < _PERMANENT and self.clock() < postponed_of(held).release_at + PATIENCE:
                await self.database.write(partial(table.put_off, held=held, until=int(self.clock()) + PAUSE))
                return False
            refused = [(one, error) for one in recipients]
        await self._end(held, message, envelope, refused)
        return True

    async def _end(self, held: HeldMessage, message: Prepared, envelope: Envelope, refused: Sequence[Refused]) -> None:
        """Let nobody have it, and tell a writer who still reads: one who has left does, for a while."""
        reads = await self.database.read(lambda tx: tx.one(_READS, account_id=held.sender_id)) is not None
        reports = self._reports(held, message, envelope, refused) if reads else []
        await self.store.deliver_all(reports, first=self._settled(held, State.EXPIRED))
        log.info("postponed message not released", held_id=f"{held.held_id:x}", refused=len(refused))

    async def _named(self, envelope: Envelope, recipient: Recipient, refused: list[Refused]) -> None:
        """Name a recipient to the policy once more. Raises SmtpError for what all of the message has to wait for."""
        try:
            await self.submitting.rcpt_to(envelope, recipient)
        except SmtpError as error:
            if error.status == _OF_THE_SENDER:
                raise
            refused.append((recipient, error))
        else:
            envelope.recipients.append(recipient)

    def _settled(self, held: HeldMessage, state: State) -> Work[None]:
        at = int(self.clock())
        after = replace(held, state=state, decided_at=at, decided_by="")

        async def work(tx: Tx) -> None:
            if not await table.decide(tx, held, after):
                raise _TakenError
            await table.let_go(tx, held.content_id)
            detail = f"{held.held_id:x} from {held.writer}"
            await record_in(tx, f"moderation {state}", held.target, detail, actor="mailgate", at=at)

        return work

    def _reports(
        self, held: HeldMessage, message: Prepared, envelope: Envelope, refused: Sequence[Refused]
    ) -> list[Parcel]:
        """What the writer is told of those who do not get it; nothing to the null reverse path (RFC 3461 section 6)."""
        told = [(to, error) for to, error in refused if not to.notify or "FAILURE" in to.notify]
        if not told or not envelope.mail_from:
            return []
        translate = translator(held.language)
        lines = [translate(_("Your message could not be delivered to:")), ""]
        for to, error in told:
            lines += [to.address, f"  {error.text}"]
        header = message.header.without(b"return-path")
        reported = Reported(
            header.octets, message.message_id, envelope.envelope_id, held.created_at, future=envelope.release_request
        )
        content = report(
            self.reporter, held.language, envelope.mail_from, reported, translate(_("Not delivered: {subject}")),
            "\n".join([*lines, ""]), [_fields(to, error) for to, error in told],
        )  # fmt: skip
        return [Parcel(BytesIO(content), frozenset({held.sender_id}), list_id=None)]


def _left(held: HeldMessage) -> SmtpError:
    text = translator(held.language)(_("You have left: what you wanted to be sent later is not sent."))
    return SmtpError(550, "5.7.1", ascii_only(text))


def _fields(to: Recipient, error: SmtpError) -> dict[str, str]:
    """RFC 3464 section 2.3."""
    found = {"Original-Recipient": printable(to.original)} if to.original else {}
    kind = "rfc822" if to.address.isascii() else "utf-8"
    found["Final-Recipient"] = f"{kind}; {to.address}"
    found["Action"] = "failed"
    found["Status"] = f"5{error.status[1:]}"
    return found


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
