"""The files of a delivery: a directory, a zip, a tar compressed or not, or one file. Nothing is unpacked to disk."""

from __future__ import annotations

import hashlib
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from directory.model import DirectoryError

FILES_LIMIT = 10_000
"""Files in one delivery."""


def files(path: Path, *, nested: bool = False) -> Iterator[tuple[str, IO[bytes]]]:
    """Name (without folders) and stream of each file; a stream is to be read before the next is asked for.

    With `nested`, a zip in a folder counts as the files in it: SIECLE and STSWEB give each of theirs in one.

    Raises:
        DirectoryError: no such delivery, or a damaged archive.
    """
    with _explained(path):
        for number, (name, stream) in enumerate(_opened(path, nested=nested)):
            if number >= FILES_LIMIT:
                raise DirectoryError(path.name, None, f"the delivery holds more than {FILES_LIMIT} files")
            yield name, stream


def fingerprint(path: Path) -> str:
    """What stands for the bytes of a delivery and its names: its own, and those of its files when it is a folder.

    Raises:
        DirectoryError: no such delivery.
    """
    digest = hashlib.blake2b(path.name.encode(errors="surrogateescape"), digest_size=16)
    with _explained(path):
        inside = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
        for file in inside:
            with file.open("rb") as stream:
                of_file = hashlib.file_digest(stream, "blake2b")
            digest.update(f"{file.name}\0".encode(errors="surrogateescape") + of_file.digest())
    return digest.hexdigest()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What went wrong, in words for who runs the import."""
    try:
        yield
    except FileNotFoundError as error:
        raise DirectoryError(path.name, None, "no such file or directory; check the path") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise DirectoryError(
            path.name, None, f"cannot be read ({error}); copy or ask for the delivery again"
        ) from error


_PLAIN = frozenset({".xml", ".csv", ".ldif"})
"""What is one file by its name, not an archive."""


def _opened(path: Path, *, nested: bool) -> Iterator[tuple[str, IO[bytes]]]:
    if path.is_dir():
        for file in sorted(entry for entry in path.iterdir() if entry.is_file()):
            if nested and file.suffix.lower() == ".zip":
                yield from _zipped(file)
                continue
            with file.open("rb") as stream:
                yield file.name, stream
    elif zipfile.is_zipfile(path):
        yield from _zipped(path)
    elif path.suffix.lower() in _PLAIN:
        with path.open("rb") as stream:
            yield path.name, stream
    else:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield PurePosixPath(member.name).name, content


def _zipped(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield PurePosixPath(info.filename).name, stream
