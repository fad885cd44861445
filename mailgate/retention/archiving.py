"""The archive of an account before it is purged: an export, whole on disk, with the SHA-256 of every file in it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imap.backend import Account
from mailgate.transfer.archive import replaced
from mailgate.transfer.exporting import Format, export_account
from mailgate.transfer.report import Advance

CHECKSUMS: Final = "SHA256SUMS"
"""As `sha256sum --check` reads it."""
_PART: Final = ".part"
_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Archived:
    """What was written: where, the digest of its list of checksums, and how many messages."""

    path: str
    digest: str
    messages: int


async def archive(account: Account, folder: Path, name: str, form: Format, advance: Advance) -> Archived:
    """Write the archive `name` into `folder`, and have all of it on disk when this returns. What a run that was killed
    has left of it, and one of the same name that nobody proved, is written anew. Raises OSError, ArchiveError.
    """
    target, part = folder / name, folder / (name + _PART)
    await asyncio.to_thread(_cleared, folder, part)
    report = await export_account(account, part, form, advance=advance)
    digest = await asyncio.to_thread(_finished, part, target)
    return Archived(str(target), digest, sum(one.copied for one in report.folders))


def _cleared(folder: Path, part: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if part.exists():
        shutil.rmtree(part)


def _finished(part: Path, target: Path) -> str:
    """Write the checksums, sync everything, put the folder in its place; give the digest of the list."""
    lines = []
    for parent, folders, files in os.walk(part):
        folders.sort()
        for name in sorted(files):
            path = Path(parent) / name
            lines.append(f"{_synced(path)}  {path.relative_to(part).as_posix()}\n")
        _sync_folder(Path(parent))
    text = "".join(lines).encode("utf-8", "surrogateescape")
    with replaced(part / CHECKSUMS) as file:
        file.write(text)
    _sync_folder(part)
    if target.exists():
        shutil.rmtree(target)
    part.rename(target)
    _sync_folder(target.parent)
    return hashlib.sha256(text).hexdigest()


def _synced(path: Path) -> str:
    with path.open("rb") as file:
        found = hashlib.sha256()
        while piece := file.read(_PIECE):
            found.update(piece)
        os.fsync(file.fileno())
        return found.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
