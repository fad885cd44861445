"""The text of a message as SEARCH sees it: decoded fields and decoded text parts (RFC 9051 6.4.4)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from imap.message.binary import UnknownEncodingError, decode_part
from imap.message.header import Field, decode_charset, decode_field, field_value
from imap.message.mime import parameter, parse_content_type, parse_disposition
from imap.message.scanner import Content, Node, scan

MAX_TEXT = 4 * 1024 * 1024
"""Octets of text parts that are read of one message."""

_HIDDEN = re.compile(r"<(?:script|style)\b", re.IGNORECASE)
_HIDDEN_END = re.compile(r"</(?:script|style)\s*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def search_texts(content: Content, *, header: bool = True, mime: bool = False, body: bool = True) -> Iterator[str]:
    """Decoded header fields, MIME fields of the parts, decoded text parts and encapsulated headers. Never raises."""
    return texts_of(scan(content), content, header=header, mime=mime, body=body)


def texts_of(
    root: Node, content: Content, *, header: bool = False, mime: bool = False, body: bool = False
) -> Iterator[str]:
    """The same of a message that was scanned."""
    left = MAX_TEXT
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(reversed(node.children))
        if node is root:
            if header:
                yield from field_texts(node.fields)
            if mime:
                yield from attachment_names(node.fields)
        elif node.parent is not None and node.parent.is_message:
            if body:
                yield from field_texts(node.fields)
        elif mime:
            yield from mime_texts(node.fields)
        if body and not node.children and left > 0 and node.maintype == b"text":
            stop = min(node.body_end, node.body_start + left)
            left -= stop - node.body_start
            charset = node.parameter(b"charset")
            yield part_text(
                content[node.body_start : stop],
                subtype=node.content_type.subtype.decode("latin-1").lower(),
                encoding=node.encoding.decode("latin-1"),
                charset=None if charset is None else charset.decode("latin-1"),
            )


def field_texts(fields: Iterable[Field]) -> Iterator[str]:
    """Each field as ``name: value``, decoded."""
    for name, raw in fields:
        yield f"{name.decode('latin-1')}: {decode_field(field_value(raw))}"


def mime_texts(fields: Iterable[Field]) -> Iterator[str]:
    """The MIME fields of a part, which TEXT searches too (RFC 9051 6.4.4), and the decoded name of what it holds."""
    fields = tuple(fields)
    yield from field_texts(fields)
    yield from attachment_names(fields)


def attachment_names(fields: Iterable[Field]) -> Iterator[str]:
    """File names that the fields hold in percent-encoded form (RFC 2231 4), in which no search would find them."""
    for name, raw in fields:
        if b"*" not in raw or name not in {b"content-disposition", b"content-type"}:
            continue
        value = field_value(raw)
        parsed = parse_disposition(value) if name == b"content-disposition" else parse_content_type(value)
        if parsed is None:
            continue
        for wanted in (b"filename", b"name"):
            if (found := parameter(parsed[-1], wanted)) is not None:
                yield decode_charset(found, "utf-8")


def part_text(raw: bytes, *, subtype: str, encoding: str, charset: str | None) -> str:
    """A text part's stored octets as text, HTML without its tags. Never raises; the time is linear in the octets."""
    try:
        octets = decode_part(raw, encoding)
    except UnknownEncodingError:
        octets = raw
    text = decode_charset(octets, charset or "utf-8")
    return _html_text(text) if subtype == "html" else text


def _html_text(text: str) -> str:
    text = _TAG.sub(" ", _without_hidden(text))
    try:
        return html.unescape(text)
    except ValueError:  # a character reference of thousands of digits
        return text


def _without_hidden(text: str) -> str:
    """The text without script and style elements; one that does not end hides the rest."""
    shown = []
    position = 0
    while (start := _HIDDEN.search(text, position)) is not None:
        shown.append(text[position : start.start()])
        end = _HIDDEN_END.search(text, start.end())
        if end is None:
            return " ".join(shown)
        position = end.end()
    return " ".join([*shown, text[position:]])
