"""BODY and BODYSTRUCTURE (RFC 9051 7.5.2 and 9, "body")."""

from __future__ import annotations

from imap.message.envelope import Envelope
from imap.message.mime import Parameters, parameter, parse_disposition, parse_languages
from imap.message.scanner import Content, Node, count_lines
from imap.message.wire import NIL, nlist, nstring, string

_DEFAULT_CHARSET = ((b"charset", b"us-ascii"),)


class StructureEncoder:
    """Encodes the parts of one message; addresses of encapsulated envelopes share one limit."""

    def __init__(self, content: Content, max_addresses: int) -> None:
        self._content = content
        self._addresses_left = max_addresses

    def encode(self, node: Node) -> tuple[bytes, bytes]:
        """The part as ``(BODY, BODYSTRUCTURE)``: without and with extension data."""
        if node.is_multipart:
            return self._multipart(node)
        basic = _basic_fields(self._content, node)
        extension = b"%b %b" % (nstring(node.value(b"content-md5")), _extension(node))
        if not node.is_message:
            return b"(%b)" % basic, b"(%b %b)" % (basic, extension)
        inner = node.children[0]
        envelope = Envelope(inner.fields, self._addresses_left)
        self._addresses_left = envelope.addresses_left
        shown = envelope.encode()
        body, structure = self.encode(inner)
        lines = count_lines(self._content, node.body_start, node.body_end)
        return (
            b"(%b %b %b %d)" % (basic, shown, body, lines),
            b"(%b %b %b %d %b)" % (basic, shown, structure, lines, extension),
        )

    def _multipart(self, node: Node) -> tuple[bytes, bytes]:
        parts = [self.encode(child) for child in node.children] or [(_EMPTY_BODY, _EMPTY_STRUCTURE)]
        subtype = string(node.content_type.subtype)
        parameters = _parameters(node.content_type.parameters)
        return (
            b"(%b %b)" % (b"".join(body for body, _ in parts), subtype),
            b"(%b %b %b %b)" % (b"".join(structure for _, structure in parts), subtype, parameters, _extension(node)),
        )


def _basic_fields(content: Content, node: Node) -> bytes:
    maintype, subtype, parameters = node.content_type
    text = node.maintype == b"text"
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


def _extension(node: Node) -> bytes:
    """Disposition, language and location, which all parts have."""
    shown = NIL
    disposition = parse_disposition(node.value(b"content-disposition"))
    if disposition is not None:
        kind, parameters = disposition
        shown = b"(%b %b)" % (string(kind), _parameters(parameters))
    languages = nlist(map(string, parse_languages(node.value(b"content-language"))))
    return b"%b %b %b" % (shown, languages, nstring(node.value(b"content-location")))


_EMPTY_BODY = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)'
_EMPTY_STRUCTURE = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)'
