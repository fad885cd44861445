"""What an IMAP server's answers mean to who reads an account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import IO, Final

from imap.flags import SYSTEM_FLAGS
from imap.parsing import utf7
from mailgate.transfer.imap_wire import Oversize, Response, Value, WireError, values
from mailgate.transfer.intake import usable_keywords
from mailgate.transfer.spool import close

_FETCH: Final = re.compile(rb"\* [0-9]{1,10} FETCH ", re.I)
_SYSTEM: Final = {name.lower(): (name, bit) for name, bit in SYSTEM_FLAGS.items()}
_WORDS: Final = 200
"""Characters of a server's words that are repeated."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A message as the server gave it; who takes it closes its content."""

    uid: int
    content: bytes | IO[bytes] | Oversize | None
    """None when the server gave none."""
    size: int
    flags: int
    keywords: tuple[str, ...]
    internal_date: int | None

    @property
    def flag_text(self) -> str:
        """The flags in one spelling, for comparison."""
        return flag_text(self.flags, self.keywords)


def flag_text(flags: int, keywords: Sequence[str]) -> str:
    """Flags in one spelling."""
    return " ".join([*(name for name, bit in SYSTEM_FLAGS.items() if flags & bit), *keywords])


def is_fetch(response: Response) -> bool:
    """Whether this is a FETCH response."""
    return _FETCH.match(text_of(response)) is not None


def uid_set(uids: Sequence[int]) -> str:
    """A sequence set (RFC 9051 section 9) of ascending UIDs."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and ranges[-1][1] == uid - 1:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in ranges)


def text_of(response: Response) -> bytes:
    return response[0] if isinstance(response[0], bytes) else b""


def starts_with(response: Response, words: bytes) -> bool:
    return text_of(response).upper().startswith(words)


def words_of(text: object) -> str:
    """A server's words, fit to be shown."""
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return "".join(char if char.isprintable() else " " for char in shown)[:_WORDS].strip()


def prefixes_of(group: Value) -> Iterator[str]:
    for one in group if isinstance(group, list) else []:
        if isinstance(one, list) and one and isinstance(one[0], bytes):
            yield one[0].decode("latin-1")


def levels_of(name: str, delimiter: str) -> tuple[str, ...]:
    parts = name.split(delimiter) if delimiter else [name]
    return tuple(_decoded(part) for part in parts if part) or (name,)


def _decoded(level: str) -> str:
    octets = level.encode("latin-1")
    try:
        return utf7.decode(octets)
    except ValueError:
        return octets.decode("utf-8", "backslashreplace")


def items_of(response: Response) -> Mapping[bytes, Value]:
    """The data items of a FETCH response."""
    found = _FETCH.match(text_of(response))
    match values(response, found.end() if found else 0):
        case [list() as pairs] if len(pairs) % 2 == 0:
            names = (one.upper() if isinstance(one, bytes) else b"" for one in pairs[::2])
            return dict(zip(names, pairs[1::2], strict=True))
    raise WireError("the server's answer to FETCH cannot be read")


def number_of(value: Value) -> int:
    return int(value) if isinstance(value, bytes) and value.isdigit() else 0


def flags_of(value: Value) -> tuple[int, tuple[str, ...]]:
    names = (
        [one.decode("ascii", "replace") for one in value if isinstance(one, bytes)] if isinstance(value, list) else []
    )
    flags = sum({_SYSTEM[name.lower()][1] for name in names if name.lower() in _SYSTEM})
    return flags, usable_keywords([name for name in names if not name.startswith("\\")])


def fetched_of(items: Mapping[bytes, Value]) -> Fetched | None:
    """The message of a FETCH response; None when it is other news, such as flags that somebody changed."""
    if b"BODY[]" not in items:
        return None
    content = items[b"BODY[]"]
    if isinstance(content, list):
        raise WireError("the server's answer to FETCH cannot be read")
    flags, keywords = flags_of(items.get(b"FLAGS"))
    size = content.size if isinstance(content, Oversize) else _length(content)
    return Fetched(number_of(items.get(b"UID")), content, size, flags, keywords, _date(items.get(b"INTERNALDATE")))


def _length(content: bytes | IO[bytes] | None) -> int:
    if content is None or isinstance(content, bytes):
        return len(content or b"")
    size = content.seek(0, 2)
    content.seek(0)
    return size


def _date(value: Value) -> int | None:
    """INTERNALDATE as seconds since the epoch; None where it is no date."""
    if not isinstance(value, bytes):
        return None
    try:
        return int(parsedate_to_datetime(value.decode("ascii").strip().replace("-", " ", 2)).timestamp())
    except (ValueError, OverflowError):
        return None


def close_fetched(message: Fetched) -> None:
    if message.content is not None and not isinstance(message.content, Oversize):
        close(message.content)
