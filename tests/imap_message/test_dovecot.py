"""Every collected message is shown as Dovecot shows it, but for the differences listed here with their reason."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from imap.message import (
    LISTING_FIELDS,
    Part,
    PartTable,
    RenderedMessage,
    SectionText,
    UnknownEncodingError,
    decode_part,
    filter_header,
    render,
)
from tests.imap_message.client import Client
from tests.imap_message.corpus import messages
from tests.imap_message.grammar import GrammarError, Value, read_body, read_envelope
from tests.support.dovecot import Dovecot, installed

pytestmark = pytest.mark.skipif(not installed(), reason="Dovecot is not installed")

MAX_PARTS = 80
"""Parts of one message whose sections are compared."""
MAX_BINARY = 8
"""Parts of one message that are decoded, asked one by one: a part that cannot be decoded fails its whole command."""
PARTIALS = ((0, 1), (1, 7), (13, 1000), (1023, 1), (65_537, 9), (2**31, 5))
"""Odd beginnings and lengths, within, across and after the end."""
LEFT_OUT = ("From", "To", "Subject", "Received")
LISTING = f"BODY[HEADER.FIELDS ({' '.join(LISTING_FIELDS)})]".upper().encode()
OTHERS = f"BODY[HEADER.FIELDS.NOT ({' '.join(LEFT_OUT)})]".upper().encode()


class Difference(NamedTuple):
    """Why we show these items of these messages otherwise."""

    reason: str
    items: str
    messages: str


DIFFERENCES = [
    Difference(
        "the line break before a delimiter belongs to it, also when a nested multipart ends there (RFC 2046 5.1.1)",
        "sections",
        "flanker-enclosed flanker-enclosed-bad-encoding flanker-enclosed-broken-body flanker-mailgun-pic "
        "flanker-multipart gen-apple-mail gen-bd-prefix gen-bd-prefix2 gen-bd-same gen-gmail gen-nest-multipart-10 "
        "gen-nest-multipart-100 gen-nest-multipart-200 gen-nest-multipart-30 gen-outlook-invite gluon-bounds "
        "gluon-rfc822 mailparser-020-2 mailparser-021-2 mailparser-022-2 mime4j-boundary-name-clash "
        "mime4j-missing-inner-start-boundary mimekit-body.5 mimekit-body.6 mimekit-body.7 mimekit-rfc2060 "
        "phpmime-issue133 phpmime-issue149 phpmime-issue182 phpmime-issue274 phpmime-m0001 phpmime-m0002 "
        "phpmime-m0003 phpmime-m0007 roundcube-fwd_lines rubymail-attachment_message_rfc822_inline_image "
        "sisimai-arf-25 sisimai-lhost-courier-01 sisimai-lhost-gsuite-01 stmsgs-message zbateson-m4008",
    ),
    Difference(
        "the same, seen in the size of the message/rfc822 part around the multipart (RFC 2046 5.1.1)",
        "structure",
        "flanker-enclosed flanker-enclosed-bad-encoding flanker-enclosed-broken-body gluon-bounds gluon-rfc822 "
        "mailparser-022-2 mimekit-rfc2060 phpmime-issue274 roundcube-fwd_lines "
        "rubymail-attachment_message_rfc822_inline_image sisimai-arf-25 sisimai-lhost-courier-01",
    ),
    Difference(
        "message/global holds a message as message/rfc822 does (RFC 6532 3.7, RFC 9051 7.5.2)",
        "structure sections",
        "flanker-enclosed-global gen-dsn-global",
    ),
    Difference(
        "the limit of nesting is ours: 50 parts; what is deeper is application/octet-stream",
        "structure sections",
        "gen-nest-multipart-100 gen-nest-multipart-200 gen-nest-rfc822-50",
    ),
    Difference(
        "a boundary is compared whole, however long and whatever characters it holds (RFC 2046 5.1.1)",
        "structure sections",
        "mailparser-016-2 mime4j-very-long-boundary mime4j-very-very-long-boundary",
    ),
    Difference(
        "the same: of a boundary read in part only, Dovecot takes the end for one more part",
        "structure",
        "gen-bd-70+ gen-bd-unquoted rubymail-raw_email_with_binary_encoded rubymail-raw_email_with_illegal_boundary",
    ),
    Difference(
        "a delimiter of the new multipart ends its header although it begins like the outer one (RFC 2046 5.1.1)",
        "structure sections",
        "mailparser-007-2",
    ),
    Difference("a boundary in pieces is a boundary (RFC 2231 3)", "structure sections", "roundcube-mail0"),
    Difference(
        "an empty parameter does not end the list of parameters (RFC 2045 5.1)",
        "structure sections",
        "mime4j-double-semicolon",
    ),
    Difference(
        "a multipart without boundary cannot be split and is shown as the text it holds (RFC 2045 5.2)",
        "structure sections",
        "gen-bd-empty gen-bd-none",
    ),
    Difference("the same for a multipart without boundary inside another", "structure", "sisimai-lhost-apachejames-01"),
    Difference(
        "a Content-Type that cannot be read means text/plain in us-ascii (RFC 2045 5.2)",
        "structure",
        "gen-ct-01 gen-ct-09 gen-ct-13 mailparser-017-2 mime4j-multi-digest mimekit-missing-subtype",
    ),
    Difference(
        "type and subtype are taken although no semicolon follows them; the rest is left (RFC 2045 5.1)",
        "structure",
        "gen-ct-11",
    ),
    Difference(
        "a value is taken as far as it goes: without closing quote, with a slash, with quotes put after a backslash",
        "structure",
        "gen-ct-05 phpimap-plain phpmime-issue133",
    ),
    Difference(
        "a value in pieces stands where its first piece stood; incomplete pieces keep their order (RFC 2231 3)",
        "structure",
        "gen-rfc2231 james-james-3901",
    ),
    Difference("names of parameters are in the case they were written", "structure", "gluon-afternoon-meeting"),
    Difference(
        "HEADER.FIELDS.NOT ends with the empty line as HEADER.FIELDS does, in a message without body too "
        "(RFC 9051 6.4.5.1 lets it be left out)",
        "others",
        "gen-no-blank-line james-ics_with_error.ics james-meeting.ics james-meeting_2.ics "
        "james-meeting_without_dtstamp.ics james-meeting_without_method.ics james-meeting_without_sequence.ics "
        "james-meeting_without_uid.ics james-no_event.ics phpmime-issue250 phpmime-m0027 phpmime-m0124",
    ),
    Difference(
        "comments and obsolete space and routes are taken off; what follows a bad address is shown (RFC 5322 4.4)",
        "envelope",
        "gen-addr-forms mimekit-issue358 mimekit-stack-overflow phpimap-issue-462 "
        "roundcube-email-address-spoofing-attacks rubymail-mix_caps_content_type",
    ),
    Difference("an empty member of a list is no address (RFC 5322 4.4)", "envelope", "rubymail-weird_to_header"),
    Difference(
        "a mailbox without domain is shown whole",
        "structure",
        "mimekit-feedback-report sisimai-arf-11",
    ),
    Difference("only folds become one space, other spaces stay (RFC 5322 2.2.3)", "envelope", "gen-folding"),
    Difference(
        "a value begins and ends without the space around it",
        "envelope",
        "mime4j-basic-plain-with-bad-header-separator phpimap-issue-275-2 phpimap-multipart_without_body "
        "rubymail-bad_date_header sisimai-lhost-amazonworkmail-01",
    ),
    Difference(
        "the same in an encapsulated message",
        "structure",
        "sisimai-lhost-amazonworkmail-01",
    ),
    Difference(
        "BINARY.SIZE is the number of octets that BINARY gives (RFC 3516 4.3); Dovecot's own differ",
        "decoded-size",
        "flanker-office365 james-invitationEmailFromOP phpimap-attachment_long_filename phpmime-issue230 "
        "phpmime-issue274 sisimai-lhost-exchange2007-01 sisimai-lhost-office365-01",
    ),
    Difference(
        "NUL is 0x80 in BODY of both, and NUL in BINARY; what we decode here is what Dovecot showed in BODY",
        "binary",
        "gen-nul-body",
    ),
    Difference(
        "parts that are cut otherwise, as above, are other parts without their transfer encoding too",
        "binary decoded-size",
        "flanker-enclosed-global gen-bd-empty gen-bd-none gen-dsn-global gen-nest-multipart-100 gen-nest-multipart-200 "
        "mailparser-016-2 mime4j-double-semicolon mime4j-very-long-boundary mime4j-very-very-long-boundary "
        "roundcube-mail0",
    ),
    Difference(
        "message/global holds a message, whose fields can be asked for (RFC 6532 3.7)",
        "nested",
        "flanker-enclosed-global gen-dsn-global",
    ),
    Difference(
        "fields of a message within the message end with the empty line also where it has no body "
        "(RFC 9051 6.4.5.1 lets it be left out)",
        "nested",
        "gen-rfc822-cte-base64 gluon-rfc822 mailparser-022-2 mime4j-multi-2gifs-base64 phpmime-issue274 "
        "sisimai-lhost-postfix-01",
    ),
]


class Comparison:
    """One message in both servers; collects the items that differ."""

    def __init__(self, client: Client, number: int, message: bytes) -> None:
        client.append(message)
        client.command(b"NOOP")
        peek = [b"BODY.PEEK" + item[4:] for item in (b"BODY[]", b"BODY[HEADER]", b"BODY[TEXT]", LISTING, OTHERS)]
        self.theirs = client.fetch(number, b" ".join([b"ENVELOPE BODY BODYSTRUCTURE", *peek]))
        stored = self.theirs[b"BODY[]"] or b""
        assert isinstance(stored, bytes)
        self.stored = stored
        self.ours = render(stored)
        self.table = PartTable.decode(self.ours.parts)
        self.sections = list(section_names(self.table.root))
        names = b" ".join(b"BODY.PEEK[%b]" % spelled(*section) for section in self.sections)
        self.theirs |= client.fetch(number, names)
        cuts = b" ".join(
            b"BODY.PEEK[%b]<%d.%d>" % (section, *cut) for section in (b"", b"TEXT", b"1") for cut in PARTIALS
        )
        self.cuts = client.fetch(number, cuts)
        nested = b" ".join(
            b"BODY.PEEK[%b.HEADER.FIELDS%b (SUBJECT X-NONE)]" % (spelled(part, None), negation)
            for part in self.messages_within()
            for negation in (b"", b".NOT")
        )
        self.nested = client.fetch(number, nested) if nested else {}
        self.binary: dict[bytes, Value] = {}

    def decode(self, server: Dovecot, number: int) -> None:
        """Ask for parts without their transfer encoding, over a connection for each message.

        Dovecot closes it where base64 ends too early, and gives no number for the size of a part that is not there.
        """
        with contextlib.suppress(RuntimeError, OSError, GrammarError), Client(server, "reader") as client:
            for part in self.decodable():
                name = b".".join(b"%d" % each for each in part)
                self.binary |= client.fetch(number, b"BINARY.PEEK[%b] BINARY.SIZE[%b]" % (name, name))

    def messages_within(self) -> list[tuple[int, ...]]:
        """The numbers of the first messages within the message."""
        return [
            part
            for part, text in self.sections
            if text is None and (found := self.table.locate(part)) is not None and found.message is not None
        ][:MAX_BINARY]

    def decodable(self) -> list[tuple[int, ...]]:
        """The numbers of the first parts that hold octets of their own, with an encoding that is known."""
        return [
            part
            for part, text in self.sections
            if text is None
            and (found := self.table.locate(part)) is not None
            and not found.is_multipart
            and found.message is None
        ][:MAX_BINARY]

    def cut_pairs(self) -> Iterator[tuple[str, Value, Value]]:
        """Partial fetches: the same octets of the same section."""
        for section, whole in (
            (b"", self.stored),
            (b"TEXT", self.section((), "TEXT")),
            (b"1", self.section((1,), None)),
        ):
            for start, length in PARTIALS:
                theirs = self.cuts[b"BODY[%b]<%d>" % (section, start)]
                yield "sections" if section == b"1" else "partial", theirs or b"", whole[start : start + length]

    def nested_pairs(self) -> Iterator[tuple[str, Value, Value]]:
        """Fields of messages within the message."""
        for part in self.messages_within():
            header = self.section(part, "HEADER")
            for negation, exclude in ((b"", False), (b".NOT", True)):
                name = b"BODY[%b.HEADER.FIELDS%b (SUBJECT X-NONE)]" % (spelled(part, None), negation)
                ours = filter_header(header, ("Subject", "X-None"), exclude)
                yield "nested", self.nested[name] or b"", ours

    def binary_pairs(self) -> Iterator[tuple[str, Value, Value]]:
        """Parts without their transfer encoding, and their sizes, where Dovecot gave them."""
        for part in self.decodable():
            name = b".".join(b"%d" % each for each in part)
            found = self.table.locate(part)
            if found is None or b"BINARY[%b]" % name not in self.binary:
                continue
            try:
                ours = decode_part(self.stored[found.body_start : found.body_end], found.encoding)
            except UnknownEncodingError:
                ours = b"unknown"
            yield "binary", self.binary[b"BINARY[%b]" % name] or b"", ours
            yield "decoded-size", self.binary[b"BINARY.SIZE[%b]" % name], len(ours)

    def differences(self) -> set[str]:
        ours: RenderedMessage = self.ours
        pairs: list[tuple[str, Value, Value]] = [
            ("envelope", self.theirs[b"ENVELOPE"], read_envelope(ours.envelope)),
            ("structure", types_folded(self.theirs[b"BODY"]), types_folded(read_body(ours.body, extension=False))),
            (
                "structure",
                types_folded(self.theirs[b"BODYSTRUCTURE"]),
                types_folded(read_body(ours.bodystructure, extension=True)),
            ),
            ("header", self.theirs[b"BODY[HEADER]"], ours.header),
            ("text", self.theirs[b"BODY[TEXT]"], self.section((), "TEXT")),
            ("fields", self.theirs[LISTING], ours.listing),
            ("fields", self.theirs[LISTING], filter_header(ours.header, LISTING_FIELDS)),
            ("others", self.theirs[OTHERS], filter_header(ours.header, LEFT_OUT, exclude=True)),
        ]
        for part, text in self.sections:
            theirs = self.theirs[b"BODY[%b]" % spelled(part, text)]
            pairs.append(("sections", theirs or b"", self.section(part, text)))
        pairs += [*self.cut_pairs(), *self.nested_pairs(), *self.binary_pairs()]
        return {item for item, theirs, ours in pairs if theirs != ours}

    def section(self, part: tuple[int, ...], text: SectionText | None) -> bytes:
        """Our octets of a section; Dovecot shows one that is not there as empty, too."""
        found = self.table.section(part, text)
        return b"" if found is None else self.stored[slice(*found)]


def section_names(root: Part) -> Iterator[tuple[tuple[int, ...], SectionText | None]]:
    """All sections that each of the first parts can have, and those of a part that is not there."""
    specifiers: tuple[SectionText | None, ...] = (None, "MIME", "HEADER", "TEXT")
    waiting: list[tuple[tuple[int, ...], Part]] = [((), root)]
    numbers: list[tuple[int, ...]] = [(len(root.children) + 2,)]
    while waiting and len(numbers) < MAX_PARTS:
        number, part = waiting.pop(0)
        if number:
            numbers.append(number)
        inner = part.message if number else part
        if part.is_multipart:
            waiting += [((*number, index), child) for index, child in enumerate(part.children, 1)]
        elif inner is not None and inner.is_multipart:
            waiting += [((*number, index), child) for index, child in enumerate(inner.children, 1)]
        elif inner is not None:
            waiting.append(((*number, 1), inner))
    for number in numbers:
        for specifier in specifiers:
            yield number, specifier


def spelled(part: tuple[int, ...], text: SectionText | None) -> bytes:
    return ".".join([*map(str, part), *([text] if text else [])]).encode()


def types_folded(value: Value) -> Value:
    """Media types in lower case: Dovecot writes some of them so, and case says nothing (RFC 2045 5.1)."""
    if not isinstance(value, list):
        return value
    if value and isinstance(value[0], bytes) and len(value) > 6 and isinstance(value[6], int):
        return [
            item.lower() if isinstance(item, bytes) and i < 2 else types_folded(item) for i, item in enumerate(value)
        ]
    return [types_folded(item) for item in value]


def test_messages_are_shown_as_dovecot_shows_them() -> None:
    expected: dict[str, set[str]] = {}
    for difference in DIFFERENCES:
        for name in difference.messages.split():
            expected.setdefault(name, set()).update(difference.items.split())
    found = {}
    with Dovecot() as server, Client(server, "reader") as client:
        for number, (name, message) in enumerate(messages().items(), 1):
            comparison = Comparison(client, number, message)
            comparison.decode(server, number)
            if items := comparison.differences():
                found[name] = items
    assert {
        name: found.get(name, set()) ^ expected.get(name, set())
        for name in found.keys() | expected.keys()
        if found.get(name) != expected.get(name)
    } == {}
