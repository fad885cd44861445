"""SEARCH: return options, charset and the tree of keys (RFC 9051 section 6.4.4, RFC 4731, RFC 5182, RFC 7162)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Final

from imap import flags
from imap.errors import BadCharset, BadCommand, ImapError
from imap.parsing.commands import Command
from imap.parsing.fetch import header_field
from imap.parsing.fetch_items import FetchItem
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_FILTER_NAME, MAX_NESTING, MAX_SEARCH_KEYS
from imap.parsing.literals import CommandInput, Literal, announced_literal
from imap.parsing.partial import PartialRange
from imap.parsing.return_options import SearchReturn, return_options, skip_word
from imap.parsing.search_keys import (
    All,
    And,
    BodyContains,
    Filter,
    Fuzzy,
    HasEmailId,
    HasFlag,
    HasKeyword,
    HasThreadId,
    HeaderContains,
    IsRecent,
    LargerThan,
    ModSeqFrom,
    Not,
    NumberIn,
    OlderThan,
    Or,
    ReceivedDate,
    SavedDate,
    SearchKey,
    SentDate,
    SmallerThan,
    TextContains,
    UidIn,
    Unresolved,
    When,
    YoungerThan,
    has_fuzzy,
)
from imap.parsing.values import date, keyword, sequence_set


@dataclass(frozen=True, slots=True)
class Search(Command):
    """SEARCH and UID SEARCH (RFC 9051 6.4.4).

    ``returns`` is None without RETURN: then the answer is the SEARCH response of RFC 3501 for a plain session;
    ``RETURN ()`` is given as ``ALL``.
    """

    verb: ClassVar[str] = "SEARCH"
    uid: bool
    key: SearchKey = field(repr=False)
    charset: str | None = None
    returns: frozenset[SearchReturn] | None = None
    modseq: bool = False
    """Whether a MODSEQ key stands anywhere: the answer then tells the highest one (RFC 7162 3.1.5)."""
    partial: PartialRange | None = None
    items: tuple[FetchItem, ...] = ()
    """What UPDATE tells at once of new messages (RFC 5465 section 7)."""


CHARSETS: Final = ("US-ASCII", "UTF-8")
_KEY_NAME: Final = re.compile(rb"[A-Za-z]+")
_FILTER_NAME: Final = re.compile(rb"[!#$&'+,\-.0-9:;<=>?@A-Z\[\^_`a-z|}~]+")
_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}(?![A-Za-z0-9_-])")
_ENTRY: Final = re.compile(rb"/flags/\\?[^\\\"(){ %*\]\x00-\x1f\x7f-\xff]+", re.IGNORECASE)
_ENTRY_TYPES: Final = (b"PRIV", b"SHARED", b"ALL")


# search = "SEARCH" [search-return-opts] SP search-program
# search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)
def search(cursor: Cursor, *, uid: bool) -> Search:
    cursor.space()
    options, partial, items = return_options(cursor) or (None, None, ())
    saves = options is not None and SearchReturn.SAVE in options
    text_charset = charset(cursor, saves=saves) if skip_word(cursor, b"CHARSET ") else None
    key, modseq = search_keys(cursor, scored=options is not None and SearchReturn.RELEVANCY in options)
    return Search(uid, key, text_charset, options, modseq, partial, items)


# charset = atom / quoted
def charset(cursor: Cursor, *, saves: bool = False) -> str:
    """A charset and the space after it. Raises BadCharset for one that is not spoken."""
    name = cursor.text_astring("a charset").upper()
    cursor.space()
    if name not in CHARSETS:
        raise BadCharset(saves=saves, malformed=_names_filter(cursor))
    return name


def _names_filter(cursor: Cursor) -> bool:
    """Whether the keys that follow name a filter: with another charset that is BAD, not NO (RFC 5466 section 3.1)."""
    try:
        key, _ = search_keys(cursor)
    except ImapError:
        return False
    return isinstance(key, Unresolved)


# search-key *(SP search-key)
def search_keys(cursor: Cursor, *, scored: bool = False) -> tuple[SearchKey, bool]:
    """The keys as one, and whether MODSEQ is among them; FUZZY has to be when messages are `scored` (RFC 6203 4, 6)."""
    keys = _Keys(cursor)
    found = [keys.key(0)]
    while cursor.skip(b" "):
        found.append(keys.key(0))
    if scored and not keys.filters and not any(map(has_fuzzy, found)):
        raise BadCommand("RELEVANCY needs a FUZZY search key")
    key = _all_of(found)
    return (Unresolved(key) if keys.filters else key), keys.modseq


# search-criteria = search-key *(SP search-key) ; RFC 5466
def criteria(value: bytes) -> tuple[SearchKey, bool]:
    """Keys as a filter keeps them, in UTF-8. Raises BadCommand."""
    parts: list[bytes | Literal] = []
    rest = value
    while (end := rest.find(b"\r\n")) >= 0 and (announced := announced_literal(rest[:end])) is not None:
        content = rest[end + 2 : end + 2 + announced.size]
        if len(content) < announced.size:
            raise BadCommand("A literal is cut short")
        parts += rest[: announced.start], Literal(announced.size, content)
        rest = rest[end + 2 + announced.size :]
    cursor = Cursor(CommandInput([*parts, rest]), utf8=True)
    keys = search_keys(cursor)
    cursor.end()
    return keys


# filter-name = 1*<any ATOM-CHAR except "/">
def filter_name(name: bytes) -> str:
    """A name in lower case. Raises BadCommand."""
    if not _FILTER_NAME.fullmatch(name) or len(name) > MAX_FILTER_NAME:
        raise BadCommand("Expected the name of a filter")
    return name.decode().lower()


def _all_of(keys: list[SearchKey]) -> SearchKey:
    return keys[0] if len(keys) == 1 else And(tuple(keys))


class _Keys:
    """The recursive part of the grammar, which counts its depth and its keys."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.count = 0
        self.modseq = False
        self.filters = False

    # search-key = sequence-set / "(" search-key *(SP search-key) ")" / "NOT" SP search-key /
    #              "FUZZY" SP search-key / "OR" SP search-key SP search-key / the names in `_KEYS`
    def key(self, depth: int) -> SearchKey:
        self.count += 1
        if self.count > MAX_SEARCH_KEYS:
            raise BadCommand("More than {most} search keys", most=MAX_SEARCH_KEYS)
        if depth > MAX_NESTING:
            raise BadCommand("Search keys nested more than {most} deep", most=MAX_NESTING)
        cursor = self.cursor
        if cursor.skip(b"("):
            return _all_of(cursor.items(lambda _: self.key(depth + 1), limit=MAX_SEARCH_KEYS, what="search keys"))
        if cursor.ahead() in _SET_BEGINS:
            return NumberIn(sequence_set(cursor))
        start = cursor.pos
        match cursor.word(_KEY_NAME, "a search key"):
            case b"NOT" | b"FUZZY" as name:
                cursor.space()
                within = self.key(depth + 1)
                return Not(within) if name == b"NOT" else Fuzzy(within)
            case b"OR":
                cursor.space()
                left = self.key(depth + 1)
                cursor.space()
                return Or(left, self.key(depth + 1))
            case b"MODSEQ":
                self.modseq = True
                return _modseq(cursor)
            case name if name in _FLAG_KEYS:
                return _FLAG_KEYS[name]
            case name if name in _ARGUMENT_KEYS:
                self.filters |= name == b"FILTER"
                cursor.space()
                return _ARGUMENT_KEYS[name](cursor)
        cursor.pos = start
        raise cursor.expected("a search key")


# search-modsequence = "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer
# search-modseq-ext = SP entry-name SP entry-type-req
def _modseq(cursor: Cursor) -> ModSeqFrom:
    cursor.space()
    if cursor.ahead() == b'"':
        if not _ENTRY.fullmatch(cursor.quoted("the name of a flag's entry")):
            raise cursor.expected('an entry such as "/flags/\\\\seen"')
        cursor.space()
        if cursor.word(ATOM, "priv, shared or all") not in _ENTRY_TYPES:
            raise BadCommand("Expected priv, shared or all after the entry of MODSEQ")
        cursor.space()
    return ModSeqFrom(cursor.number64("a modification sequence"))


# objectid = 1*255(ALPHA / DIGIT / "_" / "-")
def _object_id(cursor: Cursor) -> str:
    if (found := cursor.match(_OBJECT_ID)) is None:
        raise cursor.expected("an object identifier")
    return found.decode()


def _text(cursor: Cursor) -> str:
    return cursor.text_astring("a string to search for")


# "HEADER" SP header-fld-name SP astring
def _header(cursor: Cursor) -> HeaderContains:
    field = header_field(cursor)
    cursor.space()
    return HeaderContains(field.lower(), _text(cursor))


# "BCC" SP astring / "CC" SP astring / "FROM" SP astring / "SUBJECT" SP astring / "TO" SP astring
def _field(field: str, cursor: Cursor) -> HeaderContains:
    return HeaderContains(field, _text(cursor))


# "BEFORE" SP date / "ON" SP date / "SINCE" SP date
def _received(when: When, cursor: Cursor) -> ReceivedDate:
    return ReceivedDate(when, date(cursor))


# "SAVEDBEFORE" SP date / "SAVEDON" SP date / "SAVEDSINCE" SP date
def _saved(when: When, cursor: Cursor) -> SavedDate:
    return SavedDate(when, date(cursor))


# "SENTBEFORE" SP date / "SENTON" SP date / "SENTSINCE" SP date
def _sent(when: When, cursor: Cursor) -> SentDate:
    return SentDate(when, date(cursor))


_SET_BEGINS: Final = tuple(bytes([octet]) for octet in b"0123456789*$")
_FLAG_KEYS: Final[dict[bytes, SearchKey]] = {
    b"ALL": All(),
    b"ANSWERED": HasFlag(flags.ANSWERED),
    b"DELETED": HasFlag(flags.DELETED),
    b"DRAFT": HasFlag(flags.DRAFT),
    b"FLAGGED": HasFlag(flags.FLAGGED),
    b"SEEN": HasFlag(flags.SEEN),
    b"UNANSWERED": Not(HasFlag(flags.ANSWERED)),
    b"UNDELETED": Not(HasFlag(flags.DELETED)),
    b"UNDRAFT": Not(HasFlag(flags.DRAFT)),
    b"UNFLAGGED": Not(HasFlag(flags.FLAGGED)),
    b"UNSEEN": Not(HasFlag(flags.SEEN)),
    b"RECENT": IsRecent(),
    b"NEW": And((IsRecent(), Not(HasFlag(flags.SEEN)))),
    b"OLD": Not(IsRecent()),
    # RFC 8514 section 4.3: every mailbox keeps the save date
    b"SAVEDATESUPPORTED": All(),
}
_ARGUMENT_KEYS: Final[dict[bytes, Callable[[Cursor], SearchKey]]] = {
    b"BODY": lambda cursor: BodyContains(_text(cursor)),
    b"TEXT": lambda cursor: TextContains(_text(cursor)),
    b"HEADER": _header,
    **{name.upper().encode(): partial(_field, name) for name in ("bcc", "cc", "from", "subject", "to")},
    **{when.value.encode(): partial(_received, when) for when in When},
    **{b"SENT" + when.value.encode(): partial(_sent, when) for when in When},
    **{b"SAVED" + when.value.encode(): partial(_saved, when) for when in When},
    # ("OLDER" / "YOUNGER") SP nz-number
    b"OLDER": lambda cursor: OlderThan(cursor.nz_number("a number of seconds")),
    b"YOUNGER": lambda cursor: YoungerThan(cursor.nz_number("a number of seconds")),
    # "EMAILID" SP objectid / "THREADID" SP objectid
    b"EMAILID": lambda cursor: HasEmailId(_object_id(cursor)),
    b"THREADID": lambda cursor: HasThreadId(_object_id(cursor)),
    b"LARGER": lambda cursor: LargerThan(cursor.number64("a size")),
    b"SMALLER": lambda cursor: SmallerThan(cursor.number64("a size")),
    # "KEYWORD" SP flag-keyword / "UNKEYWORD" SP flag-keyword
    b"KEYWORD": lambda cursor: HasKeyword(keyword(cursor)),
    b"UNKEYWORD": lambda cursor: Not(HasKeyword(keyword(cursor))),
    # "FILTER" SP filter-name
    b"FILTER": lambda cursor: Filter(filter_name(cursor.atom("the name of a filter").encode())),
    # "UID" SP sequence-set
    b"UID": lambda cursor: UidIn(sequence_set(cursor)),
}
