"""ESEARCH: several mailboxes in one search (RFC 7377)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.fetch_items import FetchItem
from imap.parsing.lexer import Cursor
from imap.parsing.limits import MAX_EVENT_GROUPS
from imap.parsing.mailbox_filter import MailboxFilter, Scope, mailbox_filter
from imap.parsing.partial import PartialRange
from imap.parsing.return_options import Returns, SearchReturn, return_options, skip_word
from imap.parsing.search import charset, search_keys
from imap.parsing.search_keys import SearchKey

_SCOPES: Final = frozenset(Scope) - {Scope.SELECTED_DELAYED}
SELECTED: Final = MailboxFilter(Scope.SELECTED)


@dataclass(frozen=True, slots=True)
class Esearch(Command):
    """ESEARCH (RFC 7377 section 2); without IN it is about the selected mailbox."""

    verb: ClassVar[str] = "ESEARCH"
    sources: tuple[MailboxFilter, ...]
    key: SearchKey = field(repr=False)
    returns: frozenset[SearchReturn]
    charset: str | None = None
    modseq: bool = False
    partial: PartialRange | None = None
    items: tuple[FetchItem, ...] = ()


# esearch = "ESEARCH" [SP esearch-source-opts] [SP search-return-opts] SP search-program
def esearch(cursor: Cursor) -> Esearch:
    cursor.space()
    sources = _sources(cursor) if skip_word(cursor, b"IN ") else (SELECTED,)
    options, partial, items = return_options(cursor) or Returns(frozenset({SearchReturn.ALL}))
    bound = options & {SearchReturn.SAVE, SearchReturn.UPDATE}
    if bound and sources != (SELECTED,):
        raise BadCommand("SAVE and UPDATE are for the selected mailbox alone")
    text_charset = charset(cursor, saves=SearchReturn.SAVE in options) if skip_word(cursor, b"CHARSET ") else None
    key, modseq = search_keys(cursor, scored=SearchReturn.RELEVANCY in options)
    return Esearch(sources, key, options, text_charset, modseq, partial, items)


# esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
# source-mbox = filter-mailboxes *(SP filter-mailboxes)
def _sources(cursor: Cursor) -> tuple[MailboxFilter, ...]:
    """The sources and the space after them; no scope options exist."""
    cursor.expect(b"(")
    found = cursor.items(lambda inner: mailbox_filter(inner, _SCOPES), limit=MAX_EVENT_GROUPS, what="sources")
    cursor.space()
    return tuple(dict.fromkeys(found))
