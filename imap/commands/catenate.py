"""CATENATE: a message put together from texts and from parts of messages that are here (RFC 4469, RFC 5092, RFC 5550).

Everything goes piece by piece into a temporary file, so that memory does not grow with the message.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, aclosing
from typing import IO, TYPE_CHECKING, Final, cast
from urllib.parse import quote

from imap.backend import HIERARCHY_DELIMITER, Entry, MailboxRef, Rendered, Rendering
from imap.commands.recoding import is_literal8, recoded
from imap.errors import CommandRefused, MailboxNotFound, MessageTooLarge, ServiceUnavailable
from imap.message import PartTable, filter_header
from imap.message import SectionText as PartText
from imap.parsing.append import AppendItem, Url
from imap.parsing.fetch_items import Section, SectionText
from imap.parsing.literals import Literal
from imap.parsing.url import BadUrl, MessageUrl, parse_url
from imap.rights import Rights

if TYPE_CHECKING:
    from imap.session import Session

_PIECE: Final = 262_144
"""Octets per look into the store."""
_FIELDS: Final = {SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}
_SHOWN_URL: Final = 500
"""Octets of a URL that BADURL repeats."""
_URL_TEXT: Final = "!\"#$%&'()*+,/:;<=>?@[\\^`{|}"
"""What of it stands as it is: the closing bracket would end the response code."""


async def contents(session: Session, items: Sequence[AppendItem], stack: ExitStack) -> list[IO[bytes]]:
    """The messages of APPEND or REPLACE as files at their beginning, open until `stack` closes.

    Raises MessageTooLarge, ServiceUnavailable, and CommandRefused: with BADURL for the first URL that leads nowhere,
    with UNKNOWN-CTE for a literal8 with binary parts that cannot be stored.
    """
    left = session.context.limits.append
    files = []
    for item in items:
        first = item.parts[0]
        if len(item.parts) == 1 and isinstance(first, Literal):
            file, size = _file(first), first.size
        else:
            file, size = await _put_together(session, item.parts, min(left, _most(session)), stack)
        if not size:
            raise CommandRefused("A message cannot be empty")
        if is_literal8(item.parts):
            file, size = await recoded(session, file, size, min(left, _most(session)), stack)
        left -= size
        files.append(file)
    return files


def _file(literal: Literal) -> IO[bytes]:
    return io.BytesIO(literal.data) if isinstance(literal.data, bytes) else literal.data


def _most(session: Session) -> int:
    return session.connection.reader.message_limit


async def _put_together(
    session: Session, parts: Sequence[Literal | Url], most: int, stack: ExitStack
) -> tuple[IO[bytes], int]:
    """One message and its size."""
    spool = tempfile.SpooledTemporaryFile(max_size=session.context.limits.spool)  # noqa: SIM115
    stack.enter_context(spool)
    size = 0
    for part in parts:
        pieces = _literal(part) if isinstance(part, Literal) else _linked(session, part.url)
        async with aclosing(pieces):
            async for piece in pieces:
                size += len(piece)
                if size > most:
                    raise MessageTooLarge("A message has {most} octets at most", most=_most(session))
                try:
                    spool.write(piece)
                except OSError as error:
                    raise ServiceUnavailable("No room for this message right now, please try again later") from error
    spool.seek(0)
    return cast("IO[bytes]", spool), size


async def _literal(literal: Literal) -> AsyncGenerator[bytes, None]:
    """A text; its own file, if it has one, is given back at once."""
    with _file(literal) as file:
        while piece := file.read(_PIECE):
            yield piece
            await asyncio.sleep(0)  # other clients come first


async def _linked(session: Session, url: bytes) -> AsyncGenerator[bytes, None]:
    """The octets that a URL names, unchanged."""
    try:
        named = parse_url(url)
        entry, rendered = await _find(session, named)
        if named.section.text in _FIELDS:
            text = await _fields(session, named.section, entry, rendered)
            yield text[named.start : None if named.length is None else named.start + named.length]
            return
        start, stop = _bounds(named.section, rendered)
        start = min(start + named.start, stop)
        if named.length is not None:
            stop = min(start + named.length, stop)
    except (BadUrl, MailboxNotFound) as error:
        raise _refusal(url, str(error)) from error
    while start < stop:
        piece = await session.account.read(entry.message_id, start, min(start + _PIECE, stop))
        if not piece:
            raise _refusal(url, "This message is gone")
        start += len(piece)
        yield piece


async def _find(session: Session, named: MessageUrl) -> tuple[Entry, Rendered]:
    """The message that the URL names. Raises BadUrl, MailboxNotFound."""
    if named.host is not None:
        _require_this_server(session, named)
    mailbox, uidvalidity = await _mailbox(session, named)
    if named.uidvalidity not in {None, uidvalidity}:
        raise BadUrl("This mailbox has another UIDVALIDITY")
    entries = await session.account.entries(mailbox, [named.uid])
    wanted = Rendering.PARTS | (Rendering.HEADER if named.section.text in _FIELDS else Rendering(0))
    texts = await session.account.rendered({entry.message_id for entry in entries}, wanted)
    for entry in entries:
        if entry.message_id in texts:
            return entry, texts[entry.message_id]
    raise BadUrl("No message has this UID")


def _require_this_server(session: Session, named: MessageUrl) -> None:
    """An absolute URL must lead here, and to the person who is signed in."""
    if named.host != session.context.hostname.lower():
        raise BadUrl("This URL leads to another server")
    if named.user is not None and named.user != session.account.username:
        raise BadUrl("This URL leads to another person")


async def _mailbox(session: Session, named: MessageUrl) -> tuple[MailboxRef, int]:
    """The mailbox of a URL and its UIDVALIDITY; a relative URL starts from the selected one (RFC 4469 section 3)."""
    view = session.view
    name = named.mailbox
    if name is None:
        if view is None:
            raise BadUrl("No mailbox is selected")
        return view.mailbox.ref, view.mailbox.uidvalidity
    if view is not None and not named.rooted:
        base = [mailbox.name for mailbox in await session.account.mailboxes() if mailbox.ref == view.mailbox.ref]
        level = "".join(base).rpartition(HIERARCHY_DELIMITER)[0]
        name = f"{level}{HIERARCHY_DELIMITER}{name}" if level else name
    mailbox = await session.account.mailbox(name)
    if Rights.READ not in mailbox.rights:
        raise BadUrl("This mailbox is not yours to read")
    return mailbox.ref, mailbox.uidvalidity


def _bounds(section: Section, rendered: Rendered) -> tuple[int, int]:
    """Where a section begins and ends in the message. Raises BadUrl."""
    text = None if section.text is None else cast("PartText", section.text.value)
    bounds = PartTable.decode(rendered.parts).section(section.part, text)
    if bounds is None:
        raise BadUrl("The message has no such section")
    return bounds


async def _fields(session: Session, section: Section, entry: Entry, rendered: Rendered) -> bytes:
    """HEADER.FIELDS of the message, or of one within it. Raises BadUrl."""
    header = rendered.header
    if section.part:
        start, stop = _bounds(Section(section.part, SectionText.HEADER), rendered)
        pieces = [
            await session.account.read(entry.message_id, position, min(position + _PIECE, stop))
            for position in range(start, stop, _PIECE)
        ]
        header = b"".join(pieces)
    return filter_header(header, section.fields, section.text is SectionText.HEADER_FIELDS_NOT)


def _refusal(url: bytes, reason: str) -> CommandRefused:
    """NO with BADURL, which repeats the URL as far as a response code can (RFC 4469 section 5, url-resp-text)."""
    shown = quote(url[:_SHOWN_URL], safe=_URL_TEXT)
    return CommandRefused(reason, code=f"BADURL {shown}")
