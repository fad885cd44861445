"""Mail from other servers (RFC 5321): nobody signs in, and nothing but mail for our own addresses is taken."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from smtp.handler import Handler, Peer, SmtpError, Transaction
from smtp.limits import Limits
from smtp.server import Network, Server, peer_key
from smtp.session import Session, commands_of
from smtp.syntax import MailCommand, RcptCommand, is_domain, parse_host

_SLOW_DOWN: Final = "Too much from you in a minute, please come back soon"


class MxSession(Session[Transaction]):
    """A session of another server. TLS is offered and never asked for (RFC 3207 section 4)."""

    service = "ESMTP"
    faults = frozenset(range(500, 600))

    def __init__(self, server: Server, handler: Handler[Transaction], peer: Peer, *, dsn: bool = False) -> None:
        super().__init__(server, handler, peer)
        self._dsn = dsn
        self._trusted = server.trusts(peer.host)
        self._recipients = 0

    def _keywords(self) -> Iterator[str]:
        yield from super()._keywords()
        if self._dsn:
            yield "DSN"

    def _host(self, argument: str) -> str:
        """RFC 5321 section 2.3.5: a name in full, or an address literal; ours would be a loop, or a lie.

        Whether the name leads to the peer's address is no reason to refuse (section 4.1.4).
        """
        name = parse_host(argument)
        if self._trusted:
            return name
        if not _is_in_full(name.replace("_", "-")):
            raise SmtpError(504, "5.5.2", "Say your host name in full")
        if name.lower() == self._server.hostname.lower():
            raise SmtpError(550, "5.7.1", "That is the name of this server, not yours")
        return name

    def _begun(self, command: MailCommand) -> Transaction:
        if not self._dsn and (command.dsn_return is not None or command.envelope_id is not None):
            raise SmtpError(555, "5.5.4", "DSN is not supported")
        if command.hold is not None:
            raise SmtpError(555, "5.5.4", "FUTURERELEASE is not supported")
        if command.address and not self._may_call_itself(command.address):
            raise SmtpError(553, "5.1.7", "Give the reverse path with its domain in full")
        if not self._server.messages.take(peer_key(self.peer.host), self._limits.message_rate):
            raise SmtpError(450, "4.7.1", _SLOW_DOWN)
        return Transaction(
            peer=self.peer,
            helo=self._helo,
            extended=self._extended,
            mail_from=command.address,
            smtputf8=command.smtputf8,
            body_8bit=command.body_8bit,
            declared_size=command.size,
            dsn_return=command.dsn_return,
            envelope_id=command.envelope_id,
            require_tls=command.require_tls,
        )

    def _may_call_itself(self, reverse_path: str) -> bool:
        return self._trusted or _is_in_full(reverse_path.rpartition("@")[2])

    def _check_recipient(self, command: RcptCommand) -> None:
        envelope = self._under_way()
        if not envelope.mail_from and envelope.recipients and not self._trusted:
            # What comes from nobody is about one message of one person (RFC 5321 section 4.5.5).
            raise SmtpError(452, "4.5.3", "A message without reverse path has one recipient; send to the others apart")
        if not self._dsn and (command.notify or command.original is not None):
            raise SmtpError(555, "5.5.4", "DSN is not supported")
        most = self._limits.recipients_per_connection
        if most is not None and self._recipients >= most:
            raise SmtpError(452, "4.5.3", "Too many recipients in one connection")
        if not self._server.recipients.take(peer_key(self.peer.host), self._limits.recipient_rate):
            raise SmtpError(450, "4.7.1", _SLOW_DOWN)
        self._recipients += 1


def _is_in_full(name: str) -> bool:
    """Whether a name can be one of the whole Internet, or is an address literal."""
    return is_domain(name) and ("." in name or name.startswith("[")) and not name.rsplit(".", maxsplit=1)[-1].isdigit()


MxSession.commands = commands_of(Session)


class MxServer(Server):
    """A mail exchanger on any number of sockets, with STARTTLS (RFC 3207)."""

    def __init__(
        self,
        handler: Handler[Transaction],
        tls_context: ssl.SSLContext,
        *,
        hostname: str,
        limits: Limits | None = None,
        spool: Path | None = None,
        trusted: Iterable[Network] = (),
        dsn: bool = False,
    ) -> None:
        """`dsn`: whether the application sends the reports of RFC 3461."""
        super().__init__(tls_context, hostname=hostname, limits=limits, spool=spool, trusted=trusted)
        self._handler = handler
        self._dsn = dsn

    def _session(self, peer: Peer) -> MxSession:
        return MxSession(self, self._handler, peer, dsn=self._dsn)
