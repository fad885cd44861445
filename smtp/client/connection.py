"""A connection to one server, and transactions over it (RFC 5321 section 4.1), by aiosmtplib.

It opens the connection; what follows is said by `smtp.client.wire`, the content in blocks, as the socket takes them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import aiosmtplib

from smtp.client.answers import Answer, from_reply
from smtp.client.content import Stuffing
from smtp.client.tls import TlsFailure
from smtp.client.wire import Wire
from smtp.tls_demand import TlsDemand

_BLOCK: Final = 64 * 1024
_OURS_TO_MEND: Final = frozenset({530, 534, 535, 538})
"""Replies about signing in (RFC 4954 section 6): wrong settings are no reason to return anybody's message."""
_TOO_MANY: Final = 452
_TRY_ELSEWHERE: Final = 421
_GO_ON: Final = 354
_LEAVE: Final = 5.0
"""Seconds until a server has answered to QUIT."""

Failure = (aiosmtplib.SMTPException, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds without an answer, by RFC 5321 section 4.5.3.2."""

    connect: float = 30.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    final: float = 600.0


@dataclass(frozen=True, slots=True)
class Host:
    """A server: the name that its certificate is to have, and where it listens."""

    name: str
    address: str
    port: int

    def __str__(self) -> str:
        """As answers name it."""
        return f"{self.name}[{self.address}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Mail:
    """The envelope of a message without its recipients; `size` is octets."""

    mail_from: str
    size: int
    eightbit: bool = False
    utf8: bool = False
    ret: str | None = None
    envelope_id: str | None = None
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class To:
    """A recipient with its DSN parameters (RFC 3461 section 4)."""

    address: str
    notify: tuple[str, ...] = ()
    original: str | None = None


class Connection:
    """An open connection after EHLO. One transaction at a time; `usable` says whether another may follow."""

    def __init__(
        self, client: aiosmtplib.SMTP, host: Host, timeouts: Timeouts, *, verified: bool = False,
        demand: TlsDemand = TlsDemand.POLICY, failure: TlsFailure | None = None,
    ) -> None:  # fmt: skip
        """`verified`: it is under TLS with the very server that the destination names (RFC 8689 section 2); `demand`
        is what it was made for; `failure` is what kept it from TLS that it may do without. Raises
        SMTPServerDisconnected.
        """
        self._client = client
        self._wire = Wire(client)
        self._host = host
        self._timeouts = timeouts
        self._verified = verified
        self._demand = demand
        self.failure = failure
        self._ended = False
        self.usable = True

    def serves(self, demand: TlsDemand) -> bool:
        """Whether a message that is tagged so may be sent over it."""
        match demand:
            case TlsDemand.REQUIRED:
                return self._verified and self._offers("requiretls")
            case TlsDemand.POLICY:
                return self._demand is not TlsDemand.OPTIONAL
            case TlsDemand.OPTIONAL:
                return True

    async def send(
        self, mail: Mail, recipients: Sequence[To], content: AsyncIterator[bytes], go_ahead: Callable[[], bool]
    ) -> list[Answer]:
        """One transaction; an answer for each recipient, whatever happens.

        `go_ahead` is asked after the content, before the end of data: without it the message is given up. Cancelled,
        it may have handed over the message, and the connection is closed.
        """
        if refusal := self._cannot(mail):
            return [refusal] * len(recipients)
        self._ended = False
        answers: list[Answer | None] = [None] * len(recipients)
        try:
            final = await self._transaction(mail, recipients, content, go_ahead, answers)
        except Failure as error:
            self._drop()
            final = replace(failed(self._host, error), doubtful=self._ended)
        except BaseException:
            self._drop()
            raise
        return [final if one is None or one.positive else one for one in answers]

    async def close(self) -> None:
        """Take leave."""
        usable, self.usable = self.usable, False
        try:
            if usable:
                with suppress(*Failure):
                    self._wire.command(b"QUIT")
                    await self._wire.reply(_LEAVE)
        finally:
            self._drop()

    def _drop(self) -> None:
        self.usable = False
        self._client.close()

    def _offers(self, extension: str) -> bool:
        return self._client.supports_extension(extension)

    def _cannot(self, mail: Mail) -> Answer | None:
        """Why this server cannot be handed this message."""
        limit = self._client.esmtp_extensions.get("size", "")
        if limit.isdecimal() and 0 < int(limit) < mail.size:
            return Answer(
                552, "5.3.4", f"The message has {mail.size} octets, the server takes {limit}", str(self._host)
            )
        if mail.utf8 and not self._offers("smtputf8"):
            return Answer(553, "5.6.7", "The server takes ASCII addresses and headers only", str(self._host))
        if mail.eightbit and not self._offers("8bitmime"):
            return Answer(554, "5.6.3", "The server takes messages in 7 bits only", str(self._host))
        if mail.require_tls and mail.mail_from and not self.serves(TlsDemand.REQUIRED):
            return not_promised(str(self._host))
        return None

    async def _transaction(
        self,
        mail: Mail,
        recipients: Sequence[To],
        content: AsyncIterator[bytes],
        go_ahead: Callable[[], bool],
        answers: list[Answer | None],
    ) -> Answer:
        """Fill `answers` with what RCPT brought; the answer to the whole."""
        commands = [self._mail_from(mail), *map(self._rcpt_to, recipients), b"DATA"]
        first, *others = found = await self._begin(commands)
        last = found[-1]
        begun = len(found) == len(commands) and last.code == _GO_ON
        if first.positive:
            of_recipients = others[: len(recipients)]
            answers[: len(of_recipients)] = of_recipients
            if last.code == _TRY_ELSEWHERE:
                self._drop()
                return replace(last, of_host=len(found) < len(commands))
            if any(one.positive for one in of_recipients):
                if begun:
                    return await self._data(content, go_ahead)
                refusal = replace(last, code=451, status="4.5.0") if last.positive else last
            else:
                refusal = of_recipients[-1]
        else:
            refusal = replace(first, of_host=first.temporary)
        await self._reset(refusal, begun=begun)
        return refusal

    async def _begin(self, commands: Sequence[bytes]) -> list[Answer]:
        """The answers to MAIL, RCPT and DATA, up to one that ends it. All is said at once where the server takes it so
        (RFC 2920 section 3.1); elsewhere nothing more after MAIL was refused, or every RCPT.
        """
        pipelined = self._offers("pipelining")
        if pipelined:
            self._wire.command(*commands)
        found: list[Answer] = []
        for command in commands:
            is_data = len(found) == len(commands) - 1
            if not pipelined:
                if found and not (found[0].positive and (not is_data or any(one.positive for one in found[1:]))):
                    break
                self._wire.command(command)
            found.append(await self._answer(self._timeouts.data if is_data else self._timeouts.command))
            if found[-1].code == _TRY_ELSEWHERE:
                break
        return found

    async def _data(self, content: AsyncIterator[bytes], go_ahead: Callable[[], bool]) -> Answer:
        stuffing, last = Stuffing(), b""
        async for block in content:
            for at in range(0, len(block), _BLOCK):
                if last:
                    self._wire.write(last)
                    await self._wire.drain(self._timeouts.block)
                last = stuffing.feed(block[at : at + _BLOCK])
        if not go_ahead():
            self._drop()
            return Answer(451, "4.3.0", "Given up before the end of data")
        self._ended = True
        self._wire.write(last + stuffing.end(), replies=1)
        answer = from_reply(*await self._wire.reply(self._timeouts.final), str(self._host))
        self._ended = False
        if answer.code == _TRY_ELSEWHERE:
            self._drop()
        return replace(answer, relayed=not self._offers("dsn"))

    async def _answer(self, timeout: float) -> Answer:
        answer = from_reply(*await self._wire.reply(timeout), str(self._host))
        return answer.softened() if answer.code in _OURS_TO_MEND else answer

    async def _reset(self, answer: Answer, *, begun: bool) -> None:
        """Be ready for another transaction after one that was refused. Where the server waits for the content, as DATA
        was said together with what it refused, that is empty (RFC 2920 section 3.1).
        """
        if answer.code == _TRY_ELSEWHERE:
            self._drop()
            return
        if begun:
            self._wire.write(b".\r\n", replies=1)
            await self._answer(self._timeouts.final)
        self._wire.command(b"RSET")
        if not (await self._answer(self._timeouts.command)).positive:
            self._drop()

    def _mail_from(self, mail: Mail) -> bytes:
        words = [f"MAIL FROM:<{mail.mail_from}>"]
        if self._offers("size"):
            words.append(f"SIZE={mail.size}")
        if mail.eightbit or (mail.utf8 and self._offers("8bitmime")):
            words.append("BODY=8BITMIME")
        if mail.utf8:
            words.append("SMTPUTF8")
        if mail.require_tls and self.serves(TlsDemand.REQUIRED):
            words.append("REQUIRETLS")
        if self._offers("dsn"):
            words += [f"RET={mail.ret}"] if mail.ret else []
            words += [f"ENVID={xtext(mail.envelope_id)}"] if mail.envelope_id else []
        return " ".join(words).encode()

    def _rcpt_to(self, to: To) -> bytes:
        words = [f"RCPT TO:<{to.address}>"]
        if self._offers("dsn"):
            words += [f"NOTIFY={','.join(to.notify)}"] if to.notify else []
            kind, _, original = (to.original or "").partition(";")
            words += [f"ORCPT={kind};{xtext(original)}"] if original.isascii() and original else []
        return " ".join(words).encode()


def not_promised(remote: str) -> Answer:
    """That a server does not promise TLS for the rest of the way (RFC 8689 section 4.2.1)."""
    return Answer(550, "5.7.30", "The server does not offer REQUIRETLS (RFC 8689)", remote)


def xtext(text: str) -> str:
    """xtext = *( xchar / hexchar ) (RFC 3461 section 4)."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def failed(host: Host, error: BaseException) -> Answer:
    """A server that cannot be talked to: always temporary, whatever it greeted with."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return replace(from_reply(error.code, error.message, str(host)).softened(), of_host=True)
    silent = isinstance(error, TimeoutError)
    words = "does not answer" if silent else f"cannot be reached: {type(error).__name__} {error}"[:200]
    return Answer(421, "4.4.1" if silent else "4.4.2", f"{host} {words}", "", of_host=True)
