"""Words below a message that leaves: how to have no more of them, in French and in English.

They stand where a mail program shows them. Below a text in UTF-8 they are more of it; anything else becomes the first
part of a multipart/mixed with the words behind it, as lists do. What is signed or encrypted as a whole stays as it is
(RFC 1847, RFC 8551): its header alone says it.
"""

from __future__ import annotations

import quopri
import secrets
from typing import Final

from imap.message.mime import parameter, parse_content_type
from mailgate.i18n import Language, translator
from smtp.header import read_fields

_LANGUAGES: Final[tuple[Language, ...]] = ("fr", "en")
_SEALED: Final = frozenset(
    {b"multipart/signed", b"multipart/encrypted", b"application/pkcs7-mime", b"application/x-pkcs7-mime"}
)
_PART: Final = (
    b'Content-Type: text/plain; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n'
    b"Content-Disposition: inline\r\n\r\n"
)


def words(stop: str, page: str = "") -> str:
    """How to end it: on a page, by a message to `stop`, or (both empty) by the school."""
    text = _("You have asked for this to be sent here. To have nothing more sent here, tell the school.")
    if page:
        text = _("You have asked for this to be sent here. To have nothing more sent here, open {address}")
    elif stop:
        text = _(
            "You have asked for this to be sent here. To have nothing more sent here, send a message, which may be "
            "empty, to {address}"
        )
    return "".join(f"{translator(language)(text).format(address=page or stop)}\n\n" for language in _LANGUAGES)


def with_words(header: bytes, text: str, *, eightbit: bool) -> tuple[bytes, bytes]:
    """The header block (with its empty line) as it leaves, and what follows the body; with it, it is a whole message.

    `eightbit` says whether the body has octets that are not ASCII.
    """
    found = read_fields(header)
    first = {name: value for name, value, _ in reversed(found)}
    kind = parse_content_type(first.get(b"content-type", b"text/plain")) or parse_content_type(b"text/plain")
    encoding = first.get(b"content-transfer-encoding", b"").strip().lower()
    odd = header[sum(len(line) for _, _, line in found) :] != b"\r\n"
    if odd or kind is None or (media := b"%s/%s" % (kind.maintype.lower(), kind.subtype.lower())) in _SEALED:
        return header, b""
    if media == b"text/plain" and (parameter(kind.parameters, b"charset") or b"").lower() == b"utf-8":
        if encoding == b"quoted-printable":
            return header, b"\r\n-- \r\n" + _quoted(text)
        if encoding == b"8bit" and eightbit:
            return header, b"\r\n-- \r\n" + text.strip().replace("\n", "\r\n").encode() + b"\r\n"
    boundary = b"=_" + secrets.token_hex(16).encode()
    own = [line for name, _, line in found if name.startswith(b"content-")]
    outer = [line for name, _, line in found if not name.startswith(b"content-") and name != b"mime-version"]
    outer += [b"MIME-Version: 1.0\r\n", b'Content-Type: multipart/mixed; boundary="%s"\r\n' % boundary]
    outer += [b"Content-Transfer-Encoding: 8bit\r\n"] if eightbit else []
    beginning = b"".join([*outer, b"\r\n--%s\r\n" % boundary, *own, b"\r\n"])
    return beginning, b"\r\n--%s\r\n%s%s--%s--\r\n" % (boundary, _PART, _quoted(text), boundary)


def _quoted(text: str) -> bytes:
    return quopri.encodestring(text.strip().encode() + b"\n").replace(b"\n", b"\r\n")


def _(text: str) -> str:
    """Mark a text for the catalogues."""
    return text
