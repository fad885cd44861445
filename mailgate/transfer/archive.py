"""What Maildir and mbox have in common: folders on disk, their messages, the file that names them, safe opening.

Everything in a folder that is read may be hostile: names are octets of any kind, symbolic links are never followed, and
what is no regular file is never opened for its content.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from mailgate.transfer.mail import Mail

MANIFEST: Final = "mailgate-export.json"
_MANIFEST_LIMIT: Final = 8 * 1024 * 1024
_COMPONENT_LIMIT: Final = 200
"""Octets of one name on disk: file systems take 255, and the form of the folder adds some."""


class ArchiveError(Exception):
    """A folder or file that cannot be read as mail; the text names it."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that could not be read."""

    label: str
    reason: str


class Folder(Protocol):
    """A folder of mail on disk."""

    path: str
    """Relative to what was given, "" for that itself."""
    levels: tuple[str, ...]

    def octets(self) -> int:
        """Octets on disk."""
        ...

    def mails(self) -> Iterator[Mail | Unreadable]:
        """Every message, in a stable order."""
        ...


class NamedFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What the names on disk cannot tell of an exported folder."""

    path: str
    name: str
    special_use: str | None = None
    subscribed: bool = True


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The file that an export leaves beside the mail."""

    format: str
    folders: list[NamedFolder]

    def by_path(self) -> Mapping[str, NamedFolder]:
        """The folders by where they are."""
        return {folder.path: folder for folder in self.folders}


def read_manifest(root: Path) -> Manifest | None:
    """The manifest of an exported folder; None where there is none. Raises ArchiveError when it cannot be read."""
    try:
        with open_regular(root / MANIFEST) as file:
            return msgspec.json.decode(file.read(_MANIFEST_LIMIT), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ArchiveError, msgspec.MsgspecError) as error:
        raise ArchiveError(f"{root / MANIFEST} cannot be read: {error}") from error


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Put the manifest in place, whole or not at all; the folder is made if it is not there."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    with replaced(root / MANIFEST) as file:
        file.write(text)


def open_regular(path: Path) -> IO[bytes]:
    """A regular file for reading, never through a symbolic link. Raises OSError, ArchiveError."""
    # O_NONBLOCK: opening a FIFO would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ArchiveError(f"{path} is no regular file")
    return os.fdopen(descriptor, "rb")


def create_private(path: Path) -> IO[bytes]:
    """A new file that only its owner may read. Raises FileExistsError, for a symbolic link too."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "wb")


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends well, and disappears when it does not."""
    mark = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    temporary = path.with_name(f".{mark}.part")
    temporary.unlink(missing_ok=True)  # of a run that was killed
    try:
        with create_private(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def subfolders(folder: Path) -> Iterator[Path]:
    """The folders in a folder in the order of their names, without symbolic links."""
    with os.scandir(folder) as entries:
        found = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    yield from sorted(found)


def regular_files(folder: Path) -> list[os.DirEntry[str]]:
    """The regular files in a folder in the order of their names, without symbolic links; none where it is missing."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda entry: entry.name)


def printable(name: str) -> str:
    """A file's name as it can be shown and sent on."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def component(text: str, taken: set[str], *, forbidden: Sequence[str] = ()) -> str:
    """A name on disk for a folder, near to its own, safe, and not yet `taken`."""
    safe = "".join("_" if char in "/\\\0" or char in forbidden or not char.isprintable() else char for char in text)
    if safe.startswith("."):
        safe = "_" + safe[1:]
    cut = os.fsencode(safe)[:_COMPONENT_LIMIT].decode("utf-8", "ignore")
    if cut != text or cut in taken:
        mark = hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
        cut = f"{cut}~{mark}"
    taken.add(cut)
    return cut
