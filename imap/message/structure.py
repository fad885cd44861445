"""BODY and BODYSTRUCTURE (RFC 9051 7.5.2 and 9, "body")."""

from __future__ import annotations

from imap.message.envelope import Envelope
from imap.message.mime import Parameters, parameter, parse_disposition, parse_languages
from imap.message.scanner import Content, Node, count_lines
from imap.message.wire import NIL, nlist, nstring, string

_DEFAULT_CHARSET = ((b"charset", b"us-ascii"),)


def encode_structure(content: Content, node: Node) -> tuple[bytes, bytes]:
    """The part as ``(BODY, BODYSTRUCTURE)``: without and with extension data."""
    if node.is_multipart:
        return _multipart(content, node)
    basic = _basic_fields(content, node)
    extension = (
        nstring(node.value(b"content-md5")),
        _disposition(node),
        _languages(node),
        nstring(node.value(b"content-location")),
    )
    if not node.is_message:
        return b"(%b)" % basic, b"(%b %b)" % (basic, b" ".join(extension))
    inner = node.children[0]
    envelope = Envelope(inner.fields).encode()
    body, structure = encode_structure(content, inner)
    lines = count_lines(content, node.body_start, node.body_end)
    return (
        b"(%b %b %b %d)" % (basic, envelope, body, lines),
        b"(%b %b %b %d %b)" % (basic, envelope, structure, lines, b" ".join(extension)),
    )


def _multipart(content: Content, node: Node) -> tuple[bytes, bytes]:
    parts = [encode_structure(content, child) for child in node.children]
    if not parts:
        parts = [(_EMPTY_BODY, _EMPTY_STRUCTURE)]
    subtype = string(node.content_type.subtype)
    extension = (
        _parameters(node.content_type.parameters),
        _disposition(node),
        _languages(node),
        nstring(node.value(b"content-location")),
    )
    return (
        b"(%b %b)" % (b"".join(body for body, _ in parts), subtype),
        b"(%b %b %b)" % (b"".join(structure for _, structure in parts), subtype, b" ".join(extension)),
    )


def _basic_fields(content: Content, node: Node) -> bytes:
    maintype, subtype, parameters = node.content_type
    text = maintype.lower() == b"text"
    if text and parameter(parameters, b"charset") is None:
        parameters += _DEFAULT_CHARSET
    fields = b"%b %b %b %b %b %b %d" % (
        string(maintype),
        string(subtype),
        _parameters(parameters),
        nstring(node.value(b"content-id")),
        nstring(node.value(b"content-description")),
        string(node.encoding),
        node.body_end - node.body_start,
    )
    return b"%b %d" % (fields, count_lines(content, node.body_start, node.body_end)) if text else fields


def _parameters(parameters: Parameters) -> bytes:
    return nlist(string(item) for pair in parameters for item in pair)


def _disposition(node: Node) -> bytes:
    disposition = parse_disposition(node.value(b"content-disposition"))
    if disposition is None:
        return NIL
    kind, parameters = disposition
    return b"(%b %b)" % (string(kind), _parameters(parameters))


def _languages(node: Node) -> bytes:
    return nlist(string(tag) for tag in parse_languages(node.value(b"content-language")))


_EMPTY_BODY = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)'
_EMPTY_STRUCTURE = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)'
