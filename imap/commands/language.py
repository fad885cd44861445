"""LANGUAGE (RFC 5255 section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imap.errors import BadCommand, CommandRefused
from imap.language import I_DEFAULT, choose
from imap.parsing.connection import Language
from imap.responses import Completion

if TYPE_CHECKING:
    from imap.session import Session


async def language(session: Session, _tag: str, command: Language) -> Completion:
    """Change the language of texts from here on, or list the languages."""
    catalogue = session.context.catalogue
    if catalogue is None:
        raise BadCommand("Unknown command")
    if not command.ranges:
        session.put(f"* LANGUAGE ({' '.join((*catalogue.languages, I_DEFAULT))})\r\n".encode())
        return Completion("These are the languages")
    chosen = choose(catalogue, command.ranges)
    if chosen is None:
        raise CommandRefused("None of these languages is spoken here")
    session.language = None if chosen == I_DEFAULT else chosen
    session.put(f"* LANGUAGE ({chosen})\r\n".encode())
    return Completion("Now speaking this language")
