"""LDIF (RFC 2849): a file of the entries of a tree, for a school that cannot open its LDAP directory.

A content file only: no changes, nothing fetched from a URL. The file is read anew for each search, so that it may be
of any size and in any order.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from directory.model import DirectoryError
from directory.readers.delivery import files
from directory.readers.ldap_entry import ENTRY_LIMIT, Entry
from directory.readers.sdet_dn import fold_dn

FILE_LIMIT: Final = 256 << 20
"""Bytes: thirty times the tree of the largest school. Its readers hold the groups."""
_LINE_LIMIT: Final = ENTRY_LIMIT
_MANY_LINES: Final = 100_000
"""Lines of one entry: a group of the whole school has one for each member."""


class LdifTree:
    """The tree (`directory.readers.ldap_tree.Tree`) in a file, or in an archive or folder with one file ``*.ldif``.

    A branch is found wherever it is in the tree, as a file has no base.
    """

    def __init__(self, path: Path) -> None:
        self.source = path.name
        self._path = path

    def search(self, branch: str, classes: Sequence[str], attributes: Sequence[str]) -> Iterator[Entry]:
        """As `Tree.search`. Raises DirectoryError for a file that is not LDIF, too, or holds no such branch."""
        wanted = {name.lower().encode() for name in classes}
        below = f",{fold_dn(branch)},"
        there = False
        for file, stream in self._ldif():
            for line, entry in entries(stream, file):
                try:
                    name = f",{fold_dn(entry.dn)},"
                except ValueError as error:
                    raise DirectoryError(file, line, f"an entry without a usable name: {error}") from error
                if below not in name:
                    continue
                there = True
                found = {value.lower() for value in entry.attributes.get("objectclass", ())}
                if wanted & found and not name.startswith(below):
                    yield entry
        if not there:
            raise DirectoryError(self.source, None, f"there is no branch {branch} in the file: check its name")

    def _ldif(self) -> Iterator[tuple[str, IO[bytes]]]:
        read = ""
        for name, stream in files(self._path):
            if name.lower().endswith(".ldif"):
                if read:
                    raise DirectoryError(name, None, f"{read} is a tree as well; keep one of the two")
                read = name
                yield name, stream
        if not read:
            raise DirectoryError(self.source, None, "no file *.ldif")


def entries(stream: IO[bytes], file: str) -> Iterator[tuple[int, Entry]]:
    """The entries of a file, each with the line at which it begins; attributes in lower case, without options.

    Raises:
        DirectoryError: not LDIF, a change, a value from a URL, or a limit.
    """
    record: list[tuple[int, bytes]] = []
    size = 0
    for number, line in _unfolded(stream, file):
        if line:
            record.append((number, line))
            size += len(line)
            if len(record) > _MANY_LINES or size > 2 * ENTRY_LIMIT:
                raise DirectoryError(file, number, "an entry is too long; the file is damaged or hostile")
        elif record:
            yield from _entry(record, file)
            record, size = [], 0
    if record:
        yield from _entry(record, file)


def _unfolded(stream: IO[bytes], file: str) -> Iterator[tuple[int, bytes]]:
    """Logical lines with their numbers, comments left out; a line that begins with a blank continues the one before."""
    held: tuple[int, bytearray] | None = None
    read = 0
    for number, raw in enumerate(iter(lambda: stream.readline(_LINE_LIMIT + 1), b""), 1):
        read += len(raw)
        if len(raw) > _LINE_LIMIT or read > FILE_LIMIT:
            raise DirectoryError(file, number, "a line or the file is too long; it is damaged or hostile")
        line = raw.rstrip(b"\r\n")
        if line.startswith(b" "):
            if held is None:
                raise DirectoryError(file, number, "not LDIF: a line continues nothing")
            held[1].extend(line[1:])
            if len(held[1]) > 2 * _LINE_LIMIT:
                raise DirectoryError(file, number, "a value is too long; the file is damaged or hostile")
            continue
        if held is not None and not held[1].startswith(b"#"):
            yield held[0], bytes(held[1])
        held = (number, bytearray(line))
    if held is not None and not held[1].startswith(b"#"):
        yield held[0], bytes(held[1])


def _entry(record: list[tuple[int, bytes]], file: str) -> Iterator[tuple[int, Entry]]:
    pairs = [(number, *_pair(number, line, file)) for number, line in record]
    if pairs[0][1] == "version":
        pairs = pairs[1:]
        if not pairs:
            return
    first, kind, raw = pairs[0]
    if kind != "dn":
        raise DirectoryError(file, first, "not LDIF: an entry begins with its dn")
    attributes: dict[str, list[bytes]] = {}
    for number, name, value in pairs[1:]:
        if name in ("changetype", "control"):
            raise DirectoryError(file, number, "this file holds changes; give one with the entries themselves")
        attributes.setdefault(name, []).append(value)
    try:
        yield first, Entry(raw.decode(), attributes)
    except UnicodeDecodeError as error:
        raise DirectoryError(file, first, "not LDIF: a name is not UTF-8") from error


def _pair(number: int, line: bytes, file: str) -> tuple[str, bytes]:
    name, colon, rest = line.partition(b":")
    if not colon or not name or not name.isascii():
        raise DirectoryError(file, number, "not LDIF: an attribute and its value are wanted")
    value = rest.strip(b" ")
    if rest.startswith(b"<"):
        raise DirectoryError(file, number, "a value is to be fetched from elsewhere: nothing ever is")
    if rest.startswith(b":"):
        try:
            value = base64.b64decode(rest[1:].strip(b" "), validate=True)
        except binascii.Error as error:
            raise DirectoryError(file, number, "not LDIF: a value is not base64") from error
    return name.decode().lower().partition(";")[0], value
