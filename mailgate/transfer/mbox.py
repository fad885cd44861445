"""mbox in the form "mboxrd": a ``From `` line before each message, every line that looks like one quoted by ``>``.

RFC 4155 describes the family; flags stand in Status, X-Status and X-Keywords, as UW IMAP, mutt and Dovecot write them.
A first header field of our own, ``X-Mailgate-Message``, says how line ends were, so that every message comes back octet
by octet, with the Status fields that it may have had itself.

The standard library's `mailbox.mbox` unquotes nothing, splits at any line that begins with ``From ``, indexes the whole
file first and reads whole messages into memory.
"""

from __future__ import annotations

import calendar
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from imap.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from mailgate.transfer.archive import ArchiveError, Unreadable, open_regular, printable, regular_files, subfolders
from mailgate.transfer.intake import usable_keywords
from mailgate.transfer.line_ends import BareLineFeed, bare_lf_to_crlf, every_lf_to_crlf, to_lf
from mailgate.transfer.mail import Mail
from mailgate.transfer.spool import Spool, close, pieces_of, spooled

SUFFIX: Final = ".mbox"
_LINE: Final = 64 * 1024
"""Octets of a line that are read at once."""
_MAX_DEPTH: Final = 40
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS: Final = {name.encode(): number for number, name in enumerate(_MONTHS, 1)}
_FROM: Final = re.compile(
    rb"From (?:.* )?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(" + "|".join(_MONTHS).encode() + rb") +([0-9]{1,2}) +"
    rb"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?(?: +[A-Za-z]{2,5})?(?: +([+-])([0-9]{2})([0-9]{2}))? +([0-9]{4})"
    rb"(?: +([+-])([0-9]{2})([0-9]{2}))?[ \t]*\r?\n?\Z"
)
_QUOTED: Final = re.compile(rb">+From ")
_TO_QUOTE: Final = re.compile(rb">*From ")
_UNDECIDED: Final = re.compile(rb">*(?:F(?:r(?:om?)?)?)?\Z")
"""The beginning of a line that does not yet tell whether it is a From line, quoted or not."""
_OURS: Final = re.compile(
    rb"X-Mailgate-Message: size=([0-9]{1,18}); lines=(lf|exact); end=(whole|added)\n"
    rb"(?:Status: ([A-Z]*)\n)(?:X-Status: ([A-Z]*)\n)(?:X-Keywords: ([^\n]*)\n)"
)
_FIELD: Final = re.compile(
    rb"^(?:(Status):[ \t]*([RONU]*)|(X-Status):[ \t]*([AFDTRN]*)|(X-Keywords):[ \t]*([^\r\n]*?))[ \t]*\r?\n",
    re.I | re.M,
)
"""Fields that other programs add. A Status with another value is the message's own."""
_STATUS: Final = {"R": SEEN}
_X_STATUS: Final = {"A": ANSWERED, "F": FLAGGED, "D": DELETED, "T": DRAFT}


class MboxFolder:
    """One file."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path.name if path == root else str(path.relative_to(root))
        self.levels = levels_of(self.path)
        self._file = path

    def octets(self) -> int:
        """Octets on disk."""
        return self._file.stat(follow_symlinks=False).st_size

    def mails(self) -> Iterator[Mail | Unreadable]:
        """Every message, in the order of the file."""
        try:
            with open_regular(self._file) as file:
                for number, (date, text) in enumerate(_split(file), 1):
                    yield _mail(f"message {number}", date, text)
        except (OSError, ArchiveError) as error:
            yield Unreadable(printable(self._file.name), str(error))


def _split(file: IO[bytes]) -> Iterator[tuple[int | None, bytes | IO[bytes]]]:
    """The date of each From line, with the unquoted text after it as it is on disk, without the blank line after it."""
    line = file.readline(_LINE)
    if line and not _FROM.match(line):
        raise ArchiveError("not an mbox: the first line is no From line with a date")
    while line:
        date = parse_from(line)
        spool = Spool()
        line = _copy_message(file, spool)
        yield date, spool.content()


def _copy_message(file: IO[bytes], spool: Spool) -> bytes:
    """Collect the text of one message; give the From line after it, empty at the end of the file."""
    held = b""
    begins = True
    while line := _piece_of_line(file, begins=begins):
        if begins and held and _FROM.match(line):
            return line
        spool.write(held)
        held = b""
        if begins and line in {b"\n", b"\r\n"}:
            held = line
        else:
            spool.write(line[1:] if begins and _QUOTED.match(line) else line)
        begins = line.endswith(b"\n")
    return b""


def _piece_of_line(file: IO[bytes], *, begins: bool) -> bytes:
    """The next line, or a part of a long one; at its beginning long enough to tell whether it is quoted."""
    line = file.readline(_LINE)
    while begins and len(line) >= _LINE and _UNDECIDED.match(line) and (more := file.readline(_LINE)):
        line += more
    return line


def parse_from(line: bytes) -> int | None:
    """The date of a From line, UTC unless it names an offset; None when there is no such day."""
    found = _FROM.match(line)
    if found is None:
        return None
    month, day, hour, minute, second, sign, hours, minutes, year, last_sign, last_hours, last_minutes = found.groups()
    try:
        parts = (int(year), _MONTH_NUMBERS[month], int(day), int(hour), int(minute), int(second or 0))
        date = calendar.timegm((*parts, 0, 0, 0))
        if time.gmtime(date)[:6] != parts:
            return None
    except (ValueError, OverflowError):
        return None
    sign, hours, minutes = (sign, hours, minutes) if sign else (last_sign, last_hours, last_minutes)
    offset = int(hours) * 3600 + int(minutes) * 60 if sign else 0
    return date + offset if sign == b"-" else date - offset


def from_line(date: int) -> bytes:
    """The line before a message. Who sent it stands in the message; no program relies on the sender here."""
    moment = time.gmtime(date)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.tm_wday]
    month = _MONTHS[moment.tm_mon - 1]
    clock = f"{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02}"
    return f"From MAILER-DAEMON {day} {month} {moment.tm_mday:2} {clock} {moment.tm_year:04}\n".encode()


def _mail(label: str, date: int | None, text: bytes | IO[bytes]) -> Mail:
    try:
        start = next(pieces_of(text), b"")
        ours = _OURS.match(start)
        made = _exported(ours, text) if ours else None
        if ours is None or made is None:
            return _foreign(label, date, text)
        status, x_status, keywords = ours.group(4, 5, 6)
        content, size = made
        return Mail(label, content, size, _flags(status, x_status), _keywords(keywords), date)
    finally:
        close(text)


def _exported(ours: re.Match[bytes], text: bytes | IO[bytes]) -> tuple[bytes | IO[bytes], int] | None:
    """The message that an export wrote; None when somebody changed its size since."""
    size, lines, end = int(ours[1]), ours[2], ours[3]
    rest = _without(text, ours.end(), 1 if end == b"added" else 0)
    content = spooled(every_lf_to_crlf(rest) if lines == b"lf" else rest)
    if _size(content) != size:
        close(content)
        return None
    return content, size


def _without(text: bytes | IO[bytes], first: int, last: int) -> Iterator[bytes]:
    """The text without so many octets at its beginning and its end."""
    left = _size(text) - last
    for piece in pieces_of(text):
        kept = piece[:left]
        left -= len(piece)
        yield kept[first:]
        first = max(0, first - len(piece))


def _foreign(label: str, date: int | None, text: bytes | IO[bytes]) -> Mail:
    """A message that another program wrote: flags from its header, where they do not belong to the message."""
    start = next(pieces_of(text), b"")
    blank = re.search(rb"^\r?\n", start, re.M)
    length = blank.start() if blank else len(start)
    found = {field.lastindex: field[field.lastindex or 0] for field in _FIELD.finditer(start, 0, length)}
    kept = _FIELD.sub(b"", start[:length])

    def pieces() -> Iterator[bytes]:
        yield kept
        yield from _without(text, length, 0)

    content = spooled(bare_lf_to_crlf(pieces()))
    flags = _flags(found.get(2, b""), found.get(4, b""))
    return Mail(label, content, _size(content), flags, _keywords(found.get(6, b"")), date)


def _flags(status: bytes, x_status: bytes) -> int:
    return sum(bit for letter, bit in _STATUS.items() if letter.encode() in status) + sum(
        bit for letter, bit in _X_STATUS.items() if letter.encode() in x_status
    )


def _keywords(value: bytes) -> tuple[str, ...]:
    return usable_keywords(value.decode("ascii", "replace").split())


def _size(content: bytes | IO[bytes]) -> int:
    return len(content) if isinstance(content, bytes) else os.fstat(content.fileno()).st_size


def write_message(file: IO[bytes], mail: Mail) -> None:
    """Add a message at the end of a file."""
    try:
        text, lines = spooled(to_lf(pieces_of(mail.content))), "lf"
    except BareLineFeed:
        text, lines = mail.content, "exact"
    end = "whole" if _ends_line(text) else "added"
    status = "".join(letter for letter, bit in _STATUS.items() if mail.flags & bit) + "O"
    x_status = "".join(letter for letter, bit in _X_STATUS.items() if mail.flags & bit)
    file.write(from_line(mail.date))
    file.write(f"X-Mailgate-Message: size={mail.size}; lines={lines}; end={end}\n".encode())
    file.write(f"Status: {status}\nX-Status: {x_status}\nX-Keywords: {' '.join(mail.keywords)}\n".encode())
    _write_quoted(file, text)
    file.write(b"\n" if end == "whole" else b"\n\n")
    if text is not mail.content:
        close(text)


def _ends_line(text: bytes | IO[bytes]) -> bool:
    if isinstance(text, bytes):
        return text.endswith(b"\n")
    text.seek(-1, os.SEEK_END)
    return text.read() == b"\n"


def _write_quoted(file: IO[bytes], text: bytes | IO[bytes]) -> None:
    if isinstance(text, bytes):
        file.write(re.sub(rb"^(?=>*From )", b">", text, flags=re.M))
        return
    text.seek(0)
    begins = True
    while line := _piece_of_line(text, begins=begins):
        if begins and _TO_QUOTE.match(line):
            file.write(b">")
        file.write(line)
        begins = line.endswith(b"\n")


def discover(root: Path) -> list[MboxFolder]:
    """The file itself, or every mbox in and below a folder, without symbolic links. Raises ArchiveError."""
    if root.is_file():
        return [MboxFolder(root, root)]
    found = [MboxFolder(root, path) for path in _walk(root, 0)]
    if not found:
        raise ArchiveError(f"{root} holds no mbox: a file that begins with a From line")
    return found


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    for entry in regular_files(folder):
        path = Path(entry.path)
        if path.suffix == SUFFIX or (not path.suffix and _looks_like(path)):
            yield path
    if depth < _MAX_DEPTH:
        for path in subfolders(folder):
            yield from _walk(path, depth + 1)


def _looks_like(path: Path) -> bool:
    with open_regular(path) as file:
        return _FROM.match(file.readline(_LINE)) is not None


def levels_of(path: str) -> tuple[str, ...]:
    """The hierarchy that a file's place tells; ``.sbd`` is how Thunderbird names the folder of children."""
    *parents, name = Path(path).parts
    return (*(printable(parent).removesuffix(".sbd") for parent in parents), printable(name).removesuffix(SUFFIX))
