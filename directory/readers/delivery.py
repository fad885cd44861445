"""The files of a delivery: a directory, a zip, a tar compressed or not, or one file. Nothing is unpacked to disk."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from directory.model import DirectoryError

FILES_LIMIT = 10_000
"""Files in one delivery."""


def files(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name (without folders) and stream of each file; a stream is to be read before the next is asked for.

    Raises:
        DirectoryError: no such delivery, or a damaged archive.
    """
    try:
        for number, (name, stream) in enumerate(_opened(path)):
            if number >= FILES_LIMIT:
                raise DirectoryError(path.name, None, f"the delivery holds more than {FILES_LIMIT} files")
            yield name, stream
    except FileNotFoundError as error:
        raise DirectoryError(path.name, None, "no such file or directory; check the path") from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise DirectoryError(
            path.name, None, f"cannot be read ({error}); copy or ask for the delivery again"
        ) from error


def _opened(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if path.is_dir():
        for file in sorted(entry for entry in path.iterdir() if entry.is_file()):
            with file.open("rb") as stream:
                yield file.name, stream
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    with archive.open(info) as stream:
                        yield PurePosixPath(info.filename).name, stream
    elif path.suffix.lower() == ".xml":
        with path.open("rb") as stream:
            yield path.name, stream
    else:
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    yield PurePosixPath(member.name).name, content
