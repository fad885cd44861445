"""IMAP URLs that name a message or a part of one (RFC 5092), as CATENATE takes them (RFC 4469 section 3)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from imap.errors import BadCommand
from imap.parsing.fetch import section
from imap.parsing.fetch_items import Section
from imap.parsing.lexer import MAX_NUMBER, Cursor
from imap.parsing.limits import MAX_URL
from imap.parsing.literals import CommandInput
from imap.parsing.values import CONTROL, canonical_inbox

# bchar = achar / ":" / "@" / "/"
# achar = uchar / "&" / "="
# uchar = unreserved / "!" / "$" / "'" / "(" / ")" / "*" / "+" / "," / pct-encoded
_BCHAR: Final = r"(?:[A-Za-z0-9\-._~!$'()*+,&=:@/]|%[0-9A-Fa-f]{2})"
# iserver = [iuserinfo "@"] host [":" port]
# iuserinfo = enc-user [";AUTH=" ("*" / enc-auth-type)]
_SERVER: Final = re.compile(
    r"(?:imap:)?//(?:(?P<user>[^/;@]+)(?:;AUTH=[^/;@]+)?@)?(?P<host>[^/;@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?=/)",
    re.IGNORECASE,
)
# imessagepart = enc-mailbox [";UIDVALIDITY=" nz-number] "/;UID=" nz-number ["/;SECTION=" enc-section]
#                ["/;PARTIAL=" partial-range]
# partial-range = number ["." nz-number]
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")
_MESSAGE: Final = re.compile(
    rf"(?:(?P<mailbox>{_BCHAR}+?)(?:;UIDVALIDITY=(?P<uidvalidity>[1-9][0-9]{{0,9}}))?/)?;UID=(?P<uid>[1-9][0-9]{{0,9}})"
    rf"(?:/;SECTION=(?P<section>{_BCHAR}+?))?(?:/;PARTIAL=(?P<start>[0-9]{{1,18}})(?:\.(?P<length>[1-9][0-9]{{0,17}}))?)?",
    re.IGNORECASE,
)


class BadUrl(ValueError):
    """No URL of a message or of a part of one; the text says why."""


@dataclass(frozen=True, slots=True)
class MessageUrl:
    """What a URL names. Without a host it is relative: to the server, or with `rooted` False to the mailbox."""

    uid: int
    mailbox: str | None = None
    """None for the mailbox that is selected."""
    uidvalidity: int | None = None
    section: Section = field(default_factory=Section)
    start: int = 0
    length: int | None = None
    """Octets from `start` on; None for all."""
    rooted: bool = True
    user: str | None = None
    host: str | None = None
    port: int | None = None


def parse_url(url: bytes) -> MessageUrl:
    """Read a URL. Raises BadUrl."""
    if len(url) > MAX_URL:
        raise BadUrl(f"A URL has {MAX_URL} octets at most")
    try:
        text = url.decode("ascii")
    except UnicodeDecodeError as error:
        raise BadUrl("A URL is ASCII") from error
    server = _SERVER.match(text)
    path = text if server is None else text[server.end() :]
    if server is None and _SCHEME.match(path):
        raise BadUrl("This is no URL of this server")
    rooted = path.startswith("/")
    found = _MESSAGE.fullmatch(path, 1 if rooted else 0)
    if found is None or (rooted and found["mailbox"] is None):
        raise BadUrl("This is no URL of a message on this server")
    uid, uidvalidity = int(found["uid"]), found["uidvalidity"] and int(found["uidvalidity"])
    if max(uid, uidvalidity or 0) > MAX_NUMBER:
        raise BadUrl(f"A number is at most {MAX_NUMBER}")
    return MessageUrl(
        uid=uid,
        mailbox=None if found["mailbox"] is None else _mailbox(found["mailbox"]),
        uidvalidity=uidvalidity or None,
        section=Section() if found["section"] is None else _section(found["section"]),
        start=int(found["start"] or 0),
        length=None if found["length"] is None else int(found["length"]),
        rooted=rooted,
        user=None if server is None or server["user"] is None else unquote(server["user"]),
        host=None if server is None else server["host"].lower(),
        port=None if server is None or server["port"] is None else int(server["port"]),
    )


# enc-mailbox = 1*bchar ; the name in UTF-8, percent-encoded
def _mailbox(encoded: str) -> str:
    try:
        name = unquote(encoded, errors="strict")
    except UnicodeDecodeError as error:
        raise BadUrl("The name of a mailbox is UTF-8") from error
    if CONTROL.search(name):
        raise BadUrl("A mailbox name holds no control characters")
    return canonical_inbox(unicodedata.normalize("NFC", name))


# enc-section = 1*bchar ; section-spec, percent-encoded
def _section(encoded: str) -> Section:
    cursor = Cursor(CommandInput((unquote_to_bytes(encoded) + b"]",)), utf8=False)
    try:
        named = section(cursor)
        cursor.end()
    except BadCommand as error:
        raise BadUrl(str(error)) from error
    return named
