"""Decisions by a message: its recipient is a token's address, its writer the token's owner, nobody else.

A decision answers at RCPT TO when it cannot be made, and at the end of the data when it was. An answer to the notice
decides by one word that stands alone on a line; one without it, such as that of an absent person's program, decides
nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, Final

from imap.message import readable_text
from mailgate.delivery.posting import is_automatic
from mailgate.i18n import Language, ascii_only
from mailgate.moderation.deciding import MAX_WORDS, DecidedError, Moderation, Ticket, UndeliverableError
from mailgate.moderation.held import OPEN, State
from mailgate.moderation.links import Service
from mailgate.moderation.tokens import Action
from mailgate.moderation.wording import Writer
from smtp.handler import Envelope, SmtpError
from smtp.header import Header

_READ: Final = 256 * 1024
"""Octets of a message that are looked through for words to the writer."""
_FIRST: Final = 10
"""Lines of an answer that are looked at: some programs put one on top that says whom it answers."""
_DECIDING: Final = {
    **dict.fromkeys(("approve", "approuver", "yes", "oui", "ok"), Action.APPROVE),
    **dict.fromkeys(("refuse", "refuser", "no", "non"), Action.REFUSE),
}


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


class DecisionsByMail:
    """What the submission server does with the addresses of `Service`."""

    def __init__(self, moderation: Moderation, service: Service, language: Language) -> None:
        self._moderation = moderation
        self._service = service
        self._language = language

    def is_for(self, address: str) -> bool:
        """Whether an address is one of the service's."""
        return self._service.token_in(address) is not None

    async def rcpt_to(self, envelope: Envelope, address: str) -> Ticket:
        """The decision that this person may make by writing there. Raises SmtpError."""
        ticket = await self._moderation.ticket(self._service.token_in(address) or "")
        writer = Writer(ticket.held.language if ticket else self._language, self._service.zone)
        if ticket is None:
            raise _refusal(writer, _("To decide about a message, please use one of the links in the notice about it."))
        if ticket.decider.account_id != envelope.sender.account_id:
            raise _refusal(writer, _("Only the person who got the notice may decide with its links."))
        if ticket.held.state not in OPEN:
            raise _refusal(writer, writer.became(ticket.held))
        if envelope.recipients:
            raise _refusal(writer, _("Please send a decision alone, to nobody else."))
        return ticket

    async def deliver(self, ticket: Ticket, header: Header, content: IO[bytes]) -> str:
        """Decide; give the text after ``250``. Raises SmtpError."""
        writer = Writer(ticket.held.language, self._service.zone)
        if is_automatic(header):
            raise _refusal(writer, _("Automatic answers decide nothing."))
        action, words = ticket.action, _words(content)
        if action is Action.REPLY:
            said = _decision(words)
            if said is None:
                raise _refusal(writer, _("Nothing was decided: please write “approve” or “refuse” on the first line."))
            action, words = said
        try:
            held = await self._moderation.use(replace(ticket, action=action), words if action is Action.REFUSE else "")
        except DecidedError as error:
            raise _refusal(writer, writer.became(error.held)) from None
        except UndeliverableError as error:
            raise _refusal(writer, writer.undeliverable(stopped=error.stopped)) from None
        done = {
            State.APPROVED: _("Approved: the message is delivered."),
            State.REFUSED: _("Refused: the message is not delivered, and its writer is told."),
            State.CANCELLED: _("Taken back: the message is not delivered."),
        }[held.state]
        return ascii_only(writer.say(done))


def _refusal(writer: Writer, text: str) -> SmtpError:
    return SmtpError(550, "5.7.1", ascii_only(writer.translate(text)))


def _decision(text: str) -> tuple[Action, str] | None:
    """The word among the first lines that decides, and what follows it; None where there is none."""
    lines = text.splitlines()
    for at, line in enumerate(lines[:_FIRST]):
        if action := _DECIDING.get(line.strip(" .!,").casefold()):
            return action, "\n".join(lines[at + 1 :]).strip()
    return None


def _words(content: IO[bytes]) -> str:
    """What a person wrote, without what they quoted and without a signature."""
    content.seek(0)
    kept: list[str] = []
    for line in readable_text(content.read(_READ), 4 * MAX_WORDS).splitlines():
        if line == "--":
            break
        if not line.startswith(">"):
            kept.append(line)
    return "\n".join(kept).strip()[:MAX_WORDS]
