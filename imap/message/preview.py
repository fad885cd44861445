"""The preview of a message: the beginning of its text as a list of messages shows it (RFC 8970 section 3)."""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from imap.message.binary import IDENTITY, UnknownEncodingError, decode_part
from imap.message.header import charset_codec
from imap.message.scanner import Content, Node, scan

MAX_PREVIEW: Final = 200
"""Characters; RFC 8970 section 3.3 asks for no more."""
_TRIED: Final = 4
"""Text parts that are looked into until one has text."""
_READ: Final = {b"plain": (2_048, 16_384), b"html": (65_536,)}
"""Octets of a part that are read, more when the first are not enough: HTML may begin with a long style sheet."""

_BLANK: Final = re.compile(r"\s+")
# Zero-width and soft characters, with which newsletters fill the beginning of their text, and controls
_INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufffc]"
)
_UNSETTLED: Final = 4
"""Characters at the end of a text that may be part of a rule that goes on."""
_RULE: Final = re.compile(r"([-=_*#~.+])\1{3,}")
_FORWARDED: Final = re.compile(r"^-{2,}[^-\n]{1,80}-{2,}$")
_ENCRYPTED: Final = "-----BEGIN PGP MESSAGE-----"
_ATTRIBUTION: Final = re.compile(r":\s*$")
_INLINE_TAG: Final = re.compile(
    r"</?(?:a|abbr|b|big|code|em|font|i|mark|s|small|span|strong|sub|sup|u|wbr)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_TAG: Final = re.compile(r"<[^<>]*>")
_NEW_LINE: Final = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_EMPTY_LINES: Final = re.compile(r"\n{3,}")
_HIDDEN: Final = re.compile(r"<!--|<(head|style|script|title|blockquote)\b[^<>]*>?", re.IGNORECASE)
_HIDDEN_END: Final = {
    name: re.compile(rf"</{name}\b[^<>]*>?" if name else "-->", re.IGNORECASE)
    for name in ("", "head", "style", "script", "title", "blockquote")
}


def make_preview(content: Content) -> bytes:
    """The preview of a message that may be cut at its end. Takes any octets and never raises."""
    return preview(scan(content), content)


def preview(root: Node, content: Content) -> bytes:
    """At most `MAX_PREVIEW` characters on one line in UTF-8; empty when no text part says anything. Never raises."""
    for node in islice(_candidates(root), _TRIED):
        if shown := _of_part(node, content):
            return shown.encode("utf-8", "replace")
    return b""


def readable_text(content: Content, limit: int) -> str:
    """The beginning of what a person reads in a message, line by line, at most `limit` characters. Never raises."""
    for node in islice(_candidates(scan(content)), _TRIED):
        subtype = node.content_type.subtype.lower()
        most = _READ[subtype][-1]
        cut = node.body_end - node.body_start > most
        text = _decoded(node, bytes(content[node.body_start : min(node.body_end, node.body_start + most)]), cut=cut)
        if subtype == b"html":
            text = _unescaped(_visible(_NEW_LINE.sub("\n", text), quoted=True))
        lines = (_BLANK.sub(" ", _INVISIBLE.sub("", line)).strip() for line in text.splitlines())
        if shown := _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip():
            return shown[:limit]
    return ""


def _of_part(node: Node, content: Content) -> str:
    subtype = node.content_type.subtype.lower()
    for most in _READ[subtype]:
        cut = node.body_end - node.body_start > most
        raw = bytes(content[node.body_start : min(node.body_end, node.body_start + most)])
        text = _decoded(node, raw, cut=cut)
        if _ENCRYPTED in text:
            return ""
        more = cut and most < _READ[subtype][-1]
        shown = _of_html(text, cut=cut) if subtype == b"html" else _of_plain(text, more=more)
        if not more or len(shown) == MAX_PREVIEW:
            return shown
    return ""


def _candidates(root: Node) -> Iterator[Node]:
    """The text parts that a person reads: plain ones first, no attachments, nothing of messages within."""
    found: dict[bytes, list[Node]] = {subtype: [] for subtype in _READ}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.maintype == b"multipart":
            waiting.extend(reversed(node.children))
        elif node.maintype == b"text" and not _is_attachment(node):
            found.get(node.content_type.subtype.lower(), []).append(node)
    yield from found[b"plain"]
    yield from found[b"html"]


def _is_attachment(node: Node) -> bool:
    disposition = node.value(b"content-disposition")
    return disposition is not None and disposition.lstrip()[:10].lower() == b"attachment"


def _decoded(node: Node, raw: bytes, *, cut: bool) -> str:
    """A part's octets as text; what a cut left of the last line or character is dropped."""
    encoding = node.encoding.decode("latin-1").lower()
    if cut and encoding not in IDENTITY:
        raw = raw[: raw.rfind(b"\n") + 1] or raw
    try:
        octets = decode_part(raw, encoding)
    except UnknownEncodingError:
        octets = raw
    charset = node.parameter(b"charset")
    named = None if charset is None else charset_codec(charset.decode("latin-1"))
    for codec in filter(None, (named, "utf-8")):
        try:
            return codecs.getincrementaldecoder(codec)().decode(octets, final=not cut)
        except UnicodeError:
            continue
    return octets.decode("latin-1")


def _of_plain(text: str, *, more: bool) -> str:
    """The lines before a signature or a forwarded message, without quoted ones; all lines when nothing else is left.

    Nothing at all when there is more of the text, and it could change this.
    """
    kept: list[str] = []
    left = 4 * MAX_PREVIEW
    for line in text.splitlines():
        if line.lstrip().startswith(">"):
            if kept and _ATTRIBUTION.search(kept[-1]):  # "Le lundi 7 septembre, Anne a écrit :"
                kept.pop()
            continue
        if line in {"-- ", "--"} or (kept and _FORWARDED.match(line)):
            break
        if line and not line.isspace():
            kept.append(line)
            left -= len(line)
            if left < 0:
                break
    if more and left >= 0:
        return ""
    return _squeezed(" ".join(kept)) or _squeezed(text[: 4 * MAX_PREVIEW])


def _of_html(text: str, *, cut: bool) -> str:
    """What stands outside tags and quotations; quotations too when nothing else is left."""
    if cut and text.rfind(">") < (last := text.rfind("<")):
        text = text[:last]
    shown = _squeezed(_unescaped(_visible(text, quoted=False)))
    return shown or _squeezed(_unescaped(_visible(text, quoted=True)))


def _unescaped(text: str) -> str:
    text = _TAG.sub(" ", _INLINE_TAG.sub("", text))
    try:
        return html.unescape(text)
    except ValueError:  # a character reference of thousands of digits
        return text


def _visible(text: str, *, quoted: bool) -> str:
    """HTML without comments and elements that are not shown; one that does not end hides the rest."""
    pieces = []
    position = 0
    while (start := _HIDDEN.search(text, position)) is not None:
        pieces.append(text[position : start.start()])
        element = (start[1] or "").lower()
        if quoted and element == "blockquote":
            position = start.end()
            continue
        end = _HIDDEN_END[element].search(text, start.end())
        if end is None:
            return " ".join(pieces)
        position = end.end()
    return " ".join([*pieces, text[position:]])


def _squeezed(text: str) -> str:
    """One line of visible characters, cut to the length of a preview."""
    shown = ""
    for most in (2 * MAX_PREVIEW, 16 * MAX_PREVIEW):
        visible = _RULE.sub(" ", _INVISIBLE.sub("", text[:most]))
        shown = " ".join(visible.split())
        if len(shown) > MAX_PREVIEW + _UNSETTLED or len(text) <= most:
            break
    return shown[:MAX_PREVIEW].rstrip()
