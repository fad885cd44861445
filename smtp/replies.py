"""Replies as they go on the wire (RFC 5321 section 4.2, RFC 2034), and the refusals that end a connection."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import Final

from smtp.handler import SmtpError

MAX_TEXT: Final = 480
"""A reply line holds 512 octets with its code, status and CRLF (RFC 5321 section 4.5.3.1.5)."""


class Closing(SmtpError):
    """A reply after which the server closes the connection."""


def render(code: int, status: str, text: str) -> bytes:
    """One reply, in as many lines as its text needs; the status code, where there is one, opens each line (RFC 2034).

    Control characters never reach the wire and letters lose their accents: reply text is ASCII.
    """
    start = f"{status} " if status else ""
    if len(text) <= MAX_TEXT and text.isascii() and text.isprintable():
        return f"{code} {start}{text}\r\n".encode("ascii")
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    cleaned = "".join(letter if letter.isprintable() else " " for letter in plain)
    lines = textwrap.wrap(cleaned, MAX_TEXT) or [""]
    return render_lines(code, [start + line for line in lines])


def render_lines(code: int, lines: list[str]) -> bytes:
    """A multi-line reply of ready ASCII lines."""
    last = len(lines) - 1
    return "".join(f"{code}{' ' if at == last else '-'}{line}\r\n" for at, line in enumerate(lines)).encode("ascii")
