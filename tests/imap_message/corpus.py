"""The collected messages: 600 of all kinds, well-formed and not; ``MANIFEST.tsv`` in the archive has their sources."""

from __future__ import annotations

import functools
import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).parent / "data" / "messages.tar.xz"


@functools.cache
def messages() -> dict[str, bytes]:
    """All messages by file name without suffix."""
    found = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name.endswith(".eml") else None
            if stream is not None:
                found[Path(member.name).stem] = stream.read()
    return found
