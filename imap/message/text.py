"""The text of a message as SEARCH sees it: decoded fields and decoded text parts (RFC 9051 6.4.4)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from imap.message.binary import UnknownEncodingError, decode_part
from imap.message.header import decode_charset, decode_field
from imap.message.scanner import Content, Node, scan

MAX_TEXT = 4 * 1024 * 1024
"""Octets of text parts that are read of one message."""

_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)


def search_texts(content: Content, *, header: bool = True, body: bool = True) -> Iterator[str]:
    """Decoded header fields (``Name: value``), then decoded text parts and encapsulated headers. Never raises."""
    root = scan(content)
    left = MAX_TEXT
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(reversed(node.children))
        if header if node is root else body and node.parent is not None and node.parent.is_message:
            yield from _fields(node)
        if body and not node.children and left > 0 and node.content_type.maintype.lower() == b"text":
            stop = min(node.body_end, node.body_start + left)
            left -= stop - node.body_start
            yield _text(node, content[node.body_start : stop])


def _fields(node: Node) -> Iterator[str]:
    for name, raw in node.fields:
        yield f"{name.decode('latin-1')}: {decode_field(raw.partition(b':')[2])}"


def _text(node: Node, raw: bytes) -> str:
    try:
        octets = decode_part(raw, node.encoding.decode("latin-1"))
    except UnknownEncodingError:
        octets = raw
    charset = node.parameter(b"charset")
    text = decode_charset(octets, "utf-8" if charset is None else charset.decode("latin-1"))
    if node.content_type.subtype.lower() == b"html":
        text = html.unescape(_TAG.sub(" ", text))
    return text
