"""The lines that end a command or speak for the server: status responses (RFC 9051 section 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

CRLF: Final = b"\r\n"
CONTINUE: Final = b"+ OK\r\n"


class Completion(NamedTuple):
    """How a command ended well; failures are the exceptions of `imap.errors`."""

    text: str
    code: str | None = None
    condition: str = "OK"
    values: Mapping[str, object] = MappingProxyType({})
    """For each ``{name}`` in the text."""


def status(tag: str, condition: str, text: str, code: str | None = None) -> bytes:
    """``tag OK [CODE] text``; the tag is ``*`` for an untagged one."""
    middle = f" [{code}]" if code else ""
    return f"{tag} {condition}{middle} {_line(text)}\r\n".encode("utf-8", "surrogateescape")


def bye(text: str, code: str | None = None) -> bytes:
    """The server's last word (RFC 9051 7.1.5)."""
    return status("*", "BYE", text, code)


def _line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
