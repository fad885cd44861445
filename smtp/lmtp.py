"""Mail from a server in front (RFC 2033): it has taken the message from the world, and keeps it for whom we refuse.

What is for the MX to find out of a server that it does not know is not asked here: how it calls itself, how often it
comes, how many errors it makes. Recipients and messages are looked at as there.
"""

from __future__ import annotations

from smtp.content import Content
from smtp.handler import Handler, Peer, SmtpError, Transaction
from smtp.inbound import Disconnected
from smtp.limits import Limits
from smtp.mx import MxServer, MxSession
from smtp.replies import Closing
from smtp.server import Server
from smtp.session import Session, commands_of
from smtp.syntax import MailCommand


class LmtpSession(MxSession):
    """A session of a server in front."""

    service = "LMTP"
    hello = "LHLO"
    each_answers = True

    def __init__(self, server: Server, handler: Handler[Transaction], peer: Peer, *, dsn: bool = False) -> None:
        super().__init__(server, handler, peer, dsn=dsn)
        self._trusted = True

    async def smtp_LHLO(self, hostname: str) -> None:  # noqa: N802
        """RFC 2033 section 4.1: what EHLO is in SMTP."""
        await self.smtp_EHLO(hostname)

    def _begun(self, command: MailCommand) -> Transaction:
        envelope = super()._begun(command)
        envelope.lmtp = True
        return envelope

    async def _deliver(self, envelope: Transaction, content: Content) -> None:
        """One reply for each recipient, in their order (section 4.2)."""
        everybody: SmtpError | None = None
        text = ""
        try:
            text = await self._hand_over(envelope, content)
        except (Closing, Disconnected):
            raise
        except SmtpError as refusal:
            everybody = refusal
        except Exception as error:  # as for any command
            everybody = self._failed(error)
        for recipient in envelope.recipients:
            if answer := recipient.refusal or everybody:
                self._refuse(answer)
            else:
                self._reply(250, "2.0.0", text)


LmtpSession.commands = {
    verb: method for verb, method in commands_of(Session, LmtpSession).items() if verb not in {"EHLO", "HELO"}
}


class LmtpServer(MxServer):
    """LMTP on any number of sockets, for clients in `trusted` networks, and for all who may open a Unix socket."""

    def limits_of(self, host: str) -> Limits:
        """Lifted for whoever may connect at all."""
        return self._lifted

    def _session(self, peer: Peer) -> LmtpSession:
        return LmtpSession(self, self._handler, peer, dsn=self._dsn)

    def _refusal(self, peer: Peer) -> SmtpError | None:
        if peer.host and not self.trusts(peer.host):
            return Closing(421, "4.7.1", "Only servers in front of this one may connect here")
        return super()._refusal(peer)
