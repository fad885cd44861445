"""What a message holds, by the names and media types of its parts: the pure half of the check of attachments.

A name counts in whatever form a mail program may read it: each Content-Disposition and Content-Type, their parameters
in pieces and percent-encoded (RFC 2231), encoded words where none may stand (RFC 2047 section 5), names without quotes,
files in uuencode within text; within messages that are attached, too, and in ZIP archives.
"""

from __future__ import annotations

import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from imap.message.binary import IDENTITY, UnknownEncodingError, part_decoder
from imap.message.header import Field, decode_charset, decode_field, field_value
from imap.message.mime import parse_content_type, parse_disposition, strip_comments
from imap.message.scanner import MAX_HEADER, MAX_HEADERS, MAX_PARTS, TOO_DEEP, Node, scan
from mailgate.filtering.zip_names import MAGIC, TooManyNames, ZipNames
from mailgate.store.contents import Buffer, opened

_NAMES: Final = {b"content-disposition", b"content-type"}
_PARAMETERS: Final = re.compile(rb"(?:file)?name(?:\*\d{0,3}\*?)?", re.IGNORECASE)
_LENIENT: Final = re.compile(rb"(?:file)?name(?:\*\d{0,3}\*?)?\s*=\s*\"?([^\";]+)", re.IGNORECASE)
"""A name as a program may read it that does not know when a value ends."""
_MAY_NAME: Final = re.compile(rb"name|[*(]", re.IGNORECASE)
"""What a field has that names a file, be it in pieces or with comments in between: most have none of it."""
_UUENCODED: Final = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ([^\r\n]{1,4000})", re.MULTILINE)
_ARCHIVES: Final = frozenset({"zip", "jar", "docx", "xlsx", "pptx", "odt", "ods", "odp"})
_ZIP_TYPES: Final = frozenset({"application/zip", "application/x-zip-compressed", "application/x-zip"})
_COMPRESSED: Final = frozenset({"gz", "bz2", "xz", "z", "zst", "br", "lzma", "lz4"})
"""Of one file, whose own extension stands before."""
_PIECE: Final = 256 * 1024
_OVERLAP: Final = 4_100
_INNER: Final = 5
"""Encoded messages within one another that are looked into."""
_MOST: Final = 1_000
"""Extensions, and media types, of one message."""
_LONGEST_NAME: Final = 20_000
_LONGEST: Final = 32
"""Characters of an extension."""


class TooComplex(ValueError):
    """More than can be looked through: what."""


@dataclass(slots=True)
class Inventory:
    """What was found."""

    extensions: set[str] = field(default_factory=set)
    """Of all names, in small letters, without the dot."""
    media: set[str] = field(default_factory=set)
    """The media types of all parts, in small letters."""

    def add(self, name: str) -> frozenset[str]:
        """Take a file's name, and give its extensions. Raises TooComplex."""
        if len(name) > _LONGEST_NAME:
            raise TooComplex("a name of a file is too long")
        its = frozenset(extensions(name))
        self.extensions |= its
        if len(self.extensions) > _MOST:
            raise TooComplex("too many types of files")
        return its


def extensions(name: str) -> Iterator[str]:
    """What a name ends with as Windows reads it, and what stands before the ending of a compressed file.

    Dots and blanks at the end do not count there, nor does what follows a colon; letters of any width and marks that
    change the direction of writing are but a disguise.
    """
    plain = unicodedata.normalize("NFKC", name)
    plain = "".join(one for one in plain if unicodedata.category(one)[0] != "C")
    for text in {plain, plain.partition(":")[0]}:
        words = re.split(r"[/\\]", text)[-1].lower().split(".")
        endings = [found for word in words[1:] if (found := word.strip("\"' "))]
        if not endings:
            continue
        yield endings[-1][:_LONGEST]
        if endings[-1] in _COMPRESSED and len(endings) > 1:
            yield endings[-2][:_LONGEST]


def inspect(content: Buffer, *, archives: bool) -> Inventory:
    """Look a message through; with `archives`, for the names in ZIP archives, too. Raises TooComplex, nothing else."""
    found = Inventory()
    _look(content, found, archives=archives, depth=0)
    return found


def _look(content: Buffer, found: Inventory, *, archives: bool, depth: int) -> None:
    parts = headers = 0
    waiting = [scan(content)]
    while waiting:
        node = waiting.pop()
        waiting.extend(node.children)
        parts += 1
        size = node.body_start - node.header_start
        headers += size
        if node.content_type is TOO_DEEP or parts >= MAX_PARTS or size > MAX_HEADER or headers > MAX_HEADERS:
            raise TooComplex("too many parts, or too deep")
        endings = frozenset[str]().union(*map(found.add, set(names_of(node.fields))))
        media = media_type(node)
        found.media.add(media)
        if len(found.media) > _MOST:
            raise TooComplex("too many media types")
        if node.is_encapsulated:
            if node.encoding.decode("latin-1").lower() not in IDENTITY:
                _look_into_message(node, content, found, archives=archives, depth=depth)
        elif not node.children:
            is_text = node.maintype == b"text"
            named = media in _ZIP_TYPES or not endings.isdisjoint(_ARCHIVES)
            if is_text:
                named |= _look_into_text(node, content, found)
            if archives and (named or not is_text):
                _look_into_archive(node, content, found, named=named)


def media_type(node: Node) -> str:
    """That of a part, in small letters."""
    kind = node.content_type
    return f"{kind.maintype.decode('latin-1')}/{kind.subtype.decode('latin-1')}".lower()


def names_of(fields: Iterable[Field]) -> Iterator[str]:
    """The names of a part's file in all forms in which they may be read."""
    for name, raw in fields:
        if name not in _NAMES:
            continue
        value = field_value(raw)
        if not _MAY_NAME.search(value):
            continue
        parse = parse_disposition if name == b"content-disposition" else parse_content_type
        parsed = parse(value)
        values = [] if parsed is None else [text for key, text in parsed[-1] if _PARAMETERS.fullmatch(key)]
        values += _LENIENT.findall(strip_comments(value)) + _LENIENT.findall(value)
        # A program may join pieces that RFC 2231 does not let it join.
        values.append(b"".join(text for key, text in (() if parsed is None else parsed[-1]) if b"*" in key))
        for text in values:
            yield decode_field(text)
            if b"%" in text:
                yield decode_charset(unquote_to_bytes(text), "utf-8")


def _look_into_text(node: Node, content: Buffer, found: Inventory) -> bool:
    """Look for files in uuencode; give whether the text begins as an archive does."""
    held = b""
    is_archive = None
    for piece in _decoded(node, content):
        is_archive = piece.startswith(MAGIC) if is_archive is None else is_archive
        text = held + piece
        if b"begin" in text:
            for name in _UUENCODED.findall(text):
                found.add(decode_field(name))
        held = text[-_OVERLAP:]
    return bool(is_archive)


def _look_into_archive(node: Node, content: Buffer, found: Inventory, *, named: bool) -> None:
    zipped = ZipNames()
    begun = False
    try:
        for piece in _decoded(node, content):
            if not begun and not (named or piece.startswith(MAGIC)):
                return
            begun = True
            for name in zipped.feed(piece):
                found.add(name)
        for name in zipped.feed(b"", last=True):
            found.add(name)
    except TooManyNames as error:
        raise TooComplex("too many files in an archive") from error


def _look_into_message(node: Node, content: Buffer, found: Inventory, *, archives: bool, depth: int) -> None:
    """A message in base64 is none by RFC 2046 section 5.2.1; some programs open it all the same."""
    if depth >= _INNER:
        raise TooComplex("too deep")
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=1024 * 1024))
        for piece in _decoded(node, content):
            file.write(piece)
        _look(stack.enter_context(opened(file)), found, archives=archives, depth=depth + 1)


def _decoded(node: Node, content: Buffer) -> Iterator[bytes]:
    """A part's octets in pieces without their transfer encoding; as they are, where that is not known."""
    encoding = node.encoding.decode("latin-1").lower()
    try:
        decoder = None if encoding in IDENTITY else part_decoder(encoding)
    except UnknownEncodingError:
        decoder = None
    for start in range(node.body_start, node.body_end, _PIECE):
        piece = content[start : min(start + _PIECE, node.body_end)]
        if decoder is None:
            yield piece
        elif decoded := decoder.feed(piece):
            yield decoded
    if decoder is not None and (rest := decoder.end()):
        yield rest
