"""What one FETCH needs and how its answer is written, decided once for all messages.

Each item is a piece of a format and the columns that fill it, so that a chunk of messages is formatted in one
comprehension, whatever was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Final, TypeAlias, cast

from imap.backend import Entries, Rendered, Rendering
from imap.message import LISTING_FIELDS, filter_header
from imap.objectid import email_id, thread_id
from imap.parsing.fetch import Fetch
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
from imap.parsing.wire import astring, internal_date, nstring
from imap.selected.view import Columns, View

_PLANS: Final = 64
"""Plans kept: a mail program sends the same lists of items again and again."""
_NOTHING: Final = Rendering(0)
_LISTING: Final = frozenset(name.lower() for name in LISTING_FIELDS)
_HEADER_TEXTS: Final = {SectionText.HEADER, SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some messages, all columns aligned; entries and rendered texts only where the plan needs them."""

    view: View
    messages: Columns
    entries: Entries
    rendered: Sequence[Rendered]
    read_at: int
    """The mailbox's modification sequence that the flags are of."""


Values: TypeAlias = Callable[[Chunk], Iterable[Iterable[object]]]
SectionItem: TypeAlias = BodySection | BinarySection | BinarySize


@dataclass(frozen=True, slots=True)
class Item:
    """One item that is in memory: a piece of a bytes format, and the columns of values for its places."""

    piece: bytes
    values: Values
    has_text: bool = False
    """One more column, the last, stands behind the piece as it is: formatting copies long texts slowly."""


@dataclass(frozen=True, slots=True)
class SectionPlan:
    """One item that is cut out of the message's octets, with its name as the response repeats it."""

    name: bytes
    item: SectionItem


@dataclass(slots=True)
class Plan:
    """A FETCH, ready to run. Commands that ask for the same share it: once made, it stays as it is."""

    items: list[Item] = field(default_factory=list)
    sections: list[SectionPlan] = field(default_factory=list)
    rendering: Rendering = _NOTHING
    needs_entries: bool = False
    previews: bool = False
    """Previews that are missing are to be made: somebody asked without LAZY (RFC 8970 section 3.2)."""
    sets_seen: bool = False
    modseq: bool = False
    tells_flags: bool = False
    tells_uid: bool = False
    condstore: bool = False
    uidonly: bool = False
    """Messages are named by UID: the response is UIDFETCH (RFC 9586 section 3.3)."""

    @property
    def tells_news(self) -> bool:
        """Whether the answer has all that an untagged FETCH would tell of flags."""
        return self.tells_flags and (self.modseq or not self.condstore)

    def pieces(self, chunk: Chunk, *, with_flags: bool) -> list[Sequence[bytes]]:
        """The FETCH responses in columns: each response is made of one piece of every column. Those of a plan with
        sections end where these go.
        """
        items = list(self.items)
        if with_flags:
            items += self._news_items()
        template = b"* %d UIDFETCH (" if self.uidonly else b"* %d FETCH ("
        values: list[Iterable[object]] = [chunk.messages.uids if self.uidonly else chunk.messages.numbers]
        pieces: list[Sequence[bytes]] = []
        count = len(chunk.messages.uids)
        for number, item in enumerate(items):
            template += b" " + item.piece if number else item.piece
            values += item.values(chunk)
            if item.has_text:
                text = cast("Iterable[bytes]", values.pop())
                pieces += [_formatted(template, values, count), list(text)]
                template, values = b"", []
        template += b")\r\n" if not self.sections else b" " if items else b""
        return [*pieces, _formatted(template, values, count)]

    def _news_items(self) -> list[Item]:
        """What reading changed: flags, and for a CONDSTORE-aware client the rest of RFC 7162 3.2.4."""
        items = [] if self.tells_flags else [_ATTRIBUTES[FetchAttribute.FLAGS]]
        if self.condstore and not self.modseq:
            items.append(_ATTRIBUTES[FetchAttribute.MODSEQ])
        if self.condstore and not self.tells_uid and not self.uidonly:
            items.append(_ATTRIBUTES[FetchAttribute.UID])
        return items


def _formatted(template: bytes, values: Sequence[Iterable[object]], count: int) -> list[bytes]:
    return [template % row for row in zip(*values, strict=True)] if values else [template % ()] * count


def make_plan(command: Fetch, *, condstore: bool, readonly: bool, utf8: bool = False, uidonly: bool = False) -> Plan:
    """Decide how to answer; items that were named twice are given once."""
    return _made(
        command.items,
        names_uid=command.uid and not uidonly,
        tells_modseq=command.changed_since is not None,
        condstore=condstore,
        readonly=readonly,
        utf8=utf8,
        uidonly=uidonly,
    )


@lru_cache(_PLANS)
def _made(
    items: tuple[FetchItem, ...],
    *,
    names_uid: bool,
    tells_modseq: bool,
    condstore: bool,
    readonly: bool,
    utf8: bool,
    uidonly: bool,
) -> Plan:
    asked: dict[FetchItem, None] = dict.fromkeys(items)
    if names_uid:
        asked = {FetchAttribute.UID: None, **asked}
    if tells_modseq:
        asked.setdefault(FetchAttribute.MODSEQ)
    plan = Plan(condstore=condstore, uidonly=uidonly)
    for item in asked:
        if isinstance(item, FetchAttribute):
            _add_attribute(plan, item)
        elif isinstance(item, Preview):
            _add_preview(plan, item, utf8=utf8)
        elif isinstance(item, BodySection):
            _add_body(plan, item)
            plan.sets_seen |= not item.peek
        else:
            name = b"BINARY.SIZE" if isinstance(item, BinarySize) else b"BINARY"
            _add_section(plan, name + _brackets(Section(item.part), getattr(item, "partial", None)), item)
            plan.sets_seen |= isinstance(item, BinarySection) and not item.peek
    plan.modseq = FetchAttribute.MODSEQ in asked
    plan.tells_flags = FetchAttribute.FLAGS in asked
    plan.tells_uid = FetchAttribute.UID in asked
    plan.condstore |= plan.modseq
    plan.sets_seen &= not readonly
    return plan


def _add_attribute(plan: Plan, attribute: FetchAttribute) -> None:
    if (section := _WHOLE.get(attribute)) is not None:
        _add_section(plan, attribute.value.encode(), BodySection(section))
        plan.sets_seen = True
        return
    plan.items.append(_ATTRIBUTES[attribute])
    if attribute not in _IN_MEMORY:
        plan.needs_entries = True
        plan.rendering |= _RENDERINGS.get(attribute, _NOTHING)


def _add_preview(plan: Plan, item: Preview, *, utf8: bool) -> None:
    """PREVIEW once, however often and however lazily it was asked for."""
    plan.previews |= not item.lazy
    if Rendering.PREVIEW in plan.rendering:
        return
    plan.needs_entries = True
    plan.rendering |= Rendering.PREVIEW
    plan.items.append(
        Item(b"PREVIEW %b", lambda chunk: ([nstring(text.preview, utf8=utf8) for text in chunk.rendered],))
    )


def _add_body(plan: Plan, item: BodySection) -> None:
    section = item.section
    name = b"BODY" + _brackets(section, item.partial)
    if section.part or section.text not in _HEADER_TEXTS:
        _add_section(plan, name, item)
        return
    plan.needs_entries = True
    wanted = frozenset(field.lower() for field in section.fields)
    if section.text is SectionText.HEADER_FIELDS and wanted == _LISTING:
        plan.rendering |= Rendering.LISTING
        texts: Callable[[Rendered], bytes] = attrgetter("listing")
    else:
        plan.rendering |= Rendering.HEADER
        texts = _header_text(section)
    plan.items.append(_literal_item(name, texts, item.partial))


def _add_section(plan: Plan, name: bytes, item: SectionItem) -> None:
    plan.needs_entries = True
    if not isinstance(item, BodySection) or item.section != Section():
        plan.rendering |= Rendering.PARTS
    plan.sections.append(SectionPlan(name, item))


def _header_text(section: Section) -> Callable[[Rendered], bytes]:
    if section.text is SectionText.HEADER:
        return lambda rendered: rendered.header
    exclude = section.text is SectionText.HEADER_FIELDS_NOT
    return lambda rendered: filter_header(rendered.header, section.fields, exclude)


def _literal_item(name: bytes, text_of: Callable[[Rendered], bytes], partial: Partial | None) -> Item:
    cut = slice(None) if partial is None else slice(partial.start, partial.start + partial.length)

    def values(chunk: Chunk) -> Iterable[Iterable[object]]:
        texts: Iterable[bytes] = map(text_of, chunk.rendered)
        if partial is not None:
            texts = [text[cut] for text in texts]
        shown = [without_nul(text) if 0 in text else text for text in texts]
        return map(len, shown), shown

    return Item(name.replace(b"%", b"%%") + b" {%d}\r\n", values, has_text=True)


def _text_item(piece: bytes, text_of: Callable[[Rendered], bytes]) -> Item:
    return Item(piece, lambda chunk: (map(text_of, chunk.rendered),), has_text=True)


def without_nul(octets: bytes) -> bytes:
    """NUL stands in no literal: the octet 0x80 takes its place, so that sizes and offsets stay true (RFC 9051 4.3)."""
    return octets.replace(b"\0", b"\x80") if 0 in octets else octets  # asked for b"\0", Python makes an exception first


def _brackets(section: Section, partial: Partial | None) -> bytes:
    """The section between brackets and where a partial one starts, as the response repeats them."""
    pieces = [".".join(map(str, section.part)).encode()] if section.part else []
    if section.text is not None:
        pieces.append(section.text.value.encode())
    text = b".".join(pieces)
    if section.fields:
        text += b" (%b)" % b" ".join(map(astring, section.fields))
    return b"[%b]" % text + (b"" if partial is None else b"<%d>" % partial.start)


def _thread_ids(chunk: Chunk) -> list[bytes]:
    pairs = zip(chunk.entries.message_ids, chunk.rendered, strict=True)
    return [thread_id(message_id, text.thread_keys).encode() for message_id, text in pairs]


_internal_date = lru_cache(maxsize=4096)(internal_date)


_ATTRIBUTES: Final = {
    FetchAttribute.UID: Item(b"UID %d", lambda chunk: (chunk.messages.uids,)),
    FetchAttribute.FLAGS: Item(b"FLAGS (%b)", lambda chunk: (chunk.view.flag_column(chunk.messages),)),
    FetchAttribute.MODSEQ: Item(b"MODSEQ (%d)", lambda chunk: (chunk.messages.modseqs,)),
    FetchAttribute.INTERNALDATE: Item(
        b"INTERNALDATE %b", lambda chunk: (map(_internal_date, chunk.entries.internal_dates),)
    ),
    FetchAttribute.RFC822_SIZE: Item(b"RFC822.SIZE %d", lambda chunk: (chunk.entries.sizes,)),
    FetchAttribute.ENVELOPE: _text_item(b"ENVELOPE ", attrgetter("envelope")),
    FetchAttribute.BODY: _text_item(b"BODY ", attrgetter("body")),
    FetchAttribute.BODYSTRUCTURE: _text_item(b"BODYSTRUCTURE ", attrgetter("bodystructure")),
    FetchAttribute.SAVEDATE: Item(b"SAVEDATE %b", lambda chunk: (map(_internal_date, chunk.entries.saved_at),)),
    FetchAttribute.EMAILID: Item(
        b"EMAILID (%b)", lambda chunk: ([email_id(message_id).encode() for message_id in chunk.entries.message_ids],)
    ),
    FetchAttribute.THREADID: Item(b"THREADID (%b)", lambda chunk: (_thread_ids(chunk),)),
    FetchAttribute.RFC822_HEADER: _literal_item(b"RFC822.HEADER", lambda rendered: rendered.header, None),
}
_WHOLE: Final = {
    FetchAttribute.RFC822: Section(),
    FetchAttribute.RFC822_TEXT: Section(text=SectionText.TEXT),
}
_IN_MEMORY: Final = {FetchAttribute.UID, FetchAttribute.FLAGS, FetchAttribute.MODSEQ}
_RENDERINGS: Final = {
    FetchAttribute.ENVELOPE: Rendering.ENVELOPE,
    FetchAttribute.BODY: Rendering.BODY,
    FetchAttribute.BODYSTRUCTURE: Rendering.BODYSTRUCTURE,
    FetchAttribute.RFC822_HEADER: Rendering.HEADER,
    FetchAttribute.THREADID: Rendering.THREAD_KEYS,
}
