"""A message as IMAP shows it: scanned and rendered once, at delivery (RFC 5322, 2045-2047, 2231; RFC 9051 7.5.2)."""

from imap.message.binary import IDENTITY, UnknownEncodingError, decode_part, part_decoder
from imap.message.header import decode_field, filter_header
from imap.message.keys import SortKeys, ThreadKeys
from imap.message.parts import Part, PartTable, SectionText
from imap.message.preview import make_preview, readable_text
from imap.message.rendered import LISTING_FIELDS, RenderedMessage, render, render_message_id
from imap.message.scanner import Content
from imap.message.text import search_texts

__all__ = [
    "IDENTITY",
    "LISTING_FIELDS",
    "Content",
    "Part",
    "PartTable",
    "RenderedMessage",
    "SectionText",
    "SortKeys",
    "ThreadKeys",
    "UnknownEncodingError",
    "decode_field",
    "decode_part",
    "filter_header",
    "make_preview",
    "part_decoder",
    "readable_text",
    "render",
    "render_message_id",
    "search_texts",
]
