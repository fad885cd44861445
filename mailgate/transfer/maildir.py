"""Maildir with the folders of Maildir++ (cr.yp.to/proto/maildir.html, courier-mta.org/maildir.html), as Dovecot has it.

* A file's time of modification is the message's INTERNALDATE; the letters after ``:2,`` are its flags, of which a to z
  stand for the keywords that the folder's ``dovecot-keywords`` names.
* Line ends are LF. ``S=`` in a file's name is its size, ``W=`` that of the message with CRLF: together they say how the
  line ends were, so that every message comes back octet by octet.

The standard library's `mailbox.Maildir` reads whole messages into memory, follows symbolic links, and knows neither
keywords nor the octets of line ends.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from imap.flags import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
from imap.parsing import utf7
from mailgate.transfer.archive import (
    ArchiveError,
    Unreadable,
    create_private,
    open_regular,
    printable,
    regular_files,
    replaced,
    subfolders,
)
from mailgate.transfer.intake import usable_keywords
from mailgate.transfer.line_ends import BareLineFeed, bare_lf_to_crlf, every_lf_to_crlf, to_lf
from mailgate.transfer.mail import Mail
from mailgate.transfer.spool import IN_MEMORY, pieces_of, spooled

KEYWORDS_FILE: Final = "dovecot-keywords"
_FLAGS: Final = {"D": DRAFT, "F": FLAGGED, "R": ANSWERED, "S": SEEN, "T": DELETED}
_PASSED: Final = "$Forwarded"
"""The keyword that the letter P stands for."""
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_SIZE: Final = re.compile(r",W=([0-9]{1,18})(?=[,:]|\Z)")
_EXPORTED: Final = re.compile(r"[0-9-]+\.V([0-9]{1,18})U([0-9]{1,18})\.mailgate")
_MAX_DEPTH: Final = 40
_KEYWORDS_LIMIT: Final = 1024 * 1024


class MaildirFolder:
    """One folder: the files in its ``cur`` and ``new``."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = "" if path == root else str(path.relative_to(root))
        self.levels = levels_of(self.path)
        self._folder = path

    def octets(self) -> int:
        """Octets on disk."""
        return sum(entry.stat(follow_symlinks=False).st_size for _, entry in self._files())

    def mails(self) -> Iterator[Mail | Unreadable]:
        """Every message, by date of its file's name."""
        names = _read_keywords(self._folder)
        for part, entry in self._files():
            label = f"{part}/{printable(entry.name)}"
            try:
                with open_regular(Path(entry.path)) as file:
                    yield _read(label, entry.name, file, names)
            except FileNotFoundError:
                continue  # another program has moved or removed it
            except (OSError, ArchiveError) as error:
                yield Unreadable(label, str(error))

    def _files(self) -> Iterator[tuple[str, os.DirEntry[str]]]:
        for part in ("cur", "new"):
            # A symbolic link in the place of cur or new would lead out of the folder.
            if not (self._folder / part).is_symlink():
                found = [entry for entry in regular_files(self._folder / part) if not entry.name.startswith(".")]
                yield from ((part, entry) for entry in sorted(found, key=_order))


def _order(entry: os.DirEntry[str]) -> tuple[int, int, str]:
    """By date, as names begin; the files of an export in the order of their UIDs."""
    exported = _EXPORTED.match(entry.name)
    return (int(exported[1]), int(exported[2]), "") if exported else (0, 0, entry.name)


def _read(label: str, name: str, file: IO[bytes], names: Mapping[int, str]) -> Mail:
    status = os.fstat(file.fileno())
    content, size = _with_crlf(file, status.st_size, _SIZE.search(name))
    flags, keywords = parse_info(name, names)
    return Mail(label, content, size, flags, keywords, int(status.st_mtime))


def _with_crlf(file: IO[bytes], on_disk: int, marked: re.Match[str] | None) -> tuple[bytes | IO[bytes], int]:
    """The message, its line ends as the name's ``W=`` says they were, or else CRLF wherever there is a line end."""
    source: bytes | IO[bytes] = file.read() if on_disk <= IN_MEMORY else file
    convert: Callable[[Iterable[bytes]], Iterator[bytes]] = bare_lf_to_crlf
    if marked is not None:
        lines = sum(piece.count(b"\n") for piece in pieces_of(source))
        if int(marked[1]) == on_disk:
            convert = iter
        elif int(marked[1]) == on_disk + lines:
            convert = every_lf_to_crlf
    content = spooled(convert(pieces_of(source)))
    return content, len(content) if isinstance(content, bytes) else os.fstat(content.fileno()).st_size


def parse_info(name: str, names: Mapping[int, str]) -> tuple[int, tuple[str, ...]]:
    """The flags and keywords in a file's name; `names` are the keywords of the folder by their number."""
    _, found, letters = name.rpartition(":2,")
    if not found:
        return 0, ()
    flags = 0
    keywords = []
    for letter in letters.partition(",")[0]:
        flags |= _FLAGS.get(letter, 0)
        if letter == "P":
            keywords.append(_PASSED)
        elif letter in _LETTERS and (keyword := names.get(_LETTERS.index(letter))):
            keywords.append(keyword)
    return flags, usable_keywords(keywords)


def info(flags: int, keywords: Iterable[str], letters: Mapping[str, str]) -> str:
    """What follows the unique part of a file's name; `letters` are those of the folder's keywords."""
    found = {letter for letter, bit in _FLAGS.items() if flags & bit}
    found.update(letters[keyword] for keyword in keywords if keyword in letters)
    return ":2," + "".join(sorted(found))


def letters_for(keywords: Sequence[str]) -> dict[str, str]:
    """A letter for each keyword, as long as there are letters."""
    lettered = {keyword: "P" for keyword in keywords if keyword.lower() == _PASSED.lower()}
    others = [keyword for keyword in keywords if keyword not in lettered]
    return {**lettered, **dict(zip(others, _LETTERS, strict=False))}


def _read_keywords(folder: Path) -> dict[int, str]:
    with contextlib.suppress(OSError, ArchiveError), open_regular(folder / KEYWORDS_FILE) as file:
        lines = file.read(_KEYWORDS_LIMIT).decode("utf-8", "replace").splitlines()
        pairs = (line.partition(" ") for line in lines)
        return {int(number): name for number, _, name in pairs if number.isascii() and number.isdigit()}
    return {}


def discover(root: Path) -> list[MaildirFolder]:
    """Every Maildir in and below a folder, nested (mbsync's Verbatim) or with dots (Maildir++), without symbolic links.

    Raises ArchiveError where there is none.
    """
    found = [MaildirFolder(root, path) for path in _walk(root, 0)]
    if not found:
        raise ArchiveError(f"{root} holds no Maildir: a folder with cur and new in it")
    return found


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    inside = list(subfolders(folder))
    names = {path.name for path in inside}
    if {"cur", "new"} <= names:
        yield folder
    if depth < _MAX_DEPTH:
        for path in inside:
            if path.name not in {"cur", "new", "tmp"}:
                yield from _walk(path, depth + 1)


def levels_of(path: str) -> tuple[str, ...]:
    """The hierarchy that a folder's place tells; INBOX is the root itself."""
    levels: list[str] = []
    for part in Path(path).parts:
        text = printable(part)
        levels += [_decoded(level) for level in (text[1:].split(".") if text.startswith(".") else [text])]
    return tuple(level for level in levels if level) or ("INBOX",)


def _decoded(level: str) -> str:
    """Modified UTF-7 (Dovecot, Courier) or plain UTF-8."""
    with contextlib.suppress(ValueError):
        return utf7.decode(level.encode("ascii"))
    return level


class MaildirWriter:
    """Puts messages into one folder; those that an earlier export left there stay, and may get other flags."""

    def __init__(self, folder: Path, keywords: Sequence[str]) -> None:
        for part in ("", "cur", "new", "tmp"):
            (folder / part).mkdir(mode=0o700, parents=not part, exist_ok=True)
        self._folder = folder
        self._letters = letters_for(keywords)
        lettered = [keyword for keyword, letter in self._letters.items() if letter != "P"]
        if lettered:
            lines = (f"{number} {keyword}\n" for number, keyword in enumerate(lettered))
            with replaced(folder / KEYWORDS_FILE) as file:
                file.write("".join(lines).encode())
        self._present = {unique_part(entry.name): entry.name for entry in regular_files(folder / "cur")}

    def holds(self, unique: str) -> bool:
        """Whether this message is there already."""
        return unique in self._present

    def keeps(self, keywords: Iterable[str]) -> bool:
        """Whether there is a letter for each of these keywords."""
        return all(keyword in self._letters for keyword in keywords)

    def reflag(self, mail: Mail) -> bool:
        """Give a message that is there its flags of now; say whether that changed anything."""
        old = self._present[mail.label]
        new = old.partition(":")[0] + info(mail.flags, mail.keywords, self._letters)
        if new == old:
            return False
        (self._folder / "cur" / old).rename(self._folder / "cur" / new)
        self._present[mail.label] = new
        return True

    def add(self, mail: Mail) -> None:
        """Write a message under a name that tells its sizes: first in ``tmp``, then in its place at once."""
        temporary = self._folder / "tmp" / mail.label
        temporary.unlink(missing_ok=True)
        with create_private(temporary) as file:
            on_disk = 0
            try:
                for piece in to_lf(pieces_of(mail.content)):
                    on_disk += file.write(piece)
            except BareLineFeed:
                on_disk = 0
                file.seek(0)
                file.truncate()
                for piece in pieces_of(mail.content):
                    on_disk += file.write(piece)
        os.utime(temporary, (mail.date, mail.date))
        name = f"{mail.label},S={on_disk},W={mail.size}{info(mail.flags, mail.keywords, self._letters)}"
        temporary.rename(self._folder / "cur" / name)
        self._present[mail.label] = name


def unique_name(date: int, uidvalidity: int, uid: int) -> str:
    """The name of an exported message: the same in every export."""
    return f"{date}.V{uidvalidity}U{uid}.mailgate"


def unique_part(name: str) -> str:
    """What names a message for ever: neither sizes nor flags."""
    return re.split("[,:]", name, maxsplit=1)[0]
