"""A message on its way to a list: what its header says of the list, and what a list does not take.

The body is never touched, and no field that the writer signed: a signed message keeps its Subject and Reply-To. The
fields are those of RFC 2369 (List-Help, List-Post, List-Unsubscribe where members may leave, List-Archive where there
is one), RFC 2919 (List-Id) and RFC 3834 section 5.2 (Precedence is what older responders look at).
"""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from email import header as encoded
from email.errors import HeaderParseError
from typing import Final
from urllib.parse import quote

from directory.list_settings import ListSettings, Reply
from directory.reserved import HELP, LEAVE
from imap.backend import SHARED
from smtp.header import Field, Header
from smtp.message import Prepared

_OF_A_LIST: Final = frozenset(
    {b"list-id", b"list-post", b"list-help", b"list-archive", b"list-owner", b"list-subscribe", b"list-unsubscribe",
     b"list-unsubscribe-post", b"precedence"}
)  # fmt: skip
_LOOP: Final = b"x-loop"
_AUTO: Final = b"auto-submitted"
_SIGNED: Final = frozenset({b"dkim-signature", b"arc-message-signature"})


@dataclass(frozen=True, slots=True)
class PostedTo:
    """A list as its members see it."""

    address: str
    label: str
    settings: ListSettings
    archive: str = ""
    """The URL of its archive; empty where there is none."""


def has_passed(header: Header, address: str) -> bool:
    """Whether the message went through this list before."""
    return any(value.strip().lower() == address.encode() for value in header.values(_LOOP))


def is_automatic_reply(header: Header) -> bool:
    """Whether a program answered by itself (RFC 3834 section 5): such a message is for one person, never for a list."""
    return any(value.strip().lower().startswith(b"auto-replied") for value in header.values(_AUTO))


def wants_no_answer(header: Header) -> bool:
    """Whether a program or a list wrote it: then no program answers (RFC 3834 section 2)."""
    return (
        is_automatic(header)
        or any(value.strip().lower() in {b"bulk", b"junk", b"list"} for value in header.values(b"precedence"))
        or bool(header.values(b"list-id"))
    )


def is_automatic(header: Header) -> bool:
    """Whether a program wrote it, whatever for (RFC 3834 section 5)."""
    return any(not value.strip().lower().startswith(b"no") for value in header.values(_AUTO))


def subject_of(header: Header) -> str:
    """The Subject in letters that can be shown, on one line; empty when there is none.

    Of several it is the last, as ENVELOPE has it for those who read the message.
    """
    return shown(b"".join(header.values(b"subject")[-1:]))


def shown(raw: bytes) -> str:
    """The value of a field in letters that can be shown, on one line."""
    text = raw.decode("utf-8", "replace")
    with suppress(HeaderParseError, LookupError, ValueError):
        text = str(encoded.make_header(encoded.decode_header(text)))
    found = "".join(" " if unicodedata.category(one)[0] in {"C", "Z"} else one for one in text)
    return " ".join(found.split())


def as_posted(message: Prepared, to: PostedTo) -> Prepared:
    """The copy that members of a list get."""
    kept = [one for one in message.header.fields if one.name not in _OF_A_LIST]
    signed = any(one.name in _SIGNED for one in kept)
    settings = to.settings
    answers = None if signed else {Reply.LIST: to.address, Reply.ADDRESS: settings.reply_to}.get(settings.reply)
    found: list[Field] = []
    for one in kept:
        if one.name == b"reply-to" and answers:
            continue
        tagged = one.name == b"subject" and settings.tag and not signed
        found.append(Field.of(_tagged(one.value, settings.tag)) if tagged else one)
    if answers:
        found.append(Field.of(b"Reply-To: <%s>\r\n" % answers.encode()))
    found += list_fields(to)
    found.append(Field.of(b"Precedence: list\r\n"))
    found.append(Field.of(b"X-Loop: %s\r\n" % to.address.encode()))
    return replace(message, header=Header(tuple(found)))


def list_fields(of: PostedTo) -> list[Field]:
    """The fields by which a message says which list it is of. A plus is a plus in a mailto URI (RFC 6068)."""
    lines = [
        b"List-Id: %s<%s>\r\n" % (_phrase(of.label), of.address.replace("@", ".").encode()),
        b"List-Post: <mailto:%s>\r\n" % of.address.encode(),
        b"List-Help: <mailto:%s?subject=help>\r\n" % command_address(of.address, help_=True).encode(),
    ]
    if of.settings.leaving:
        lines.append(b"List-Unsubscribe: <mailto:%s?subject=unsubscribe>\r\n" % command_address(of.address).encode())
    if of.archive:
        lines.append(b"List-Archive: <%s>\r\n" % of.archive.encode())
    return [Field.of(line) for line in lines]


def archive_url(imap_url: str, address: str, settings: ListSettings) -> str:
    """The IMAP URL (RFC 5092) of a list's archive, which every member finds by the same name."""
    return f"{imap_url}/{quote(archive_name(address), safe='/@')}" if settings.archive and imap_url else ""


def archive_name(address: str) -> str:
    """What its members call the archive of a list."""
    return f"{SHARED}{address}"


def command_address(address: str, *, help_: bool = False) -> str:
    """Where a member writes to leave a list (`mailgate.delivery.leaving`), or anybody to ask about it (`helping`)."""
    return f"{HELP if help_ else LEAVE}{address}"


def _tagged(subject: bytes, tag: str) -> bytes:
    """``Subject`` with the list's tag in front, unless it is there already, as in an answer."""
    subject = subject.lstrip()
    mark = _encoded(f"[{tag}]")
    if mark in subject:
        return b"Subject: " + subject + b"\r\n"
    if mark.startswith(b"=?") and subject.startswith(b"=?"):
        mark = _encoded(f"[{tag}] ")  # the blank between two encoded words is not shown (RFC 2047 section 6.2)
    return b"Subject: " + mark + b" " + subject + b"\r\n"


def _encoded(text: str) -> bytes:
    return (
        text.encode()
        if text.isascii()
        else encoded.Header(text, "utf-8", maxlinelen=60).encode(linesep="\r\n").encode()
    )


def _phrase(label: str) -> bytes:
    """The list's name in front of its List-Id, as RFC 2919 section 3 lets it stand."""
    if not label:
        return b""
    if label.isascii():
        return b'"%s" ' % label.replace("\\", "\\\\").replace('"', '\\"').encode()
    return _encoded(label) + b" "
