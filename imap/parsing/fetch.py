"""FETCH: macros, items, sections and partials (RFC 9051 section 6.4.5, RFC 3516, RFC 7162, RFC 9394)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from imap.errors import BadCommand
from imap.parsing.commands import Command
from imap.parsing.fetch_items import (
    BinarySection,
    BinarySize,
    BodySection,
    FetchAttribute,
    FetchItem,
    Partial,
    Preview,
    Section,
    SectionText,
)
from imap.parsing.lexer import ATOM, Cursor
from imap.parsing.limits import MAX_FETCH_ITEMS, MAX_HEADER_FIELDS, MAX_SECTION_DEPTH
from imap.parsing.literals import CommandInput
from imap.parsing.partial import PartialRange, partial_range
from imap.parsing.sequence import SequenceSet
from imap.parsing.values import sequence_set


@dataclass(frozen=True, slots=True)
class Fetch(Command):
    """FETCH and UID FETCH (RFC 9051 6.4.5, RFC 7162 3.1.4 and 3.2.6, RFC 9394 3.3); macros are spelled out."""

    verb: ClassVar[str] = "FETCH"
    uid: bool
    messages: SequenceSet
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: PartialRange | None = None


_FAST: Final = (FetchAttribute.FLAGS, FetchAttribute.INTERNALDATE, FetchAttribute.RFC822_SIZE)
_MACROS: Final[dict[bytes, tuple[FetchItem, ...]]] = {
    b"FAST": _FAST,
    b"ALL": (*_FAST, FetchAttribute.ENVELOPE),
    b"FULL": (*_FAST, FetchAttribute.ENVELOPE, FetchAttribute.BODY),
}
_MODIFIERS: Final = (b"CHANGEDSINCE", b"VANISHED", b"PARTIAL")
_ATTRIBUTES: Final = {attribute.value.encode(): attribute for attribute in FetchAttribute}
_SECTION_TEXTS: Final = {text.value.encode(): text for text in SectionText}
_ITEM_NAME: Final = re.compile(rb"[A-Za-z0-9.]+")
# field-name = 1*ftext ; RFC 5322 section 3.6.8, printable but the colon
_FIELD_NAME: Final = re.compile(rb"[\x21-\x39\x3b-\x7e]+")
_LAZY: Final = re.compile(rb" \(LAZY(?: LAZY){0,9}\)", re.IGNORECASE)
_REPEATED: Final = 400
"""Octets of a list of items that is remembered."""
_TEXT_NAME: Final = re.compile(rb"[A-Za-z.]+")


# fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")")
#         [fetch-modifiers]
def fetch(cursor: Cursor, *, uid: bool) -> Fetch:
    cursor.space()
    messages = sequence_set(cursor)
    cursor.space()
    items: tuple[FetchItem, ...] | None
    rest = cursor.rest(_REPEATED)
    if rest is not None and (items := _items_alone(rest)) is not None:
        cursor.pos += len(rest)
        return Fetch(uid, messages, items)
    if cursor.ahead() == b"(":
        items = fetch_items(cursor)
    else:
        start = cursor.pos
        items = _MACROS.get(cursor.word(_ITEM_NAME, "an item of FETCH"))
        if items is None:
            cursor.pos = start
            items = (_item(cursor),)
    if not cursor.skip(b" "):
        return Fetch(uid, messages, items)
    changed_since, vanished, part = _modifiers(cursor)
    if vanished and not (uid and changed_since is not None):
        raise BadCommand("VANISHED is for UID FETCH with CHANGEDSINCE only")
    if part is not None and not uid:
        raise BadCommand("PARTIAL is for UID FETCH only")
    return Fetch(uid, messages, items, changed_since, vanished, part)


@lru_cache(maxsize=256)
def _items_alone(text: bytes) -> tuple[FetchItem, ...] | None:
    """The items of a text that is a list of them and nothing else: a client sends the same few lists all the time."""
    cursor = Cursor(CommandInput((text,)), utf8=False)
    try:
        items = fetch_items(cursor)
        cursor.end()
    except BadCommand:
        return None
    return items


# "(" fetch-att *(SP fetch-att) ")"
def fetch_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """A list of items, each once; no macros."""
    cursor.expect(b"(")
    return tuple(dict.fromkeys(cursor.items(_item, limit=MAX_FETCH_ITEMS, what="items of FETCH")))


# fetch-modifiers = SP "(" fetch-modifier *(SP fetch-modifier) ")"
def _modifiers(cursor: Cursor) -> tuple[int | None, bool, PartialRange | None]:
    """What follows CHANGEDSINCE, whether VANISHED stands there, what follows PARTIAL."""
    cursor.expect(b"(")
    found = cursor.items(_modifier, limit=len(_MODIFIERS), what="modifiers of FETCH")
    changed_since = [modifier for modifier in found if isinstance(modifier, int)]
    partial = [modifier for modifier in found if isinstance(modifier, PartialRange)]
    vanished = found.count(None)
    if max(len(changed_since), len(partial), vanished) > 1:
        raise BadCommand("A modifier of FETCH stands there twice")
    return next(iter(changed_since), None), bool(vanished), next(iter(partial), None)


# fetch-modifier = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range
def _modifier(cursor: Cursor) -> int | PartialRange | None:
    """The number of CHANGEDSINCE, the range of PARTIAL, or None for VANISHED."""
    name = cursor.word(ATOM, "a modifier of FETCH")
    if name not in _MODIFIERS:
        raise BadCommand("Unknown modifier of FETCH")
    if name == b"VANISHED":
        return None
    cursor.space()
    return cursor.number64("a modification sequence") if name == b"CHANGEDSINCE" else partial_range(cursor)


# fetch-att = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
#             "BODY" ["STRUCTURE"] / "UID" / "MODSEQ" /
#             "BODY" section [partial] / "BODY.PEEK" section [partial] /
#             "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
def _item(cursor: Cursor) -> FetchItem:
    start = cursor.pos
    name = cursor.word(_ITEM_NAME, "an item of FETCH")
    if cursor.skip(b"["):
        match name:
            case b"BODY" | b"BODY.PEEK":
                return BodySection(section(cursor), _partial(cursor), peek=name == b"BODY.PEEK")
            case b"BINARY" | b"BINARY.PEEK":
                return BinarySection(_section_binary(cursor), _partial(cursor), peek=name == b"BINARY.PEEK")
            case b"BINARY.SIZE":
                return BinarySize(_section_binary(cursor))
    elif name == b"PREVIEW":
        return Preview(lazy=_is_lazy(cursor))
    elif (attribute := _ATTRIBUTES.get(name)) is not None:
        return attribute
    cursor.pos = start
    raise cursor.expected("an item of FETCH")


# fetch-att =/ "PREVIEW" [SP "(" preview-mod *(SP preview-mod) ")"]
# preview-mod = "LAZY"
def _is_lazy(cursor: Cursor) -> bool:
    """Whether LAZY follows; another parenthesis holds the modifiers of FETCH."""
    return cursor.match(_LAZY) is not None


# section = "[" [section-spec] "]"
# section-spec = section-msgtext / (section-part ["." section-text])
def section(cursor: Cursor) -> Section:
    """What stands after the opening bracket, with the closing one."""
    if cursor.skip(b"]"):
        return Section()
    part: tuple[int, ...] = ()
    text: SectionText | None = None
    if cursor.ahead().isdigit():
        part = _section_part(cursor)
        if cursor.skip(b"."):
            text = _section_text(cursor)
    else:
        text = _section_text(cursor)
        if text is SectionText.MIME:
            raise BadCommand("MIME needs the number of a part before it")
    fields: tuple[str, ...] = ()
    if text in {SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}:
        cursor.space()
        fields = _header_list(cursor)
    cursor.expect(b"]")
    return Section(part, text, fields)


# section-part = nz-number *("." nz-number)
def _section_part(cursor: Cursor) -> tuple[int, ...]:
    """The numbers; a point that begins a section-text is left."""
    numbers = [cursor.nz_number("the number of a part, above zero")]
    while cursor.ahead() == b"." and cursor.text[cursor.pos + 1 : cursor.pos + 2].isdigit():
        if len(numbers) == MAX_SECTION_DEPTH:
            raise BadCommand("More than {most} levels in a section", most=MAX_SECTION_DEPTH)
        cursor.pos += 1
        numbers.append(cursor.nz_number("the number of a part, above zero"))
    return tuple(numbers)


# section-text = section-msgtext / "MIME"
# section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
def _section_text(cursor: Cursor) -> SectionText:
    start = cursor.pos
    if (text := _SECTION_TEXTS.get(cursor.word(_TEXT_NAME, "a section"))) is None:
        cursor.pos = start
        raise cursor.expected("a section")
    return text


# header-list = "(" header-fld-name *(SP header-fld-name) ")"
def _header_list(cursor: Cursor) -> tuple[str, ...]:
    cursor.expect(b"(")
    return tuple(cursor.items(header_field, limit=MAX_HEADER_FIELDS, what="header fields"))


# header-fld-name = astring
def header_field(cursor: Cursor) -> str:
    """The name of a header field; no field has a name with other than printable ASCII (RFC 5322 section 2.2)."""
    name = cursor.astring("the name of a header field")
    if not _FIELD_NAME.fullmatch(name):
        raise cursor.expected("the name of a header field in printable ASCII")
    return name.decode()


# section-binary = "[" [section-part] "]"
def _section_binary(cursor: Cursor) -> tuple[int, ...]:
    part = () if cursor.ahead() == b"]" else _section_part(cursor)
    cursor.expect(b"]")
    return part


# partial = "<" number64 "." nz-number64 ">"
def _partial(cursor: Cursor) -> Partial | None:
    if not cursor.skip(b"<"):
        return None
    start = cursor.number64()
    cursor.expect(b".")
    length = cursor.nz_number64("a length above zero")
    cursor.expect(b">")
    return Partial(start, length)
